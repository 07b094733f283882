//! Codes that carry a session to another host.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use doorward_sessions::{Handover, LiveSession, RecordKind, Sessions, SessionsError};

use crate::{alice, at, sessions, sessions_over};

const VERIFIER: [u8; 32] = [42; 32];

async fn offer(sessions: &Sessions, session: &LiveSession) -> String {
    let challenge = digest(&SHA256, &VERIFIER).as_ref().try_into().unwrap();
    let handover = Handover { host: "b.example".to_owned(), attempt: "attempt-1".to_owned(), challenge };
    sessions.offer_handover(session, handover, at(0)).await.unwrap()
}

#[tokio::test]
async fn a_code_carries_the_session_over_once() {
    let (sessions, store) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let code = offer(&sessions, &session).await;
    let redeem = || sessions.redeem_handover(&code, "b.example", "attempt-1", &VERIFIER, at(59));
    assert!(Arc::ptr_eq(&redeem().await.unwrap().unwrap(), &session));
    assert!(redeem().await.unwrap().is_none());
    let code = offer(&sessions, &session).await;
    let cold = sessions_over(&store);
    let carried = cold.redeem_handover(&code, "b.example", "attempt-1", &VERIFIER, at(1)).await.unwrap().unwrap();
    assert_eq!(carried.id(), session.id(), "sign-in may end on another machine than it began on");
}

#[tokio::test]
async fn a_code_is_used_up_by_a_wrong_use_too() {
    let wrong: [(&str, &str, [u8; 32]); 4] = [
        ("c.example", "attempt-1", VERIFIER),
        ("b.example", "attempt-2", VERIFIER),
        ("b.example", "attempt-1", [43; 32]),
        ("b.example", "", VERIFIER),
    ];
    for (host, attempt, verifier) in wrong {
        let (sessions, store) = sessions();
        let session = sessions.begin(alice(), at(0)).await.unwrap();
        let code = offer(&sessions, &session).await;
        let stolen = sessions.redeem_handover(&code, host, attempt, &verifier, at(1)).await.unwrap();
        assert!(stolen.is_none(), "{host} {attempt}");
        let late = sessions.redeem_handover(&code, "b.example", "attempt-1", &VERIFIER, at(1)).await.unwrap();
        assert!(late.is_none(), "used up");
        assert!(store.peek(&store.names(RecordKind::Handover)[0]).await.is_none());
    }
}

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_while_the_session_is() {
    let (sessions, _) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let code = offer(&sessions, &session).await;
    assert!(sessions.redeem_handover(&code, "b.example", "attempt-1", &VERIFIER, at(60)).await.unwrap().is_none());
    let code = offer(&sessions, &session).await;
    sessions.end(&session).await.unwrap();
    assert!(sessions.redeem_handover(&code, "b.example", "attempt-1", &VERIFIER, at(1)).await.unwrap().is_none());
    let handover = Handover { host: "b.example".to_owned(), attempt: String::new(), challenge: [0; 32] };
    assert!(matches!(sessions.offer_handover(&session, handover, at(1)).await, Err(SessionsError::Over)));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_use_a_code_at_once_one_gets_in() {
    let (sessions, _) = sessions();
    let sessions = Arc::new(sessions);
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    for _ in 0..50 {
        let code = offer(&sessions, &session).await;
        let racers = (0..8).map(|_| {
            let (sessions, code) = (Arc::clone(&sessions), code.clone());
            tokio::spawn(async move {
                sessions.redeem_handover(&code, "b.example", "attempt-1", &VERIFIER, at(1)).await.unwrap().is_some()
            })
        });
        let mut winners = 0;
        for racer in racers.collect::<Vec<_>>() {
            winners += usize::from(racer.await.unwrap());
        }
        assert_eq!(winners, 1);
    }
}

#[tokio::test]
async fn a_code_is_no_ticket_and_a_ticket_no_code() {
    let (sessions, _) = sessions();
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let code = offer(&sessions, &session).await;
    assert!(sessions.find(&code, "b.example", at(1)).await.unwrap().is_none());
    let ticket = sessions.grant(&session, "b.example", at(0)).await.unwrap().to_cookie_value();
    assert!(sessions.redeem_handover(&ticket, "b.example", "attempt-1", &VERIFIER, at(1)).await.unwrap().is_none());
    for junk in ["", "code", &"A".repeat(64), &"A".repeat(100_000)] {
        assert!(sessions.redeem_handover(junk, "b.example", "attempt-1", &VERIFIER, at(1)).await.unwrap().is_none());
    }
}
