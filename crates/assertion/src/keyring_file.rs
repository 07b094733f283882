//! The ring of keys in a folder that only the server reads, for a Doorward that shares it with nobody.
//!
//! Refuses to replace a file that holds no ring: it may be restored from a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use doorward_private_files::{PrivateFileError, PrivateFolder};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use crate::keyring::LONGEST_RECORD;
use crate::{Keyring, SignError};

const FILE: &str = "keyring.json";
/// The one key there was before there were rings.
const BEFORE: &str = "assertion-key.pem";

/// A folder with a ring in it.
#[derive(Debug, Clone)]
pub struct KeyringFile {
    folder: PathBuf,
}

impl KeyringFile {
    /// The ring in this folder; nothing is read yet.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The ring as it is to be now: read, made where there is none, and rotated where that is due. It is on the disk
    /// (0600) before it is returned. Several processes may do this at once, and get the same.
    ///
    /// # Errors
    /// [`SignError::KeyDamaged`] when the file holds no ring (it is never replaced), [`SignError::File`],
    /// [`SignError::System`].
    pub fn look_after(&self, now: SystemTime) -> Result<Keyring, SignError> {
        let folder = PrivateFolder::lock(&self.folder)?;
        let damaged = |name| SignError::KeyDamaged { path: folder.path_of(name) };
        let longest = LONGEST_RECORD as u64;
        let (mut ring, kept) = if let Some(record) = folder.read(FILE, longest)? {
            (Keyring::from_record(&record).map_err(|_| damaged(FILE))?, true)
        } else if let Some(pem) = folder.read(BEFORE, longest)? {
            (of_pem(&pem, now).ok_or_else(|| damaged(BEFORE))?, false)
        } else {
            (Keyring::generate(now)?, false)
        };
        let due = ring.due(now);
        if due {
            ring.rotate(now)?;
        }
        if due || !kept {
            folder.write(FILE, &ring.to_record()?)?;
        }
        // Its key is in the ring, and must not outlive its turn there.
        let before = folder.path_of(BEFORE);
        match fs::remove_file(&before) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PrivateFileError::on("remove", &before)(error).into())
            }
            _ => Ok(ring),
        }
    }
}

fn of_pem(pem: &[u8], now: SystemTime) -> Option<Keyring> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
    Keyring::of_one(Zeroizing::new(der.secret_pkcs8_der().to_vec()), now)
}

#[cfg(test)]
mod tests;
