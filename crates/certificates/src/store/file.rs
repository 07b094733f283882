//! Records as files of 0600, a folder for each kind, all below one folder.
//!
//! Refuses: files over 1 MiB. Each operation locks its folder for itself alone, so that no process waits long for
//! another. A lease that cannot be read counts as given back: it says nothing worth keeping.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorward_private_files::{PrivateFileError, PrivateFolder};
use futures_util::future::BoxFuture;

use super::{CertificateStore, LeaseRecord, RecordBytes, RecordKey, RecordKind, StoreError, Term};

/// More than any record is long.
const LONGEST: u64 = 1024 * 1024;
const ENDING: &str = ".json";
/// The ending of records that could not be understood.
const DAMAGED: &str = ".damaged";
const LEASE: &str = "lease.json";

/// A store in a folder of this machine, or one that several share by a file system that knows `flock`.
#[derive(Debug, Clone)]
pub struct FileCertificateStore {
    folder: Arc<Folder>,
}

impl FileCertificateStore {
    /// A store in this folder, which is made when the first record is written.
    pub fn new(folder: &Path) -> Self {
        Self { folder: Arc::new(Folder::new(folder)) }
    }

    /// Waits for the disk where waiting harms nobody.
    async fn on<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = Arc::clone(&self.folder);
        tokio::task::spawn_blocking(move || work(&folder)).await.map_err(|_| StoreError::Stopping)?
    }
}

impl CertificateStore for FileCertificateStore {
    fn read<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<RecordBytes>, StoreError>> {
        let key = key.clone();
        Box::pin(self.on(move |folder| folder.read(&key)))
    }

    fn write<'a>(&'a self, key: &'a RecordKey, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        let (key, bytes) = (key.clone(), RecordBytes::new(bytes.to_vec()));
        Box::pin(self.on(move |folder| folder.write(&key, &bytes)))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        let key = key.clone();
        Box::pin(self.on(move |folder| folder.remove(&key)))
    }

    fn set_aside<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<(), StoreError>> {
        let key = key.clone();
        Box::pin(self.on(move |folder| folder.set_aside(&key)))
    }

    fn list(&self, kind: RecordKind) -> BoxFuture<'_, Result<Vec<RecordKey>, StoreError>> {
        Box::pin(self.on(move |folder| folder.list(kind)))
    }

    fn acquire<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>> {
        let holder = holder.to_owned();
        Box::pin(self.on(move |folder| folder.acquire(&holder, term)))
    }

    fn renew<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>> {
        let holder = holder.to_owned();
        Box::pin(self.on(move |folder| folder.renew(&holder, term)))
    }

    fn release<'a>(&'a self, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let holder = holder.to_owned();
        Box::pin(self.on(move |folder| folder.release(&holder)))
    }
}

/// The files themselves, for those who may wait for the disk.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn read(&self, key: &RecordKey) -> Result<Option<RecordBytes>, StoreError> {
        Ok(doorward_private_files::read(&self.path(key, ENDING), LONGEST)?)
    }

    pub(crate) fn list(&self, kind: RecordKind) -> Result<Vec<RecordKey>, StoreError> {
        let path = self.0.join(kind.as_str());
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            outcome => outcome.map_err(PrivateFileError::on("list", &path))?,
        };
        let mut keys = Vec::new();
        for entry in entries {
            let name = entry.map_err(PrivateFileError::on("list", &path))?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            keys.extend(name.and_then(|name| RecordKey::new(kind, name).ok()));
        }
        Ok(keys)
    }

    pub(super) fn write(&self, key: &RecordKey, bytes: &[u8]) -> Result<(), StoreError> {
        Ok(self.lock(key.kind())?.write(&file_name(key, ENDING), bytes)?)
    }

    pub(super) fn remove(&self, key: &RecordKey) -> Result<bool, StoreError> {
        let path = self.path(key, ENDING);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PrivateFileError::on("remove", &path)(error).into()),
        }
    }

    pub(super) fn set_aside(&self, key: &RecordKey) -> Result<(), StoreError> {
        let path = self.path(key, ENDING);
        match fs::rename(&path, self.path(key, DAMAGED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PrivateFileError::on("set aside", &path)(error).into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn acquire(&self, holder: &str, term: Term) -> Result<bool, StoreError> {
        self.change_lease(|kept| LeaseRecord::acquire(kept, holder, term))
    }

    pub(super) fn renew(&self, holder: &str, term: Term) -> Result<bool, StoreError> {
        self.change_lease(|kept| LeaseRecord::renew(kept, holder, term))
    }

    /// Whether the change gave us the lease.
    fn change_lease(
        &self,
        change: impl FnOnce(Option<&LeaseRecord>) -> Option<LeaseRecord>,
    ) -> Result<bool, StoreError> {
        let folder = PrivateFolder::lock(&self.0)?;
        let kept = folder.read(LEASE, LONGEST)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(lease) = change(kept.as_ref()) else { return Ok(false) };
        let bytes = serde_json::to_vec(&lease).unwrap_or_default();
        folder.write(LEASE, &bytes)?;
        Ok(true)
    }

    pub(super) fn release(&self, holder: &str) -> Result<(), StoreError> {
        let folder = PrivateFolder::lock(&self.0)?;
        let kept: Option<LeaseRecord> =
            folder.read(LEASE, LONGEST)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if kept.is_some_and(|kept| kept.is_of(holder)) {
            let path = folder.path_of(LEASE);
            fs::remove_file(&path).map_err(PrivateFileError::on("remove", &path))?;
        }
        Ok(())
    }

    fn lock(&self, kind: RecordKind) -> Result<PrivateFolder, StoreError> {
        Ok(PrivateFolder::lock(&self.0.join(kind.as_str()))?)
    }

    fn path(&self, key: &RecordKey, ending: &str) -> PathBuf {
        self.0.join(key.kind().as_str()).join(file_name(key, ending))
    }
}

fn file_name(key: &RecordKey, ending: &str) -> String {
    format!("{}{ending}", key.name())
}
