//! The server's own secret, from which the keys of records and cookies are derived.
//!
//! Refuses: replacing a file that is there but cannot be understood.

use std::io::ErrorKind;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_private_files::PrivateFolder;
use zeroize::Zeroizing;

use crate::SessionsError;
use crate::seal::Secret32;

const SECRET_FILE: &str = "server.secret";
/// More than any secret file of ours is long.
const LONGEST: u64 = 1024;

/// The server's own secret, kept in `data_dir/server.secret`: made once, read on every later start.
///
/// For when the configuration names none. Two processes that start together get the same one.
///
/// # Errors
/// [`SessionsError::SecretDamaged`] when the file holds anything else (it is never replaced), and
/// [`SessionsError::File`] when the file system refuses.
pub fn server_secret(data_dir: &Path) -> Result<Secret32, SessionsError> {
    let folder = PrivateFolder::lock(data_dir)?;
    match folder.read(SECRET_FILE, LONGEST) {
        Ok(Some(text)) => decode(&text).ok_or(SessionsError::SecretDamaged { path: folder.path_of(SECRET_FILE) }),
        Ok(None) => {
            let secret = Secret32::random()?;
            folder.write(SECRET_FILE, &encode(&secret))?;
            Ok(secret)
        }
        Err(error) if error.source.kind() == ErrorKind::FileTooLarge => {
            Err(SessionsError::SecretDamaged { path: error.path })
        }
        Err(error) => Err(error.into()),
    }
}

fn encode(secret: &Secret32) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(vec![b'\n'; 44]);
    // 32 bytes are 43 characters without padding; the line end stays behind them.
    let _ = URL_SAFE_NO_PAD.encode_slice(secret.expose(), &mut text);
    text
}

fn decode(text: &[u8]) -> Option<Secret32> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.trim_ascii_end()).ok()?);
    Some(Secret32::new(bytes.as_slice().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::thread;

    #[test]
    fn the_secret_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("deep/data");
        let first = server_secret(&data_dir).unwrap();
        let second = server_secret(&data_dir).unwrap();
        assert_eq!(first.expose(), second.expose());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data_dir), 0o700);
        assert_eq!(mode(&data_dir.join(SECRET_FILE)), 0o600);
        assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1, "no leftovers");
    }

    #[test]
    fn two_folders_have_two_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let one = server_secret(&folder.path().join("one")).unwrap();
        let other = server_secret(&folder.path().join("other")).unwrap();
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn those_who_start_together_get_the_same_secret() {
        let folder = tempfile::tempdir().unwrap();
        let secrets: Vec<_> = thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| server_secret(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| *start.join().unwrap().expose()).collect()
        });
        assert!(secrets.iter().all(|secret| secret == &secrets[0]));
    }

    #[test]
    fn a_damaged_secret_is_named_and_left_alone() {
        for damaged in ["", "short\n", "%%%%", &"A".repeat(42), &"A".repeat(2000)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(SECRET_FILE);
            fs::write(&path, damaged).unwrap();
            let error = server_secret(folder.path()).unwrap_err();
            assert!(matches!(error, SessionsError::SecretDamaged { .. }), "{error}");
            assert!(error.to_string().contains(SECRET_FILE), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
