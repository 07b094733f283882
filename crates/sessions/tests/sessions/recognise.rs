//! Several cookies of our name in one request: a sibling domain may have tossed some in.

use std::sync::Arc;

use doorward_sessions::{LiveSession, MOST_TICKETS, NewSession, Recognised, Sessions, Ticket};

use crate::store::TestStore;
use crate::{alice, at, bob, sessions, sessions_over};

const HOST: &str = "example.com";

async fn ticket(sessions: &Sessions, new: NewSession) -> (Arc<LiveSession>, String) {
    let session = sessions.begin(new, at(0)).await.unwrap();
    let ticket = sessions.grant(&session, HOST, at(0)).await.unwrap().to_cookie_value();
    (session, ticket)
}

/// Well-formed tickets that nobody was given.
fn junk(number: usize) -> Vec<String> {
    let junk: Vec<_> = (0..number).map(|number| format!("{number:0>64}")).collect();
    assert!(junk.iter().all(|text| Ticket::parse(text).is_some()));
    junk
}

fn before<'a>(junk: &'a [String], real: &'a str) -> Vec<&'a str> {
    junk.iter().map(String::as_str).chain([real]).collect()
}

async fn who(sessions: &Sessions, values: &[&str]) -> Option<String> {
    let found = match sessions.recognise_cached(values, HOST, at(1), |_| true) {
        Some(recognised) => recognised,
        None => sessions.recognise(values, HOST, at(1), |_| true).await.unwrap(),
    };
    match found {
        Recognised::Somebody(session) => Some(session.subject().id),
        Recognised::Nobody => None,
        Recognised::SeveralPeople => Some("several".to_owned()),
    }
}

#[tokio::test]
async fn the_real_one_never_loses_to_junk_known_or_not() {
    for number in [1, 4, 5, MOST_TICKETS - 1, 200] {
        let (warm, store) = sessions();
        let (_session, real) = ticket(&warm, alice()).await;
        warm.find(&real, HOST, at(0)).await.unwrap().unwrap();
        let junk = junk(number);
        for sessions in [&warm, &sessions_over(&store)] {
            for _ in 0..3 {
                assert_eq!(who(sessions, &before(&junk, &real)).await.as_deref(), Some("alice-1"), "{number}");
            }
        }
    }
}

#[tokio::test]
async fn junk_costs_a_few_reads_for_each_request_and_then_none() {
    let (sessions, store) = sessions();
    let (_session, real) = ticket(&sessions, alice()).await;
    sessions.find(&real, HOST, at(0)).await.unwrap().unwrap();
    let junk = junk(20);
    let values = before(&junk, &real);
    for request in 0..5 {
        let reads = store.reads();
        assert!(sessions.recognise_cached(&values, HOST, at(1), |_| true).is_none(), "request {request}");
        who(&sessions, &values).await;
        assert_eq!(store.reads() - reads, 4, "request {request}");
    }
    let reads = store.reads();
    assert!(matches!(sessions.recognise_cached(&values, HOST, at(1), |_| true), Some(Recognised::Somebody(_)),));
    assert_eq!(store.reads(), reads, "all of it is known to be nothing");
}

#[tokio::test]
async fn one_s_own_ticket_tossed_in_makes_nobody_act_as_somebody_else() {
    let (sessions, store) = sessions();
    let (_real_session, real) = ticket(&sessions, alice()).await;
    let (_attackers, tossed) = ticket(&sessions, bob()).await;
    // Wherever it stands, and whichever of the two this process remembers.
    for remembered in [vec![], vec![&real], vec![&tossed], vec![&real, &tossed]] {
        for values in [[tossed.as_str(), &real], [&real, &tossed]] {
            let cold = sessions_over(&store);
            for ticket in &remembered {
                cold.find(ticket, HOST, at(0)).await.unwrap().unwrap();
            }
            assert_eq!(who(&cold, &values).await.as_deref(), Some("several"));
            let again = cold.recognise_cached(&values, HOST, at(1), |_| true);
            assert!(matches!(again, Some(Recognised::SeveralPeople)), "and that is known from then on");
        }
    }
}

