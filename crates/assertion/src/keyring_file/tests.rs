use super::*;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use base64::Engine as _;

use crate::SigningKeys;
use crate::key::SigningKey;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn published(ring: &Keyring) -> serde_json::Value {
    serde_json::from_slice(&SigningKeys::of_ring(ring).unwrap().published().body).unwrap()
}

fn pem(der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

#[test]
fn the_ring_is_made_once_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = KeyringFile::at(&data);
    let (first, second) = (file.look_after(now()).unwrap(), file.look_after(now()).unwrap());
    assert_eq!(published(&first), published(&second));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join(FILE))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "no leftovers");
}

#[test]
fn those_who_start_together_get_the_same_ring() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyringFile::at(folder.path());
    let rings: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..6).map(|_| scope.spawn(|| file.look_after(now()).unwrap())).collect();
        starts.into_iter().map(|start| published(&start.join().unwrap())).collect()
    });
    assert!(rings.iter().all(|ring| ring == &rings[0]));
}

#[test]
fn a_rotation_is_on_the_disk_before_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyringFile::at(folder.path());
    let first = file.look_after(now()).unwrap();
    let later = now() + crate::ROTATE_EVERY;
    let second = file.look_after(later).unwrap();
    assert_eq!(published(&second)["keys"].as_array().unwrap().len(), 2);
    assert_eq!(published(&second)["keys"][0], published(&first)["keys"][0]);
    assert_eq!(published(&file.look_after(later).unwrap()), published(&second));
}

#[test]
fn the_key_there_was_before_becomes_the_first_of_the_ring() {
    let folder = tempfile::tempdir().unwrap();
    let der = SigningKey::generate().unwrap();
    fs::write(folder.path().join(BEFORE), pem(&der)).unwrap();
    let file = KeyringFile::at(folder.path());
    let ring = file.look_after(now()).unwrap();
    let key = SigningKey::from_der(&der).unwrap();
    assert_eq!(published(&ring)["keys"], serde_json::json!([key.public()]));
    assert!(!folder.path().join(BEFORE).exists(), "it is to end with its turn");
    assert_eq!(published(&file.look_after(now()).unwrap()), published(&ring));
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    let rsa_like = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYD54V/vp\n-----END PUBLIC KEY-----\n";
    for name in [FILE, BEFORE] {
        for damaged in ["", "no key", rsa_like, public, "{\"version\":1,\"keys\":[]}"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            fs::write(&path, damaged).unwrap();
            let error = KeyringFile::at(folder.path()).look_after(now()).unwrap_err();
            assert!(matches!(error, SignError::KeyDamaged { .. }), "{error:?}");
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is put beside it");
        }
    }
}
