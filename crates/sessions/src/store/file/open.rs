//! Opening the file, and making it when there is none.
//!
//! Refuses: an empty, foreign, damaged or occupied file, each with the sentence that says what to do.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use doorward_private_files::{PrivateFileError, PrivateFolder};
use redb::{DatabaseError, StorageError};

use super::database;
use crate::SessionsError;

/// The engine's own cache; the system's comes on top.
const CACHE: usize = 8 * 1024 * 1024;

/// Opens the file at `path`, or makes one when there is nothing at all.
pub(super) fn create_or_open(path: &Path) -> Result<redb::Database, SessionsError> {
    // Two that start together on an empty folder must not each make a file.
    let folder = PrivateFolder::lock(path.parent().unwrap_or(Path::new("")))?;
    if !path.try_exists().map_err(PrivateFileError::on("read", path))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Finished under another name first: a file under the right name has always been whole once.
        let (file, unfinished) = folder.begin(&name)?;
        let database = builder().create_file(file).map_err(|error| blame(error, &unfinished))?;
        database::lay_out(&database).map_err(|error| damaged(path, error))?;
        drop(database);
        folder.publish(&unfinished, &name)?;
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
        .map_err(PrivateFileError::on("set the permissions of", path))?;
    open(path)
}

/// Opens the file that is there.
pub(super) fn open(path: &Path) -> Result<redb::Database, SessionsError> {
    // The engine asserts some of what it reads: a damaged file may make it panic rather than return.
    let opened = panic::catch_unwind(AssertUnwindSafe(|| {
        let database = builder().open(path).map_err(|error| blame(error, path))?;
        match database::is_ours(&database) {
            Ok(true) => Ok(database),
            Ok(false) => Err(damaged(path, "it is in a format this version does not know")),
            Err(error) => Err(damaged(path, error)),
        }
    }));
    opened.unwrap_or_else(|_| Err(damaged(path, "the storage engine gave up on it")))
}

fn builder() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

fn blame(error: DatabaseError, path: &Path) -> SessionsError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => SessionsError::StoreInUse { path: path.to_owned() },
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            PrivateFileError::on("open", path)(error).into()
        }
        other => damaged(path, other),
    }
}

fn damaged(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SessionsError {
    SessionsError::StoreDamaged { path: path.to_owned(), source: source.into() }
}
