//! What becomes of the file when there are many records, and when they are gone.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;

use super::*;

/// The record of a number, in a place of the file that looks random.
fn scattered(number: u64) -> RecordKey {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [0; 32];
    id[..8].copy_from_slice(&mixed.to_be_bytes());
    RecordKey { kind: RecordKind::Session, id }
}

/// Whether opening the file as it is has to read all of it first.
fn must_be_read_whole(path: &Path) -> bool {
    let copy = path.with_extension("copy");
    fs::copy(path, &copy).unwrap();
    let whole = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&whole);
    let opened =
        redb::Builder::new().set_repair_callback(move |_| told.store(true, Ordering::SeqCst)).open(&copy).unwrap();
    assert!(database::is_ours(&opened).unwrap());
    whole.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_large_file_needs_not_be_read_whole_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let first = open::create_or_open(&path).unwrap();
    let reopen = {
        let path = path.clone();
        move || open::open(&path)
    };
    let store = FileStore::over(Database::new(first, Box::new(reopen)), 3).unwrap();
    for id in 1..=2 {
        put(&store, id).await.unwrap();
    }
    assert!(must_be_read_whole(&path), "small ones stay at one sync of the disk");
    for id in 3..=5 {
        put(&store, id).await.unwrap();
        assert!(!must_be_read_whole(&path), "{id} records");
    }
    // Nor does what writes nothing change that.
    assert_eq!(put(&store, 5).await.unwrap(), Put::Conflict);
    assert_eq!(store.sweep(at(0)).await.unwrap(), 0);
    assert!(!must_be_read_whole(&path));
    assert!(store.remove(&key(5)).await.unwrap());
    assert!(!must_be_read_whole(&path));
}

#[tokio::test]
async fn records_that_come_and_go_do_not_make_the_file_grow() {
    let records: u64 = std::env::var("RECORDS").map_or(2_000, |records| records.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let store = FileStore::open(&path).unwrap();
    let mut sizes = Vec::new();
    for round in 0..10 {
        for first in (0..records).step_by(500) {
            let (store, expiry) = (&store, at(round * 10 + 10));
            let keys: Vec<_> = (first..first + 500).map(|number| scattered(round * records + number)).collect();
            let puts = keys.iter().map(|key| store.put(key, Expected::Absent, &[1; 2_000], expiry, at(round * 10)));
            assert!(join_all(puts).await.into_iter().all(|put| put.unwrap() == Put::Stored(crate::Version(1))));
        }
        sizes.push(fs::metadata(&path).unwrap().len());
        assert_eq!(store.sweep(at(round * 10 + 10)).await.unwrap() as u64, records);
    }
    println!("bytes after each round: {sizes:?}");
    let [first, .., last] = sizes.as_slice() else { panic!("ten rounds") };
    assert!(*last <= first * 2, "{first} bytes grew to {last}: {sizes:?}");
    drop(store);
    let reopened = FileStore::open(&path).unwrap();
    put(&reopened, 1).await.unwrap();
    drop(reopened);
    let closed = fs::metadata(&path).unwrap().len();
    assert!(closed < first / 4, "what is free goes back to the disk when the file is closed: {closed} bytes");
}
