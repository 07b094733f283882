mod disk;
mod growth;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::RecordKind;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn key(id: u8) -> RecordKey {
    RecordKey { kind: RecordKind::Grant, id: [id; 32] }
}

async fn put(store: &FileStore, id: u8) -> Result<Put, StoreUnavailable> {
    store.put(&key(id), Expected::Absent, &[id; 500], at(60), at(0)).await
}

#[tokio::test]
async fn what_was_answered_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/sessions.redb");
    let store = FileStore::open(&path).unwrap();
    put(&store, 1).await.unwrap();
    put(&store, 2).await.unwrap();
    assert!(store.remove(&key(2)).await.unwrap());
    drop(store);
    let store = FileStore::open(&path).unwrap();
    assert_eq!(store.get(&key(1), at(0)).await.unwrap().unwrap().sealed, [1; 500]);
    assert_eq!(store.get(&key(2), at(0)).await.unwrap(), None);
    assert_eq!(store.sweep(at(60)).await.unwrap(), 1);
}

#[tokio::test]
async fn what_was_answered_survives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let store = FileStore::open(&path).unwrap();
    put(&store, 1).await.unwrap();
    // The file as a killed process leaves it: never closed.
    let left = folder.path().join("left.redb");
    fs::copy(&path, &left).unwrap();
    let store = FileStore::open(&left).unwrap();
    assert!(store.get(&key(1), at(0)).await.unwrap().is_some());
    put(&store, 2).await.unwrap();
}

#[test]
fn the_file_is_private_whatever_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/sessions.redb");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    drop(FileStore::open(&path).unwrap());
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(FileStore::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no leftovers");
}

#[test]
fn a_second_process_is_told_who_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let first = FileStore::open(&path).unwrap();
    let error = FileStore::open(&path).unwrap_err();
    assert!(matches!(error, SessionsError::StoreInUse { .. }), "{error:?}");
    assert!(error.to_string().starts_with("another doorward is using "), "{error}");
    drop(first);
    FileStore::open(&path).unwrap();
}

#[test]
fn those_who_start_together_do_not_both_get_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/sessions.redb");
    let opened: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..6).map(|_| scope.spawn(|| FileStore::open(&path))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(opened.iter().filter(|store| store.is_ok()).count(), 1);
}

#[test]
fn a_damaged_file_is_named_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.redb");
    drop(FileStore::open(&whole).unwrap());
    let whole = fs::read(whole).unwrap();
    let mut headless = whole.clone();
    headless[..512].fill(0);
    for (number, damaged) in
        [Vec::new(), b"#!/bin/sh\n".to_vec(), vec![0; 100_000], whole[..100].to_vec(), headless].into_iter().enumerate()
    {
        let path = folder.path().join(format!("{number}.redb"));
        fs::write(&path, &damaged).unwrap();
        let error = FileStore::open(&path).unwrap_err();
        assert!(matches!(error, SessionsError::StoreDamaged { .. }), "{number}: {error:?}");
        assert!(error.to_string().contains(&format!("{number}.redb is damaged")), "{error}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "{number}");
    }
}

#[test]
fn another_program_s_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    drop(redb::Database::create(&path).unwrap());
    let error = FileStore::open(&path).unwrap_err();
    assert!(matches!(error, SessionsError::StoreDamaged { .. }), "{error:?}");
}

#[tokio::test]
async fn whatever_byte_is_damaged_nothing_foreign_is_returned() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let store = FileStore::open(&path).unwrap();
    for id in 0..20 {
        put(&store, id).await.unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    for place in (0..whole.len()).step_by(whole.len() / 150) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x41;
        fs::write(&path, &damaged).unwrap();
        let Ok(store) = FileStore::open(&path) else { continue };
        for id in 0..20 {
            // A flipped byte of a record is the seal's to find; the store must only not lose its head.
            if let Ok(Some(stored)) = store.get(&key(id), at(0)).await {
                assert!(stored.sealed.len() <= 500, "byte {place}");
            }
        }
    }
}
