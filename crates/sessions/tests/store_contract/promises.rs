//! What every session store promises.

mod refreshes;
mod replicas;
mod sessions;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_sessions::{Expected, Put, RecordKey, RecordKind, Version};

pub(crate) use self::refreshes::a_refresh_token_is_used_once_by_all_replicas_together;
pub(crate) use self::replicas::{
    a_replica_sees_at_once_what_another_has_done, changes_are_told_to_every_replica, listening,
};
pub(crate) use self::sessions::{
    a_block_on_one_replica_ends_sessions_on_the_others, a_session_outlives_the_replica_it_began_on,
    a_session_that_ends_on_one_replica_ends_on_the_others_within_a_second,
};
use crate::place::{Place, at, key};

const KINDS: [RecordKind; 6] = [
    RecordKind::Session,
    RecordKind::Grant,
    RecordKind::Handover,
    RecordKind::Lease,
    RecordKind::Card,
    RecordKind::Blocked,
];

pub(crate) async fn a_record_is_read_back_as_it_was_written(place: Place) {
    let store = place.store().await;
    assert_eq!(store.get(&key(1), at(0)).await.unwrap(), None);
    let put = store.put(&key(1), Expected::Absent, b"sealed", at(60), at(0)).await.unwrap();
    assert_eq!(put, Put::Stored(Version(1)));
    let stored = store.get(&key(1), at(0)).await.unwrap().unwrap();
    assert_eq!(
        (stored.sealed.as_slice(), stored.version, stored.expires_at),
        (b"sealed".as_slice(), Version(1), at(60))
    );
}

