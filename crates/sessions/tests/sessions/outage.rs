//! A store that does not answer.

use std::sync::Arc;
use std::time::Duration;

use doorward_sessions::{Limits, Sessions};

use crate::store::TestStore;
use crate::{LIFETIME, alice, at, sessions};

const GRACE: u64 = 5 * 60;

#[tokio::test]
async fn the_signed_in_go_on_for_five_minutes_and_nobody_is_called_signed_out() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let known = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let unknown = sessions.grant(&session, "b.example", at(0)).await.unwrap().to_cookie_value();
    sessions.find(&known, "a.example", at(0)).await.unwrap().unwrap();

    store.go_down(true);
    assert!(sessions.find(&known, "a.example", at(100)).await.unwrap().is_some(), "nobody has noticed yet");
    sessions.find(&unknown, "b.example", at(1000)).await.expect_err("not known here, so it cannot be told");
    sessions.find(&unknown, "b.example", at(1100)).await.expect_err("still down");
    assert!(sessions.find_cached(&known, "a.example", at(1000 + GRACE - 1)).is_some());
    assert!(sessions.find_cached(&known, "a.example", at(1000 + GRACE)).is_none());
    sessions.find(&known, "a.example", at(1000 + GRACE)).await.expect_err("unavailable, not signed out");

    store.go_down(false);
    assert!(sessions.find(&known, "a.example", at(1000 + GRACE + 1)).await.unwrap().is_some());
    assert!(sessions.find_cached(&known, "a.example", at(1000 + GRACE + 2)).is_some(), "the cache is trusted again");
    assert!(sessions.find(&unknown, "b.example", at(1000 + GRACE + 2)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_session_ended_while_the_store_is_down_stays_ended() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    sessions.find(&ticket, "a.example", at(1)).await.unwrap().unwrap();
    store.go_down(true);
    sessions.end(&session).await.expect_err("the caller must know that it is not on record");
    assert!(session.ended().is_cancelled());
    drop(session);
    store.go_down(false);
    sessions.sweep(at(2)).await.unwrap();
    assert!(sessions.find(&ticket, "a.example", at(2)).await.unwrap().is_none());
}

#[tokio::test]
async fn nothing_begins_while_the_store_is_down() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    store.go_down(true);
    assert!(sessions.begin(alice(), at(1)).await.is_err());
    assert!(sessions.grant(&session, "a.example", at(1)).await.is_err());
    assert!(sessions.sweep(at(1)).await.is_err());
    let error = sessions.end_live(|_| false).await.unwrap_err();
    assert!(session.is_over(at(1)), "{error}");
}

#[tokio::test]
async fn without_grace_the_first_question_that_is_not_answered_stops_everybody_until_the_store_is_back() {
    let store = Arc::new(TestStore::default());
    let limits = Limits { lifetime: LIFETIME, idle: None, grace: Duration::ZERO };
    let sessions = Sessions::new(Arc::clone(&store) as _, [7; 32], limits);
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let known = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let unknown = sessions.grant(&session, "b.example", at(0)).await.unwrap().to_cookie_value();
    sessions.find(&known, "a.example", at(0)).await.unwrap().unwrap();
    assert!(sessions.find_cached(&known, "a.example", at(1)).is_some(), "while all is well, memory does");

    store.go_down(true);
    sessions.find(&unknown, "b.example", at(10)).await.unwrap_err();
    assert!(sessions.find_cached(&known, "a.example", at(10)).is_none(), "at that very moment");
    assert!(!sessions.vouches_for(&session, at(10)), "what is open has to close");
    sessions.find(&known, "a.example", at(10)).await.expect_err("unavailable, not signed out");
    assert!(!session.is_over(at(11)));

    store.go_down(false);
    assert!(sessions.find(&known, "a.example", at(12)).await.unwrap().is_some(), "and nobody signs in for it");
    assert!(sessions.vouches_for(&session, at(12)));
}
