//! What every session store promises, run on each of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_sessions::{Expected, FileStore, MemoryStore, Put, RecordKey, RecordKind, SessionStore, Version};

const KINDS: [RecordKind; 3] = [RecordKind::Session, RecordKind::Grant, RecordKind::Handover];

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn key(id: u8) -> RecordKey {
    RecordKey { kind: RecordKind::Session, id: [id; 32] }
}

type Shared = Arc<dyn SessionStore>;

async fn a_record_is_read_back_as_it_was_written(store: Shared) {
    assert_eq!(store.get(&key(1), at(0)).await.unwrap(), None);
    let put = store.put(&key(1), Expected::Absent, b"sealed", at(60), at(0)).await.unwrap();
    assert_eq!(put, Put::Stored(Version(1)));
    let stored = store.get(&key(1), at(0)).await.unwrap().unwrap();
    assert_eq!(
        (stored.sealed.as_slice(), stored.version, stored.expires_at),
        (b"sealed".as_slice(), Version(1), at(60))
    );
}

async fn kinds_do_not_mix(store: Shared) {
    for (number, kind) in (0..).zip(KINDS) {
        let key = RecordKey { kind, id: [9; 32] };
        let put = store.put(&key, Expected::Absent, &[number], at(60), at(0)).await.unwrap();
        assert_eq!(put, Put::Stored(Version(1)), "{kind:?}");
    }
    assert!(store.remove(&RecordKey { kind: RecordKind::Grant, id: [9; 32] }).await.unwrap());
    let session = store.get(&RecordKey { kind: RecordKind::Session, id: [9; 32] }, at(0)).await.unwrap().unwrap();
    assert_eq!(session.sealed, [0]);
    assert_eq!(store.get(&RecordKey { kind: RecordKind::Grant, id: [9; 32] }, at(0)).await.unwrap(), None);
}

async fn a_write_needs_what_it_expects(store: Shared) {
    let put = |expected, sealed: &'static [u8]| {
        let store = Arc::clone(&store);
        async move { store.put(&key(1), expected, sealed, at(60), at(0)).await.unwrap() }
    };
    assert_eq!(put(Expected::Version(Version(1)), b"none yet").await, Put::Conflict);
    assert_eq!(put(Expected::Absent, b"one").await, Put::Stored(Version(1)));
    assert_eq!(put(Expected::Absent, b"again").await, Put::Conflict);
    assert_eq!(put(Expected::Version(Version(1)), b"two").await, Put::Stored(Version(2)));
    assert_eq!(put(Expected::Version(Version(1)), b"late").await, Put::Conflict);
    assert_eq!(put(Expected::Any, b"three").await, Put::Stored(Version(3)));
    assert_eq!(store.get(&key(1), at(0)).await.unwrap().unwrap().sealed, b"three");
    // A write after the removal must not bring the record back.
    assert!(store.remove(&key(1)).await.unwrap());
    assert_eq!(put(Expected::Version(Version(3)), b"risen").await, Put::Conflict);
    assert_eq!(store.get(&key(1), at(0)).await.unwrap(), None);
}

async fn an_expired_record_counts_as_absent(store: Shared) {
    store.put(&key(1), Expected::Absent, b"old", at(60), at(0)).await.unwrap();
    assert!(store.get(&key(1), at(59)).await.unwrap().is_some());
    assert_eq!(store.get(&key(1), at(60)).await.unwrap(), None);
    let late = store.put(&key(1), Expected::Version(Version(1)), b"late", at(120), at(60)).await.unwrap();
    assert_eq!(late, Put::Conflict);
    let anew = store.put(&key(1), Expected::Absent, b"new", at(120), at(60)).await.unwrap();
    assert!(matches!(anew, Put::Stored(_)));
    assert_eq!(store.get(&key(1), at(60)).await.unwrap().unwrap().sealed, b"new");
}

async fn sweeping_removes_what_has_expired_and_nothing_else(store: Shared) {
    for id in 0..10 {
        store.put(&key(id), Expected::Absent, b"x", at(u64::from(id) * 10), at(0)).await.unwrap();
    }
    // A longer life replaces the shorter one.
    store.put(&key(1), Expected::Any, b"x", at(500), at(0)).await.unwrap();
    assert_eq!(store.sweep(at(50)).await.unwrap(), 5, "0, 2, 3, 4 and 5");
    assert_eq!(store.sweep(at(50)).await.unwrap(), 0);
    assert!(store.get(&key(1), at(50)).await.unwrap().is_some());
    assert!(store.get(&key(6), at(50)).await.unwrap().is_some());
    assert_eq!(store.sweep(at(1000)).await.unwrap(), 5);
}

async fn sweeping_comes_to_an_end_with_thousands(store: Shared) {
    let writes = (0..2500_u32).map(|number| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut key = key(0);
            key.id[..4].copy_from_slice(&number.to_be_bytes());
            store.put(&key, Expected::Absent, b"x", at(10), at(0)).await.unwrap()
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    assert_eq!(store.sweep(at(11)).await.unwrap(), 2500);
}

async fn a_record_is_removed_by_exactly_one(store: Shared) {
    for round in 0..20 {
        store.put(&key(round), Expected::Absent, b"once", at(60), at(0)).await.unwrap();
        let racers = (0..16).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.remove(&key(round)).await.unwrap() })
        });
        let mut winners = 0;
        for racer in racers.collect::<Vec<_>>() {
            winners += usize::from(racer.await.unwrap());
        }
        assert_eq!(winners, 1, "round {round}");
    }
}

async fn of_writers_with_the_same_version_one_wins(store: Shared) {
    store.put(&key(1), Expected::Absent, b"start", at(60), at(0)).await.unwrap();
    for version in 1..20 {
        let racers = (0..16_u8).map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                store.put(&key(1), Expected::Version(Version(version)), &[number], at(60), at(0)).await.unwrap()
            })
        });
        let mut winners = Vec::new();
        for (number, racer) in (0..).zip(racers.collect::<Vec<_>>()) {
            if racer.await.unwrap() == Put::Stored(Version(version + 1)) {
                winners.push(number);
            }
        }
        assert_eq!(winners.len(), 1, "version {version}");
        assert_eq!(store.get(&key(1), at(0)).await.unwrap().unwrap().sealed, winners);
    }
}

async fn large_and_empty_records_are_kept(store: Shared) {
    let large = vec![0xa5; 1024 * 1024];
    store.put(&key(1), Expected::Absent, &large, at(60), at(0)).await.unwrap();
    store.put(&key(2), Expected::Absent, b"", at(60), at(0)).await.unwrap();
    assert_eq!(store.get(&key(1), at(0)).await.unwrap().unwrap().sealed, large);
    assert_eq!(store.get(&key(2), at(0)).await.unwrap().unwrap().sealed, b"");
}

macro_rules! contract {
    ($($promise:ident)*) => {
        mod memory {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    super::$promise(Arc::new(MemoryStore::new())).await;
                }
            )*
        }

        mod file {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$promise(Arc::new(FileStore::open(&folder.path().join("sessions.redb")).unwrap())).await;
                }
            )*
        }
    };
}

contract! {
    a_record_is_read_back_as_it_was_written
    kinds_do_not_mix
    a_write_needs_what_it_expects
    an_expired_record_counts_as_absent
    sweeping_removes_what_has_expired_and_nothing_else
    sweeping_comes_to_an_end_with_thousands
    a_record_is_removed_by_exactly_one
    of_writers_with_the_same_version_one_wins
    large_and_empty_records_are_kept
}
