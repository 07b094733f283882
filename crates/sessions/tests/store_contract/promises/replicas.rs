//! What a store promises to several replicas.

use std::time::{Duration, Instant};

use doorward_sessions::{Change, Changes, Expected, RecordKey, RecordKind, Version};
use tokio::time::timeout;

use crate::place::{Place, Shared, at, key};

/// The changes told within the time there is, `Missed` left out.
async fn told(changes: &mut Changes, number: usize) -> Vec<Change> {
    let mut told = Vec::new();
    while told.len() < number {
        match timeout(Duration::from_secs(20), changes.next()).await.expect("a change is told").unwrap() {
            Change::Missed => {}
            change => told.push(change),
        }
    }
    told
}

/// Waits until the store hears what is published.
pub(crate) async fn listening(store: &Shared) -> Changes {
    let mut changes = store.changes();
    let probe = RecordKey { kind: RecordKind::Lease, id: [0xee; 32] };
    assert_eq!(changes.next().await, Some(Change::Missed), "the first word is to look for oneself");
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        assert!(Instant::now() < end, "nothing is heard of what is written");
        store.put(&probe, Expected::Any, b"?", at(1000), at(0)).await.unwrap();
        if let Ok(Some(Change::Written { .. })) = timeout(Duration::from_millis(300), changes.next()).await {
            break;
        }
    }
    store.remove(&probe).await.unwrap();
    while told(&mut changes, 1).await != [Change::Removed { key: probe }] {}
    changes
}

pub(crate) async fn changes_are_told_to_every_replica(place: Place) {
    let (one, other) = (place.store().await, place.store().await);
    let (mut by_one, mut by_other) = (listening(&one).await, listening(&other).await);
    // The second's probing was heard by the first.
    told(&mut by_one, 2).await;
    let key = RecordKey { kind: RecordKind::Blocked, id: [0xa5; 32] };
    one.put(&key, Expected::Absent, b"x", at(60), at(0)).await.unwrap();
    one.put(&key, Expected::Absent, b"a conflict is no change", at(60), at(0)).await.unwrap();
    other.put(&key, Expected::Version(Version(1)), b"y", at(60), at(0)).await.unwrap();
    one.remove(&key).await.unwrap();
    one.remove(&key).await.unwrap();
    other.put(&key, Expected::Absent, b"expires untold", at(60), at(0)).await.unwrap();
    one.sweep(at(100)).await.unwrap();
    one.put(&key, Expected::Any, b"z", at(200), at(100)).await.unwrap();
    let expected = [
        Change::Written { key, version: Version(1) },
        Change::Written { key, version: Version(2) },
        Change::Removed { key },
        Change::Written { key, version: Version(1) },
        Change::Written { key, version: Version(1) },
    ];
    for (who, changes) in [("one", &mut by_one), ("other", &mut by_other)] {
        let mut heard = told(changes, 5).await;
        // The last of the probing may still have been under way.
        while heard.first().is_some_and(|change| !expected.contains(change)) {
            heard.remove(0);
            heard.extend(told(changes, 1).await);
        }
        assert_eq!(heard, expected, "{who}");
    }
}

pub(crate) async fn a_replica_sees_at_once_what_another_has_done(place: Place) {
    let (one, other) = (place.store().await, place.store().await);
    for round in 1..50_u64 {
        one.put(&key(1), Expected::Any, &round.to_be_bytes(), at(60), at(0)).await.unwrap();
        let seen = other.get(&key(1), at(0)).await.unwrap().unwrap();
        assert_eq!((seen.version, seen.sealed.as_slice()), (Version(round), round.to_be_bytes().as_slice()));
    }
    assert!(other.remove(&key(1)).await.unwrap());
    assert_eq!(one.get(&key(1), at(0)).await.unwrap(), None);
}
