//! Leases, on every kind of store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use doorward_sessions::{Clock, Expected, Holder, Lease, RecordKey, RecordKind};

use crate::place::{Place, at};

const KEY: RecordKey = RecordKey { kind: RecordKind::Lease, id: [7; 32] };
/// Long, so that a busy machine does not lose one.
const TTL: Duration = Duration::from_secs(60);

/// A clock that a test moves.
fn clock() -> (Clock, Arc<AtomicU64>) {
    let second = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&second);
    (Arc::new(move || at(shown.load(Ordering::SeqCst))), second)
}

pub(crate) async fn one_replica_at_a_time_holds_a_lease(place: Place) {
    let (one, other) = (place.store().await, place.store().await);
    let (clock, second) = clock();
    let me = Holder::random().unwrap();
    let held = Lease::acquire(&one, KEY, me, TTL, &clock).await.unwrap().expect("nobody has it");
    for store in [&one, &other] {
        let again = Lease::acquire(store, KEY, Holder::random().unwrap(), TTL, &clock).await.unwrap();
        assert!(again.is_none(), "somebody has it");
    }
    assert!(!held.lost().is_cancelled());
    held.release().await.unwrap();
    let next = Lease::acquire(&other, KEY, Holder::random().unwrap(), TTL, &clock).await.unwrap();
    let next = next.expect("it was released");

    // One that is dropped, as by a crash, expires; and who held it before does not take it from the next.
    drop(next);
    second.store(61, Ordering::SeqCst);
    let after = Lease::acquire(&one, KEY, me, TTL, &clock).await.unwrap().expect("it has expired");
    second.store(125, Ordering::SeqCst);
    let thief = Lease::acquire(&other, KEY, Holder::random().unwrap(), TTL, &clock).await.unwrap();
    let thief = thief.expect("it was not renewed in time");
    after.release().await.unwrap();
    assert!(other.get(&KEY, clock()).await.unwrap().is_some(), "a late release takes nothing from the next holder");
    drop(thief);
    one.remove(&KEY).await.unwrap();

    // Many at once: one at a time.
    let inside = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let store = if number % 2 == 0 { Arc::clone(&one) } else { Arc::clone(&other) };
            let (clock, inside) = (Arc::clone(&clock), Arc::clone(&inside));
            tokio::spawn(async move {
                loop {
                    let lease = Lease::acquire(&store, KEY, Holder::random().unwrap(), TTL, &clock).await.unwrap();
                    let Some(lease) = lease else {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two hold it");
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    return lease.release().await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }

    // It is renewed while it is held, and lost when somebody else has it.
    let short = Duration::from_secs(1);
    let held = Lease::acquire(&one, KEY, me, short, &clock).await.unwrap().expect("all have released it");
    let before = one.get(&KEY, clock()).await.unwrap().unwrap().version;
    let renewed = async {
        while one.get(&KEY, clock()).await.unwrap().unwrap().version <= before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), renewed).await.expect("it is renewed");
    other.put(&KEY, Expected::Any, b"somebody else", at(1000), clock()).await.unwrap();
    tokio::time::timeout(Duration::from_secs(30), held.lost().cancelled()).await.expect("it is lost");
}