pub(crate) async fn kinds_do_not_mix(place: Place) {
    let store = place.store().await;
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

pub(crate) async fn a_write_needs_what_it_expects(place: Place) {
    let store = place.store().await;
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

pub(crate) async fn an_expired_record_counts_as_absent(place: Place) {
    let store = place.store().await;
    store.put(&key(1), Expected::Absent, b"old", at(60), at(0)).await.unwrap();
    assert!(store.get(&key(1), at(59)).await.unwrap().is_some());
    assert_eq!(store.get(&key(1), at(60)).await.unwrap(), None);
    let late = store.put(&key(1), Expected::Version(Version(1)), b"late", at(120), at(60)).await.unwrap();
    assert_eq!(late, Put::Conflict);
    let anew = store.put(&key(1), Expected::Absent, b"new", at(120), at(60)).await.unwrap();
    assert!(matches!(anew, Put::Stored(_)));
    assert_eq!(store.get(&key(1), at(60)).await.unwrap().unwrap().sealed, b"new");
}

pub(crate) async fn sweeping_removes_what_has_expired_and_nothing_else(place: Place) {
    let store = place.store().await;
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

pub(crate) async fn sweeping_comes_to_an_end_with_thousands(place: Place) {
    let store = place.store().await;
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

pub(crate) async fn a_record_is_removed_by_exactly_one(place: Place) {
    let store = place.store().await;
    for round in 0..20 {
        store.put(&key(round), Expected::Absent, b"once", at(60), at(0)).await.unwrap();
        let racers = (0..20).map(|_| {
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

pub(crate) async fn of_writers_with_the_same_version_one_wins(place: Place) {
    let store = place.store().await;
    store.put(&key(1), Expected::Absent, b"start", at(60), at(0)).await.unwrap();
    for version in 1..20 {
        let racers = (0..20_u8).map(|number| {
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

pub(crate) async fn large_and_empty_records_are_kept(place: Place) {
    let store = place.store().await;
    let large = vec![0xa5; 1024 * 1024];
    store.put(&key(1), Expected::Absent, &large, at(60), at(0)).await.unwrap();
    store.put(&key(2), Expected::Absent, b"", at(60), at(0)).await.unwrap();
    assert_eq!(store.get(&key(1), at(0)).await.unwrap().unwrap().sealed, large);
    assert_eq!(store.get(&key(2), at(0)).await.unwrap().unwrap().sealed, b"");
}

pub(crate) async fn of_writers_of_nothing_one_wins(place: Place) {
    let (store, other) = (place.store().await, place.store().await);
    for round in 0..10_u8 {
        let racers = (0..20_u8).map(|number| {
            let store = Arc::clone(if number % 2 == 0 { &store } else { &other });
            tokio::spawn(
                async move { store.put(&key(round), Expected::Absent, &[number], at(60), at(0)).await.unwrap() },
            )
        });
        let mut winners = Vec::new();
        for (number, racer) in (0..).zip(racers.collect::<Vec<_>>()) {
            if racer.await.unwrap() == Put::Stored(Version(1)) {
                winners.push(number);
            }
        }
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(store.get(&key(round), at(0)).await.unwrap().unwrap().sealed, winners);
    }
}

pub(crate) async fn a_removal_needs_what_it_expects(place: Place) {
    let store = place.store().await;
    let remove = |expected| store.remove_if(&key(1), expected);
    assert!(!remove(Expected::Any).await.unwrap(), "nothing is there");
    store.put(&key(1), Expected::Absent, b"one", at(60), at(0)).await.unwrap();
    store.put(&key(1), Expected::Any, b"two", at(60), at(0)).await.unwrap();
    assert!(!remove(Expected::Absent).await.unwrap());
    assert!(!remove(Expected::Version(Version(1))).await.unwrap());
    assert_eq!(store.get(&key(1), at(0)).await.unwrap().unwrap().sealed, b"two");
    assert!(remove(Expected::Version(Version(2))).await.unwrap());
    assert!(!remove(Expected::Version(Version(2))).await.unwrap());
    assert_eq!(store.get(&key(1), at(0)).await.unwrap(), None);
    assert!(store.list(RecordKind::Session, None, 10, at(0)).await.unwrap().is_empty());
}

pub(crate) async fn every_byte_of_an_id_and_a_record_counts(place: Place) {
    let store = place.store().await;
    let all: Vec<u8> = (0..=u8::MAX).collect();
    for (number, id) in (0_u8..).zip([[0; 32], [b'\n'; 32], [b'}'; 32], [u8::MAX; 32]]) {
        let mut other = id;
        other[31] ^= 1;
        for (id, more) in [(id, number), (other, number + 100)] {
            let key = RecordKey { kind: RecordKind::Card, id };
            store.put(&key, Expected::Absent, &[all.as_slice(), &[more]].concat(), at(60), at(0)).await.unwrap();
        }
        let key = RecordKey { kind: RecordKind::Card, id };
        assert_eq!(store.get(&key, at(0)).await.unwrap().unwrap().sealed, [all.as_slice(), &[number]].concat());
    }
    assert_eq!(store.list(RecordKind::Card, None, 100, at(0)).await.unwrap().len(), 8);
}

pub(crate) async fn a_list_is_in_order_and_in_pages(place: Place) {
    let store = place.store().await;
    let name = |number: u32| {
        let mut key = RecordKey { kind: RecordKind::Card, id: [7; 32] };
        // Spread over all first bytes, in an order of their own.
        key.id[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        key
    };
    let mut expected = Vec::new();
    for number in 0..600_u32 {
        let (key, lives) = (name(number), number % 3 != 0);
        let expires = at(if lives { 60 } else { 5 });
        store.put(&key, Expected::Absent, &number.to_be_bytes(), expires, at(0)).await.unwrap();
        if lives {
            expected.push((key, number.to_be_bytes().to_vec()));
        }
    }
    for id in [[0; 32], [u8::MAX; 32]] {
        let key = RecordKey { kind: RecordKind::Card, id };
        store.put(&key, Expected::Absent, b"end", at(60), at(0)).await.unwrap();
        expected.push((key, b"end".to_vec()));
    }
    store.put(&key(9), Expected::Absent, b"of another kind", at(60), at(0)).await.unwrap();
    store
        .put(&RecordKey { kind: RecordKind::Blocked, id: [1; 32] }, Expected::Absent, b"too", at(60), at(0))
        .await
        .unwrap();
    expected.sort();
    for most in [1000, 402, 37] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = store.list(RecordKind::Card, after, most, at(10)).await.unwrap();
            assert!(page.len() <= most);
            let last = page.len() < most;
            after = page.last().map(|(key, _)| key.id).or(after);
            listed.extend(page.into_iter().map(|(key, stored)| {
                assert_eq!((stored.version, stored.expires_at), (Version(1), at(60)));
                (key, stored.sealed)
            }));
            if last {
                break;
            }
        }
        assert!(listed == expected, "{} in pages of {most}, not {}", listed.len(), expected.len());
    }
    assert!(store.list(RecordKind::Card, None, 0, at(10)).await.unwrap().is_empty());
    assert!(store.list(RecordKind::Lease, None, 10, at(10)).await.unwrap().is_empty());
}

pub(crate) async fn our_clock_alone_says_what_has_expired(place: Place) {
    let store = place.store().await;
    let now = SystemTime::now();
    // By the server's clock this is over; a replica whose clock is a little behind still has it.
    let behind = now - Duration::from_secs(1800);
    store.put(&key(1), Expected::Absent, b"x", now - Duration::from_secs(600), behind).await.unwrap();
    assert!(store.get(&key(1), behind).await.unwrap().is_some());
    assert_eq!(store.get(&key(1), now).await.unwrap(), None);
    // And what the server would keep is over when we say so.
    store.put(&key(2), Expected::Absent, b"x", now + Duration::from_secs(10), now).await.unwrap();
    assert_eq!(store.get(&key(2), now + Duration::from_secs(10)).await.unwrap(), None);
}

pub(crate) async fn a_time_without_end_is_kept(place: Place) {
    let store = place.store().await;
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(8_000_000_000_000);
    store.put(&key(1), Expected::Absent, b"x", far, at(0)).await.unwrap();
    assert!(store.get(&key(1), at(1_000_000)).await.unwrap().is_some());
    assert_eq!(store.sweep(at(1_000_000)).await.unwrap(), 0);
}
