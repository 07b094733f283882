//! The accounts file: `accounts.json` in the data directory.
//!
//! Refuses: to be guessed at when it is damaged.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use doorward_identity::Email;
use doorward_private_files::{self as private_files, PrivateFileError, PrivateFolder};
use serde::{Deserialize, Serialize};

use crate::AuthenticateError;

const NAME: &str = "accounts.json";
const VERSION: u32 = 1;
/// More than a hundred thousand accounts; above it the file is none of ours.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Everything in the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    version: u32,
    pub(crate) accounts: Vec<Record>,
}

impl Default for Content {
    fn default() -> Self {
        Self { version: VERSION, accounts: Vec::new() }
    }
}

/// One account.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// 128 random bits as 22 characters: the subject of the account for good.
    pub(crate) id: String,
    pub(crate) email: Email,
    pub(crate) added_at: Millis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<Password>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) invitation: Option<Invitation>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("id", &self.id).field("email", &self.email).finish_non_exhaustive()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Password {
    pub(crate) argon2: String,
    pub(crate) set_at: Millis,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invitation {
    /// SHA-256 of the token, base64url: the file alone lets nobody in.
    pub(crate) token_sha256: String,
    pub(crate) expires_at: Millis,
}

/// A point in time as whole milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Millis(u64);

impl From<SystemTime> for Millis {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Millis {
    pub(crate) fn to_time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.0)).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// What tells one state of the file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fingerprint {
    inode: u64,
    length: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// The file on disk. All of its functions block.
#[derive(Debug)]
pub(crate) struct AccountsFile {
    directory: PathBuf,
    path: PathBuf,
}

impl AccountsFile {
    /// The file in this directory, which is made when it is not there.
    pub(crate) fn in_directory(directory: &Path) -> Result<Self, AuthenticateError> {
        PrivateFolder::lock(directory)?;
        Ok(Self { directory: directory.to_owned(), path: directory.join(NAME) })
    }

    /// Which state the file is in now; the default one when there is no file.
    pub(crate) fn fingerprint(&self) -> Result<Fingerprint, AuthenticateError> {
        match std::fs::metadata(&self.path) {
            Ok(data) => Ok(Fingerprint {
                inode: data.ino(),
                length: data.len(),
                seconds: data.mtime(),
                nanoseconds: data.mtime_nsec(),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Fingerprint::default()),
            Err(source) => Err(PrivateFileError::on("look at", &self.path)(source).into()),
        }
    }

    /// What is in it; nothing when there is no file.
    pub(crate) fn read(&self) -> Result<Content, AuthenticateError> {
        let Some(text) = private_files::read(&self.path, LARGEST)? else { return Ok(Content::default()) };
        let content: Content = serde_json::from_slice(&text).map_err(|error| self.damaged(&error.to_string()))?;
        if content.version != VERSION {
            return Err(self.damaged(&format!("it has version {}, and this program knows {VERSION}", content.version)));
        }
        Ok(content)
    }

    /// Changes the file with nobody else at work on it: reads it, lets `change` work on it, and writes it if that
    /// says so.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Content) -> Result<(T, Write), AuthenticateError>,
    ) -> Result<(T, Content), AuthenticateError> {
        let folder = PrivateFolder::lock(&self.directory)?;
        let mut content = self.read()?;
        let (outcome, write) = change(&mut content)?;
        if write == Write::Yes {
            let text = serde_json::to_vec_pretty(&content).map_err(|error| self.damaged(&error.to_string()))?;
            folder.write(NAME, &text)?;
        }
        Ok((outcome, content))
    }

    fn damaged(&self, why: &str) -> AuthenticateError {
        AuthenticateError::AccountsDamaged { path: self.path.clone(), why: why.to_owned() }
    }
}

/// Whether a change is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn record(email: &str) -> Record {
        Record {
            id: email.to_owned(),
            email: Email::parse(email).unwrap(),
            added_at: SystemTime::now().into(),
            password: None,
            invitation: None,
        }
    }

    fn add(file: &AccountsFile, email: &str) {
        file.change(|content| {
            content.accounts.push(record(email));
            Ok(((), Write::Yes))
        })
        .unwrap();
    }

    #[test]
    fn nothing_there_is_no_accounts_and_a_change_is_private_and_seen() {
        let directory = tempfile::tempdir().unwrap();
        let file = AccountsFile::in_directory(&directory.path().join("data")).unwrap();
        assert!(file.read().unwrap().accounts.is_empty());
        let before = file.fingerprint().unwrap();
        add(&file, "a@x.test");
        assert_ne!(file.fingerprint().unwrap(), before);
        assert_eq!(file.read().unwrap().accounts[0].email.as_str(), "a@x.test");
        for (name, mode) in [("data/accounts.json", 0o600), ("data", 0o700)] {
            let permissions = fs::metadata(directory.path().join(name)).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, mode, "{name}");
        }
    }

    #[test]
    fn changes_from_many_at_once_are_all_kept() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = directory.path();
                scope.spawn(move || {
                    let file = AccountsFile::in_directory(path).unwrap();
                    for number in 0..5 {
                        add(&file, &format!("u{writer}-{number}@x.test"));
                    }
                });
            }
        });
        let file = AccountsFile::in_directory(directory.path()).unwrap();
        assert_eq!(file.read().unwrap().accounts.len(), 20);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = AccountsFile::in_directory(directory.path()).unwrap();
        let path = directory.path().join(NAME);
        for text in ["", "{", "[]", r#"{"version":2,"accounts":[]}"#, r#"{"version":1,"accounts":[],"extra":1}"#] {
            fs::write(&path, text).unwrap();
            assert!(matches!(file.read(), Err(AuthenticateError::AccountsDamaged { .. })), "{text}");
            assert!(file.change(|_| Ok(((), Write::Yes))).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), text, "it was written over");
        }
    }
}