#[tokio::test]
async fn a_tossed_ticket_behind_which_the_real_one_may_stand_is_not_believed() {
    let (sessions, store) = sessions();
    let (_real_session, real) = ticket(&sessions, alice()).await;
    let (_attackers, tossed) = ticket(&sessions, bob()).await;
    // The real one is among junk, neither first nor last, and the attacker's own is remembered.
    let junk = junk(20);
    let mut values: Vec<&str> = vec![&tossed, &real];
    values.extend(junk.iter().map(String::as_str));
    let cold = sessions_over(&store);
    cold.find(&tossed, HOST, at(0)).await.unwrap().unwrap();
    for request in 0..5 {
        assert_eq!(who(&cold, &values).await, None, "request {request}: more has to be found out first");
    }
    assert_eq!(who(&cold, &values).await.as_deref(), Some("several"));
}

#[tokio::test]
async fn of_one_person_s_sign_ins_the_last_counts() {
    let (sessions, _) = sessions();
    let (_older, first) = ticket(&sessions, alice()).await;
    let session = sessions.begin(alice(), at(1)).await.unwrap();
    let second = sessions.grant(&session, HOST, at(1)).await.unwrap().to_cookie_value();
    for values in [[first.as_str(), &second], [&second, &first]] {
        let Recognised::Somebody(found) = sessions.recognise(&values, HOST, at(2), |_| true).await.unwrap() else {
            panic!("nobody");
        };
        assert!(Arc::ptr_eq(&found, &session));
    }
}

#[tokio::test]
async fn a_session_nobody_stands_by_any_more_is_ended_and_hides_no_other() {
    let (sessions, _) = sessions();
    let (gone, tossed) = ticket(&sessions, bob()).await;
    let (_session, real) = ticket(&sessions, alice()).await;
    let admits = |session: &LiveSession| session.subject().id != "bob-1";
    for value in [&tossed, &real] {
        sessions.find(value, HOST, at(0)).await.unwrap().unwrap();
    }
    let values = [tossed.as_str(), &real];
    assert!(sessions.recognise_cached(&values, HOST, at(1), admits).is_none(), "it has to be ended first");
    let found = sessions.recognise(&values, HOST, at(1), admits).await.unwrap();
    assert!(matches!(found, Recognised::Somebody(session) if session.subject().id == "alice-1"));
    assert!(gone.ended().is_cancelled());
}

#[tokio::test]
async fn while_the_store_is_down_the_known_go_on_and_the_unknown_are_not_nobody() {
    let (sessions, store) = sessions();
    let (_session, real) = ticket(&sessions, alice()).await;
    sessions.find(&real, HOST, at(0)).await.unwrap().unwrap();
    store.go_down(true);
    let junk = junk(3);
    assert_eq!(who(&sessions, &before(&junk, &real)).await.as_deref(), Some("alice-1"));
    let values: Vec<_> = junk.iter().map(String::as_str).collect();
    sessions.recognise(&values, HOST, at(1), |_| true).await.expect_err("it cannot be told");
    let behind = [real.as_str(), &junk[0]];
    sessions.recognise(&behind, HOST, at(1), |_| true).await.expect_err("the last one may be somebody's");
}

#[tokio::test]
async fn nothing_is_nobody_and_asks_nobody() {
    let store = Arc::new(TestStore::default());
    let sessions = sessions_over(&store);
    for values in [&[][..], &["", "x", "signed-in"]] {
        let found = sessions.recognise_cached(values, HOST, at(0), |_| true);
        assert!(matches!(found, Some(Recognised::Nobody)));
        assert!(matches!(sessions.recognise(values, HOST, at(0), |_| true).await.unwrap(), Recognised::Nobody));
    }
    assert_eq!(store.reads(), 0);
}
