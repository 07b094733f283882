//! People who are blocked while the store answers only half of what it is asked, or under another address.

use super::*;
use crate::lease::Clock;
use crate::{Heard, Refreshed, Renewed};

fn mallory() -> Email {
    Email::parse("mallory@example.com").unwrap()
}

fn renamed() -> Heard {
    let email = VerifiedEmail::Verified(mallory());
    let identity = Identity { email, ..person(&["staff"]) };
    Heard::Renewed(Box::new(Renewed { identity, tokens: Tokens::default(), tokens_expire_at: None }))
}

fn clock() -> Clock {
    Arc::new(|| at(1))
}

#[tokio::test]
async fn a_block_that_was_written_and_not_followed_is_followed_as_soon_as_the_store_answers() {
    let store = Arc::new(Common::default());
    let sessions = store.replica();
    let session = sessions.begin(new_session(), at(0)).await.unwrap();
    store.unlisted.store(true, Ordering::SeqCst);
    let alice = Email::parse("alice@example.com").unwrap();
    sessions.block(&alice, at(1)).await.expect_err("nobody knows whom it ended");
    assert!(!session.is_over(at(1)));
    store.unlisted.store(false, Ordering::SeqCst);
    // The first answer shows that the store is back, the next ones are about people.
    sessions.look_after(at(2)).await;
    sessions.look_after(at(3)).await;
    assert!(session.is_over(at(3)));
    assert_eq!(store.count(RecordKind::Session).await, 0);
}

#[tokio::test]
async fn whoever_gets_a_blocked_address_by_a_refresh_is_out() {
    let store = Arc::new(Common::default());
    let sessions = Arc::new(store.replica());
    let session = sessions.begin(new_session(), at(0)).await.unwrap();
    sessions.block(&mallory(), at(0)).await.unwrap();
    let outcome = sessions.refresh(&session, &clock(), |_| async { renamed() }).await;
    assert!(matches!(outcome, Refreshed::Ended(_)), "{outcome:?}");
    assert!(session.is_over(at(1)));
    assert_eq!(store.count(RecordKind::Session).await, 0);
}

#[tokio::test]
async fn whoever_got_a_blocked_address_while_the_store_was_silent_is_out_once_it_answers() {
    let store = Arc::new(Common::default());
    let sessions = Arc::new(store.replica());
    let session = sessions.begin(new_session(), at(0)).await.unwrap();
    sessions.block(&mallory(), at(0)).await.unwrap();
    let asked = || async {
        // From here on, so that the refresh itself may begin.
        store.mute.store(true, Ordering::SeqCst);
        store.full.store(true, Ordering::SeqCst);
        renamed()
    };
    let outcome = sessions.refresh(&session, &clock(), |_| asked()).await;
    assert!(matches!(outcome, Refreshed::Renewed), "{outcome:?}");
    assert!(!session.is_over(at(1)), "what the provider said is kept while the store is silent");
    store.mute.store(false, Ordering::SeqCst);
    store.full.store(false, Ordering::SeqCst);
    sessions.look_after(at(2)).await;
    sessions.look_after(at(3)).await;
    assert!(session.is_over(at(3)));
}
