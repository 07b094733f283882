//! From sign-in to sign-out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward_sessions::{FileStore, RecordKind, Sessions, SessionsError, Token};

use crate::{LIFETIME, alice, at, sessions, sessions_over};

#[tokio::test]
async fn one_session_serves_every_host_it_is_granted_to() {
    let (sessions, _) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let here = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let there = sessions.grant(&session, "b.example", at(0)).await.unwrap().to_cookie_value();
    assert_ne!(here, there);
    for (ticket, host) in [(here, "a.example"), (there, "b.example")] {
        let found = sessions.find(&ticket, host, at(1)).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&found, &session), "{host}");
    }
}

#[tokio::test]
async fn everything_known_at_sign_in_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let open = || Sessions::new(Arc::new(FileStore::open(&path).unwrap()), [7; 32], LIFETIME);
    let before = open();
    let session = before.begin(alice(), at(0)).await.unwrap();
    let ticket = before.grant(&session, "a.example", at(5)).await.unwrap().to_cookie_value();
    let id = session.id().to_owned();
    drop((before, session));

    let after = open();
    assert!(after.find_cached(&ticket, "a.example", at(10)).is_none(), "nothing is in memory yet");
    let session = after.find(&ticket, "a.example", at(10)).await.unwrap().unwrap();
    let expected = alice();
    assert_eq!(&session.known().identity, &expected.identity);
    assert_eq!(session.provider(), expected.provider);
    assert_eq!(session.client(), expected.client);
    assert_eq!(session.user_agent(), Some("a browser"));
    assert_eq!((session.created_at(), session.expires_at()), (at(0), at(0) + LIFETIME));
    assert_eq!(session.known().tokens.id_token.as_ref().map(Token::expose), Some("id-token-text"));
    assert!(session.known().tokens.access_token.is_none());
    assert_eq!(session.known().tokens.refresh_token.as_ref().map(Token::expose), Some("refresh-token-text"));
    assert_eq!((session.id(), session.id().len()), (id.as_str(), 22));
}

#[tokio::test]
async fn the_second_request_does_not_ask_the_store() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    sessions.find(&ticket, "a.example", at(1)).await.unwrap().unwrap();
    let reads = store.reads();
    assert!(sessions.find_cached(&ticket, "a.example", at(2)).is_some());
    assert!(sessions.find(&ticket, "a.example", at(2)).await.unwrap().is_some());
    assert_eq!(store.reads(), reads);
}

#[tokio::test]
async fn ending_a_session_ends_it_for_everybody_at_once() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let here = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let there = sessions.grant(&session, "b.example", at(0)).await.unwrap().to_cookie_value();
    let held_by_a_tunnel = sessions.find(&here, "a.example", at(1)).await.unwrap().unwrap();
    sessions.end(&session).await.unwrap();
    assert!(held_by_a_tunnel.ended().is_cancelled());
    assert!(held_by_a_tunnel.is_over(at(1)));
    for (ticket, host) in [(&here, "a.example"), (&there, "b.example")] {
        assert!(sessions.find_cached(ticket, host, at(1)).is_none());
        assert!(sessions.find(ticket, host, at(1)).await.unwrap().is_none());
        assert!(sessions_over(&store).find(ticket, host, at(1)).await.unwrap().is_none(), "nor after a restart");
    }
    assert!(matches!(sessions.grant(&session, "c.example", at(1)).await, Err(SessionsError::Over)));
    sessions.end(&session).await.expect("ending twice is no error");
}

#[tokio::test]
async fn a_session_is_over_at_its_time_to_the_second() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(100)).await.unwrap().to_cookie_value();
    let end = LIFETIME.as_secs();
    assert!(sessions.find(&ticket, "a.example", at(end - 1)).await.unwrap().is_some());
    assert!(sessions.find_cached(&ticket, "a.example", at(end - 1)).is_some());
    assert!(sessions.find_cached(&ticket, "a.example", at(end)).is_none());
    assert!(sessions.find(&ticket, "a.example", at(end)).await.unwrap().is_none());
    assert!(sessions_over(&store).find(&ticket, "a.example", at(end)).await.unwrap().is_none());
    assert!(matches!(sessions.grant(&session, "a.example", at(end)).await, Err(SessionsError::Over)));
    assert_eq!(sessions.sweep(at(end)).await.unwrap(), 3, "the session, its card and its grant");
}

