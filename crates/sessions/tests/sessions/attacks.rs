//! Tickets and records that are not what they claim to be.

use std::sync::Arc;

use doorward_sessions::{RecordKind, Sessions, Ticket};
use proptest::prelude::*;

use crate::{LIFETIME, alice, at, sessions, sessions_over};

#[tokio::test]
async fn a_ticket_of_one_host_means_nothing_on_another() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    for cold in [false, true] {
        let sessions = if cold { &sessions_over(&store) } else { &sessions };
        sessions.find(&ticket, "a.example", at(1)).await.unwrap().expect("its own host");
        for other in ["b.example", "", "a.exampl", "a.example.", "A.EXAMPLE", "xa.example"] {
            assert!(sessions.find(&ticket, other, at(1)).await.unwrap().is_none(), "{other:?}");
            assert!(sessions.find_cached(&ticket, other, at(1)).is_none(), "{other:?}");
        }
        assert!(sessions.find(&ticket, &"a".repeat(10_000), at(1)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_altered_ticket_is_none() {
    let (sessions, _) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    sessions.find(&ticket, "a.example", at(1)).await.unwrap().unwrap();
    for place in 0..ticket.len() {
        let mut altered = ticket.clone().into_bytes();
        altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        assert!(Ticket::parse(&altered).is_some(), "well-formed");
        assert!(sessions.find(&altered, "a.example", at(1)).await.unwrap().is_none(), "character {place}");
    }
    for length in 0..ticket.len() {
        assert!(sessions.find(&ticket[..length], "a.example", at(1)).await.unwrap().is_none(), "{length} characters");
    }
    for longer in [format!("{ticket}A"), format!("{ticket}{ticket}"), "A".repeat(1_000_000)] {
        assert!(sessions.find(&longer, "a.example", at(1)).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_malformed_cookie_does_not_reach_the_store() {
    let (sessions, store) = sessions();
    for malformed in ["", "signed-in", &"=".repeat(64), &"é".repeat(32)] {
        assert!(sessions.find(malformed, "a.example", at(0)).await.unwrap().is_none());
    }
    assert_eq!(store.reads(), 0);
}

#[tokio::test]
async fn an_altered_record_is_refused() {
    for kind in [RecordKind::Grant, RecordKind::Session] {
        let (sessions, store) = sessions();
        let session = sessions.begin(alice(), at(0)).await.unwrap();
        let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
        let name = store.names(kind)[0];
        let whole = store.peek(&name).await.unwrap();
        let places = (0..whole.sealed.len()).step_by(if kind == RecordKind::Grant { 1 } else { 7 });
        for place in places {
            let mut altered = whole.sealed.clone();
            altered[place] ^= 1;
            store.overwrite(&name, &altered, whole.expires_at).await;
            let found = sessions_over(&store).find(&ticket, "a.example", at(1)).await.unwrap();
            assert!(found.is_none(), "{kind:?} byte {place}");
            store.overwrite(&name, &whole.sealed[..place], whole.expires_at).await;
            let found = sessions_over(&store).find(&ticket, "a.example", at(1)).await.unwrap();
            assert!(found.is_none(), "{kind:?} cut to {place}");
        }
        store.overwrite(&name, &whole.sealed, whole.expires_at).await;
        assert!(sessions_over(&store).find(&ticket, "a.example", at(1)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn records_swapped_in_the_store_open_nothing() {
    for kind in [RecordKind::Grant, RecordKind::Session] {
        let (sessions, store) = sessions();
        let mut tickets = Vec::new();
        for _ in 0..2 {
            let session = sessions.begin(alice(), at(0)).await.unwrap();
            tickets.push(sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value());
        }
        let names = store.names(kind);
        let (one, other) = (store.peek(&names[0]).await.unwrap(), store.peek(&names[1]).await.unwrap());
        store.overwrite(&names[0], &other.sealed, other.expires_at).await;
        store.overwrite(&names[1], &one.sealed, one.expires_at).await;
        for ticket in &tickets {
            assert!(sessions_over(&store).find(ticket, "a.example", at(1)).await.unwrap().is_none(), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn the_store_cannot_prolong_a_session() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let late = at(LIFETIME.as_secs() + 1);
    for kind in [RecordKind::Grant, RecordKind::Session] {
        let name = store.names(kind)[0];
        let record = store.peek(&name).await.unwrap();
        store.overwrite(&name, &record.sealed, at(10 * LIFETIME.as_secs())).await;
    }
    assert!(sessions_over(&store).find(&ticket, "a.example", late).await.unwrap().is_none());
}

#[tokio::test]
async fn the_store_and_the_ticket_open_nothing_without_the_server_s_secret() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let other = Sessions::new(Arc::clone(&store) as _, [8; 32], LIFETIME);
    assert!(other.find(&ticket, "a.example", at(1)).await.unwrap().is_none());
}

#[tokio::test]
async fn the_store_reads_nothing_of_a_person_or_a_ticket() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let mut seen = Vec::new();
    for kind in [RecordKind::Session, RecordKind::Grant] {
        let name = store.names(kind)[0];
        seen.extend(name.id);
        seen.extend(store.peek(&name).await.unwrap().sealed);
    }
    let contains = |needle: &[u8]| seen.windows(needle.len()).any(|window| window == needle);
    for needle in ["alice", "example", "token", "browser", session.id(), &ticket[..21], &ticket[43..]] {
        assert!(!contains(needle.as_bytes()), "{needle}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_is_a_ticket_by_chance(cookie in "([A-Za-z0-9_-]{64}|\\PC{0,100})", audience in "\\PC{0,300}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sessions, _) = sessions();
        let found = runtime.block_on(sessions.find(&cookie, &audience, at(0))).unwrap();
        prop_assert!(found.is_none());
        prop_assert!(sessions.find_cached(&cookie, &audience, at(0)).is_none());
    }
}
