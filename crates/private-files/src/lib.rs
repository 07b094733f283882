//! Files that only the server's own user may read, written whole or not at all.
//!
//! Refuses: files longer than their reader expects, and two processes at work in one folder at once.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The file system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", .path.display())]
pub struct PrivateFileError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// On which file or folder.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl PrivateFileError {
    /// For `map_err`: what was tried, on what.
    pub fn on(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// A folder in which no other process works as long as this lives.
#[derive(Debug)]
pub struct PrivateFolder {
    path: PathBuf,
    lock: File,
}

impl PrivateFolder {
    /// Makes the folder (0700) if there is none, and waits for whoever is at work in it.
    ///
    /// Not to be asked for twice by one thread: the second would wait for the first for ever.
    ///
    /// # Errors
    /// [`PrivateFileError`].
    pub fn lock(path: &Path) -> Result<Self, PrivateFileError> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let refused = |action| PrivateFileError::on(action, path);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused("make"))?;
        let lock = File::open(path).map_err(refused("open"))?;
        lock.lock().map_err(refused("lock"))?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Where the file of this name is.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What the file holds; `None` when there is none.
    ///
    /// # Errors
    /// [`PrivateFileError`], also when it is longer than `longest` bytes.
    pub fn read(&self, name: &str, longest: u64) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
        read(&self.path_of(name), longest)
    }

    /// Writes the file (0600); when this returns it is on the disk whole, whatever was there before.
    ///
    /// # Errors
    /// [`PrivateFileError`]; then what was there before is there still.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), PrivateFileError> {
        let path = self.path_of(name);
        let (mut file, unfinished) = self.begin(name)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(PrivateFileError::on("write", &path))?;
        self.publish(&unfinished, name)
    }

    /// A new, empty file (0600) that will have this name once it is [published](Self::publish), and where it
    /// is meanwhile.
    ///
    /// # Errors
    /// [`PrivateFileError`].
    pub fn begin(&self, name: &str) -> Result<(File, PathBuf), PrivateFileError> {
        let unfinished = self.path_of(&format!("{name}.new"));
        let refused = || PrivateFileError::on("create", &unfinished);
        // The folder is locked, so what is there is left over from a crash. It is removed, not written into:
        // its mode may be another, and somebody may have it open.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused()(error)),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&unfinished);
        Ok((file.map_err(refused())?, unfinished))
    }

    /// Gives a finished file its name, and makes that last.
    ///
    /// # Errors
    /// [`PrivateFileError`].
    pub fn publish(&self, unfinished: &Path, name: &str) -> Result<(), PrivateFileError> {
        let path = self.path_of(name);
        fs::rename(unfinished, &path).and_then(|()| self.lock.sync_all()).map_err(PrivateFileError::on("write", &path))
    }
}

/// What a file holds; `None` when there is none. Needs no lock: files are replaced whole.
///
/// # Errors
/// [`PrivateFileError`], also when it is longer than `longest` bytes.
pub fn read(path: &Path, longest: u64) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateFileError> {
    let mut bytes = Zeroizing::new(Vec::new());
    match File::open(path).and_then(|file| file.take(longest.saturating_add(1)).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome.map_err(PrivateFileError::on("read", path))?,
    };
    if bytes.len() as u64 > longest {
        let error = io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {longest} bytes"));
        return Err(PrivateFileError::on("read", path)(error));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_written_is_private_whole_and_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/data");
        let folder = PrivateFolder::lock(&path).unwrap();
        assert!(folder.read("key", 100).unwrap().is_none());
        folder.write("key", b"first").unwrap();
        folder.write("key", b"second").unwrap();
        assert_eq!(folder.read("key", 100).unwrap().unwrap().as_slice(), b"second");
        assert_eq!((mode(&path), mode(&path.join("key"))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "no leftovers");
    }

    #[test]
    fn a_leftover_with_another_mode_is_not_written_into() {
        let parent = tempfile::tempdir().unwrap();
        let leftover = parent.path().join("key.new");
        fs::write(&leftover, "half").unwrap();
        fs::set_permissions(&leftover, fs::Permissions::from_mode(0o666)).unwrap();
        let watcher = File::open(&leftover).unwrap();
        PrivateFolder::lock(parent.path()).unwrap().write("key", b"secret").unwrap();
        assert_eq!(mode(&parent.path().join("key")), 0o600);
        let mut seen = String::new();
        (&watcher).read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "half", "whoever had the leftover open does not see the secret");
    }

    #[test]
    fn a_file_that_is_too_long_is_an_error_not_a_part_of_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("key");
        fs::write(&path, [b'a'; 11]).unwrap();
        assert!(read(&path, 11).unwrap().is_some());
        let error = read(&path, 10).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn one_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::lock(parent.path()).unwrap();
        assert!(File::open(parent.path()).unwrap().try_lock().is_err());
        drop(folder);
        File::open(parent.path()).unwrap().try_lock().unwrap();
    }
}