#[tokio::test]
async fn end_live_ends_those_it_is_told_to() {
    let (sessions, _) = sessions();
    let gone = sessions.begin(alice(), at(0)).await.unwrap();
    let stays = sessions.begin(alice(), at(0)).await.unwrap();
    sessions.end_live(|session| session.id() == stays.id()).await.unwrap();
    assert!(gone.is_over(at(1)));
    assert!(!stays.is_over(at(1)));
}

#[tokio::test]
async fn the_gate_stops_sessions_that_slept_in_the_store() {
    let (before, store) = sessions();
    let session = before.begin(alice(), at(0)).await.unwrap();
    let ticket = before.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let open = Arc::new(AtomicBool::new(false));
    let sessions = {
        let open = Arc::clone(&open);
        sessions_over(&store).with_gate(move |_| open.load(Ordering::SeqCst))
    };
    assert!(sessions.find(&ticket, "a.example", at(1)).await.unwrap().is_none());
    open.store(true, Ordering::SeqCst);
    assert!(sessions.find(&ticket, "a.example", at(1)).await.unwrap().is_none(), "refused once is ended");
    assert!(sessions_over(&store).find(&ticket, "a.example", at(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_gate_stops_sessions_that_begin_or_load_while_their_account_goes() {
    let (before, store) = sessions();
    let session = before.begin(alice(), at(0)).await.unwrap();
    let ticket = before.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    // Yes the first time it is asked, no from then on: the account goes just after.
    let asked = AtomicBool::new(false);
    let late = sessions_over(&store).with_gate(move |_| !asked.swap(true, Ordering::SeqCst));
    assert!(late.find(&ticket, "a.example", at(1)).await.unwrap().is_none());
    let closed = sessions_over(&store).with_gate(|_| false);
    assert!(matches!(closed.begin(alice(), at(1)).await, Err(SessionsError::Over)));
    let begun = store.names(RecordKind::Session)[1];
    assert!(store.peek(&begun).await.is_none(), "nothing is left of it");
}

#[tokio::test]
async fn sweeping_does_not_disturb_the_living() {
    let (sessions, _) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let ended = sessions.begin(alice(), at(0)).await.unwrap();
    let void = sessions.grant(&ended, "a.example", at(0)).await.unwrap().to_cookie_value();
    sessions.end(&ended).await.unwrap();
    sessions.sweep(at(60)).await.unwrap();
    let found = sessions.find(&ticket, "a.example", at(61)).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&found, &session));
    assert!(sessions.find(&void, "a.example", at(61)).await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_too_long_to_keep_is_refused_not_cut() {
    let (sessions, store) = sessions();
    let mut new = alice();
    new.provider = "x".repeat(2 * 1024 * 1024);
    assert!(matches!(sessions.begin(new, at(0)).await, Err(SessionsError::TooLong { .. })));
    assert!(store.names(RecordKind::Session).is_empty());
    let mut new = alice();
    new.user_agent = Some("ü".repeat(1000));
    let session = sessions.begin(new, at(0)).await.unwrap();
    assert_eq!(session.user_agent().unwrap().chars().count(), 256);
}

#[tokio::test]
async fn a_lifetime_beyond_what_cookies_have_is_cut() {
    let (_, store) = sessions();
    let sessions = Sessions::new(store, [7; 32], Duration::MAX);
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    assert_eq!(session.expires_at(), at(400 * 24 * 60 * 60));
}

#[tokio::test]
async fn the_sweeper_stops_when_told() {
    let (sessions, _) = sessions();
    let stop = tokio_util::sync::CancellationToken::new();
    stop.cancel();
    let stopped = tokio::time::timeout(Duration::from_secs(5), sessions.run_keeper(|| at(0), stop)).await;
    assert!(stopped.is_ok());
}
