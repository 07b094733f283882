//! What every store of certificates promises. The stores of several machines are held to it where they are made.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use doorward_certificates::{CertificateStore, RecordKey, RecordKind, Term};

pub(crate) type Shared = Arc<dyn CertificateStore>;
/// Makes another handle on what the first one keeps, as another process would.
pub(crate) type Open = Arc<dyn Fn() -> Shared + Send + Sync>;

pub(crate) fn key(kind: RecordKind, name: &str) -> RecordKey {
    RecordKey::new(kind, name).unwrap()
}

/// So many seconds after the tests began. A time of the day, for there are servers with clocks of their own.
pub(crate) fn term(now: u64, until: u64) -> Term {
    static START: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
    let at = |seconds| *START + Duration::from_secs(seconds);
    Term { now: at(now), until: at(until) }
}

pub(crate) async fn a_record_is_read_back_by_every_handle(open: Open) {
    let (ours, other) = (open(), open());
    let key = key(RecordKind::Certificate, "a.example.com");
    assert!(ours.read(&key).await.unwrap().is_none());
    for bytes in [&b"one"[..], b"", b"three, and longer than the first"] {
        ours.write(&key, bytes).await.unwrap();
        assert_eq!(other.read(&key).await.unwrap().unwrap().as_slice(), bytes);
    }
    assert!(other.remove(&key).await.unwrap());
    assert!(!ours.remove(&key).await.unwrap(), "once is enough");
    assert!(ours.read(&key).await.unwrap().is_none());
}

pub(crate) async fn kinds_do_not_mix(open: Open) {
    let store = open();
    for kind in RecordKind::ALL {
        store.write(&key(kind, "same"), kind.as_str().as_bytes()).await.unwrap();
        store.write(&key(kind, "+.wild"), b"x").await.unwrap();
    }
    store.remove(&key(RecordKind::Attempt, "same")).await.unwrap();
    for kind in RecordKind::ALL {
        let mut names = store.list(kind).await.unwrap();
        names.sort();
        if kind == RecordKind::Attempt {
            assert_eq!(names, [key(kind, "+.wild")]);
        } else {
            assert_eq!(names, [key(kind, "+.wild"), key(kind, "same")]);
            assert_eq!(store.read(&key(kind, "same")).await.unwrap().unwrap().as_slice(), kind.as_str().as_bytes());
        }
    }
}

pub(crate) async fn what_is_set_aside_is_out_of_the_way(open: Open) {
    let store = open();
    let damaged = key(RecordKind::Certificate, "a.example.com");
    store.set_aside(&damaged).await.unwrap();
    store.write(&damaged, b"damaged").await.unwrap();
    store.write(&key(RecordKind::Certificate, "b.example.com"), b"whole").await.unwrap();
    store.set_aside(&damaged).await.unwrap();
    assert!(store.read(&damaged).await.unwrap().is_none());
    assert_eq!(store.list(RecordKind::Certificate).await.unwrap(), [key(RecordKind::Certificate, "b.example.com")]);
    store.write(&damaged, b"new").await.unwrap();
    assert_eq!(store.read(&damaged).await.unwrap().unwrap().as_slice(), b"new");
}

pub(crate) async fn a_reader_never_sees_half_a_record(open: Open) {
    let (writer, reader) = (open(), open());
    let key = key(RecordKind::Attempt, "a.example.com");
    writer.write(&key, &vec![0; 100_000]).await.unwrap();
    let writing = tokio::spawn({
        let key = key.clone();
        async move {
            for round in 1..=50_u8 {
                writer.write(&key, &vec![round; 100_000]).await.unwrap();
            }
        }
    });
    while !writing.is_finished() {
        let bytes = reader.read(&key).await.unwrap().unwrap();
        assert_eq!(bytes.len(), 100_000);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]));
    }
    writing.await.unwrap();
}

pub(crate) async fn one_of_many_gets_the_lease(open: Open) {
    for round in 0..20 {
        let now = round * 100;
        let racers = (0..8).map(|number| {
            let store = open();
            tokio::spawn(async move { store.acquire(&format!("holder {number}"), term(now, now + 50)).await.unwrap() })
        });
        let mut winners = Vec::new();
        for (number, racer) in racers.collect::<Vec<_>>().into_iter().enumerate() {
            if racer.await.unwrap() {
                winners.push(number);
            }
        }
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let (store, winner) = (open(), format!("holder {}", winners[0]));
        assert!(store.renew(&winner, term(now + 40, now + 90)).await.unwrap());
        assert!(!store.acquire("late", term(now + 60, now + 99)).await.unwrap(), "renewed");
        assert!(store.acquire(&winner, term(now + 60, now + 90)).await.unwrap(), "its own");
    }
}

pub(crate) async fn a_lease_that_is_over_is_lost(open: Open) {
    let (ours, other) = (open(), open());
    assert!(ours.acquire("a", term(0, 30)).await.unwrap());
    assert!(other.acquire("b", term(30, 60)).await.unwrap());
    assert!(!ours.renew("a", term(31, 61)).await.unwrap());
    ours.release("a").await.unwrap();
    assert!(!ours.acquire("a", term(31, 61)).await.unwrap(), "the release of one who lost it changes nothing");
    other.release("b").await.unwrap();
    assert!(ours.acquire("a", term(31, 61)).await.unwrap());
    assert!(!ours.renew("b", term(32, 62)).await.unwrap());
}
