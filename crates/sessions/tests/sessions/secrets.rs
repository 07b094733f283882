//! Secrets that change while people are signed in.

use std::sync::Arc;
use std::time::SystemTime;

use doorward_identity::Email;
use doorward_sessions::{Expected, RecordKind, Secret32, SecretRing, Sessions, SessionsError};

use crate::store::TestStore;
use crate::{LIFETIME, alice, at, bob};

fn secret(byte: u8) -> Secret32 {
    Secret32::new([byte; 32])
}

fn over(store: &Arc<TestStore>, secrets: &[u8]) -> (Sessions, SecretRing) {
    let mut secrets = secrets.iter().copied().map(secret);
    let ring = SecretRing::new(secrets.next().unwrap(), secrets);
    (Sessions::new(Arc::clone(store) as _, ring.clone(), LIFETIME), ring)
}

async fn signed_in(sessions: &Sessions, now: SystemTime) -> String {
    let session = sessions.begin(alice(), now).await.unwrap();
    sessions.grant(&session, "a.example", now).await.unwrap().to_cookie_value()
}

async fn is_in(sessions: &Sessions, ticket: &str, now: SystemTime) -> bool {
    sessions.find(ticket, "a.example", now).await.unwrap().is_some()
}

#[tokio::test]
async fn a_new_secret_in_front_signs_nobody_out_whether_it_comes_at_a_restart_or_while_running() {
    let store = Arc::new(TestStore::default());
    let (before, ring) = over(&store, &[1]);
    let ticket = signed_in(&before, at(0)).await;
    let attempt = before.sealer("attempt").seal(b"where to", b"a.example").unwrap();
    let sealer = before.sealer("attempt");
    before.block(&Email::parse("bob@example.com").unwrap(), at(0)).await.unwrap();

    ring.replace(secret(2), [secret(1)]);
    let (restarted, _) = over(&store, &[2, 1]);
    for sessions in [&before, &restarted] {
        sessions.vault().prepare(at(1)).await.unwrap();
        assert!(is_in(sessions, &ticket, at(1)).await);
        assert!(sessions.sealer("attempt").open(&attempt, b"a.example").is_some());
        assert_eq!(sessions.blocked(at(1)).await.unwrap().len(), 1);
        assert!(matches!(sessions.begin(bob(), at(1)).await, Err(SessionsError::Blocked)));
    }
    assert!(sealer.open(&attempt, b"a.example").is_some(), "a sealer made before knows the new ring");
    let with_the_new = signed_in(&before, at(2)).await;
    assert!(!is_in(&over(&store, &[1]).0, &with_the_new, at(3)).await, "the newest seals");
}

#[tokio::test]
async fn once_sealed_anew_the_server_s_records_outlive_the_older_secret() {
    let store = Arc::new(TestStore::default());
    let (before, ring) = over(&store, &[1]);
    signed_in(&before, at(0)).await;
    before.block(&Email::parse("bob@example.com").unwrap(), at(0)).await.unwrap();
    let kept = |sessions: &Sessions| sessions.vault().clone();
    let (group, name) = ("keys", "one");
    let kind = RecordKind::Server;
    kept(&before).write(kind, group, name, Expected::Absent, b"key", None, at(0)).await.unwrap();

    // Changed while running, and nothing else is done but to look after the sessions.
    ring.replace(secret(2), [secret(1)]);
    before.look_after(at(1)).await;
    let writes = store.writes();
    before.look_after(at(2)).await;
    assert_eq!(store.writes(), writes, "once for each change");

    let (after, _) = over(&store, &[2]);
    after.vault().prepare(at(3)).await.expect("the older secret is needed no more");
    assert_eq!(after.blocked(at(3)).await.unwrap().len(), 1);
    assert!(matches!(after.begin(bob(), at(3)).await, Err(SessionsError::Blocked)));
    let read = kept(&after).read(kind, group, name, at(3)).await.unwrap().unwrap();
    assert_eq!(read.bytes.as_slice(), b"key");
    assert!(after.unblock(&Email::parse("bob@example.com").unwrap(), at(3)).await.unwrap());
}

#[tokio::test]
async fn sealing_anew_waits_for_the_store() {
    let store = Arc::new(TestStore::default());
    let (sessions, ring) = over(&store, &[1]);
    signed_in(&sessions, at(0)).await;
    ring.replace(secret(2), [secret(1)]);
    store.fill(true);
    sessions.look_after(at(1)).await;
    store.fill(false);
    sessions.look_after(at(2)).await;
    over(&store, &[2]).0.vault().prepare(at(3)).await.unwrap();
}

#[tokio::test]
async fn a_secret_that_leaves_the_ring_takes_its_tickets_with_it_also_while_running() {
    let store = Arc::new(TestStore::default());
    let (sessions, ring) = over(&store, &[2, 1]);
    let (old, _) = over(&store, &[1]);
    let ticket = signed_in(&old, at(0)).await;
    let own = signed_in(&sessions, at(0)).await;
    assert!(is_in(&sessions, &ticket, at(1)).await);
    assert!(is_in(&sessions, &own, at(1)).await);
    ring.replace(secret(3), [secret(2)]);
    sessions.look_after(at(2)).await;
    assert!(!is_in(&sessions, &ticket, at(3)).await, "although it was remembered");
    assert!(is_in(&sessions, &own, at(3)).await, "what a secret sealed that stays is good");
}

#[tokio::test]
async fn a_store_sealed_with_another_secret_is_refused_and_not_begun_anew() {
    let store = Arc::new(TestStore::default());
    let (before, _) = over(&store, &[1]);
    signed_in(&before, at(0)).await;
    let writes = store.writes();
    let (other, _) = over(&store, &[9]);
    assert!(matches!(other.vault().prepare(at(1)).await, Err(SessionsError::SealedOtherwise)));
    assert!(other.begin(alice(), at(1)).await.is_err());
    assert_eq!(store.writes(), writes);
}

#[tokio::test]
async fn two_replicas_change_their_secrets_one_after_the_other_and_nobody_is_signed_out() {
    let store = Arc::new(TestStore::default());
    store.share();
    let ((here, first_ring), (there, second_ring)) = (over(&store, &[1]), over(&store, &[1]));
    let mut tickets = vec![signed_in(&here, at(0)).await];
    // First everybody can open with the new one, then everybody seals with it.
    let steps: [&dyn Fn(&SecretRing); 2] =
        [&|ring| ring.replace(secret(1), [secret(2)]), &|ring| ring.replace(secret(2), [secret(1)])];
    for (number, step) in (0..).zip(steps) {
        for ring in [&first_ring, &second_ring] {
            step(ring);
            tickets.push(signed_in(&here, at(number)).await);
            tickets.push(signed_in(&there, at(number)).await);
            for replica in [&here, &there] {
                replica.look_after(at(number)).await;
                for ticket in &tickets {
                    assert!(is_in(replica, ticket, at(number)).await);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_store_of_which_nothing_can_be_read_says_of_nobody_that_they_are_blocked() {
    let store = Arc::new(TestStore::default());
    let (before, _) = over(&store, &[1]);
    signed_in(&before, at(0)).await;
    let (stranger, _) = over(&store, &[9]);
    stranger.is_blocked(&alice().identity, at(1)).await.expect_err("nothing is known of her");
    let refused = stranger.begin(alice(), at(1)).await;
    assert!(matches!(refused, Err(SessionsError::StoreUnavailable(_))), "and nobody signs in: {refused:?}");
}

#[tokio::test]
async fn whether_secrets_would_do_is_found_out_without_using_them() {
    let store = Arc::new(TestStore::default());
    let check = |secrets: &[u8]| over(&store, secrets).0.vault().clone();
    check(&[1]).check(at(0)).await.expect("an empty store is anybody's");
    let (before, _) = over(&store, &[1]);
    signed_in(&before, at(0)).await;
    let writes = store.writes();
    check(&[2, 1]).check(at(1)).await.unwrap();
    assert!(matches!(check(&[2]).check(at(1)).await, Err(SessionsError::SealedOtherwise)));
    assert_eq!(store.writes(), writes);
    check(&[1]).prepare(at(2)).await.expect("whoever keeps the old one can start again");
}

#[tokio::test]
async fn on_a_full_disk_a_new_secret_in_front_keeps_nobody_from_starting() {
    let store = Arc::new(TestStore::default());
    let (before, _) = over(&store, &[1]);
    let ticket = signed_in(&before, at(0)).await;
    store.fill(true);
    let (restarted, _) = over(&store, &[2, 1]);
    restarted.vault().prepare(at(1)).await.unwrap();
    assert!(is_in(&restarted, &ticket, at(1)).await);
    store.fill(false);
    restarted.look_after(at(2)).await;
    over(&store, &[2]).0.vault().prepare(at(3)).await.expect("it was sealed anew later");
}
