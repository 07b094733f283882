//! New tickets when rights change.

use super::*;
use crate::Ticket;

/// Somebody whose groups have changed since their ticket was granted.
async fn outdated() -> (Arc<Common>, Sessions, Arc<LiveSession>, String) {
    let store = Arc::new(Common::default());
    let sessions = store.replica();
    let session = sessions.begin(new_session(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, HOST, at(0)).await.unwrap().to_cookie_value();
    sessions.find(&ticket, HOST, at(0)).await.unwrap().unwrap();
    assert!(!session.has_outdated_tickets() && !sessions.is_outdated(&session, &ticket, HOST, at(0)));
    refresh(&sessions, &session, &["staff", "admins"], at(1)).await;
    assert!(session.has_outdated_tickets() && sessions.is_outdated(&session, &ticket, HOST, at(1)));
    (store, sessions, session, ticket)
}

async fn is_in(sessions: &Sessions, ticket: &str, now: SystemTime) -> bool {
    sessions.find(ticket, HOST, now).await.unwrap().is_some()
}

fn text(ticket: Option<Ticket>) -> String {
    ticket.expect("a new ticket").to_cookie_value()
}

#[tokio::test]
async fn the_old_ticket_is_good_for_a_minute_and_then_worth_nothing_here_and_elsewhere() {
    let (store, sessions, session, old) = outdated().await;
    let elsewhere = store.replica();
    assert!(is_in(&elsewhere, &old, at(1)).await);
    let new = text(sessions.regrant(&session, &old, HOST, at(2)).await.unwrap());
    assert!(!sessions.is_outdated(&session, &old, HOST, at(2)), "parallel page loads ask no more");
    let restarted = store.replica();
    for second in [2, 30, 61] {
        for replica in [&sessions, &elsewhere, &restarted] {
            assert!(is_in(replica, &old, at(second)).await, "second {second}: requests under way");
            assert!(is_in(replica, &new, at(second)).await);
        }
    }
    for replica in [&sessions, &elsewhere, &restarted, &store.replica()] {
        assert!(replica.find_cached(&old, HOST, at(62)).is_none());
        assert!(!is_in(replica, &old, at(62)).await);
        assert!(is_in(replica, &new, at(62)).await);
    }
    assert!(!session.is_over(at(62)));
    assert!(!sessions.is_outdated(&session, &new, HOST, at(62)));
}

#[tokio::test]
async fn a_refresh_that_changes_nothing_about_the_person_changes_no_ticket() {
    let store = Arc::new(Common::default());
    let sessions = store.replica();
    let session = sessions.begin(new_session(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, HOST, at(0)).await.unwrap().to_cookie_value();
    refresh(&sessions, &session, &["staff"], at(1)).await;
    assert!(!session.has_outdated_tickets());
    assert!(sessions.regrant(&session, &ticket, HOST, at(1)).await.unwrap().is_none());
    assert_eq!(store.count(RecordKind::Grant).await, 1);
}

#[tokio::test]
async fn of_parallel_page_loads_on_one_and_two_replicas_one_gets_a_ticket() {
    let (store, sessions, session, old) = outdated().await;
    let elsewhere = store.replica();
    let there = elsewhere.find(&old, HOST, at(1)).await.unwrap().unwrap();
    assert!(elsewhere.is_outdated(&there, &old, HOST, at(1)), "it was loaded with the newer rights");
    // Interleaved at every step: each has read the old grant before any has replaced it.
    let asked = (0..20).map(|number| {
        let (sessions, session) = if number % 2 == 0 { (&sessions, &session) } else { (&elsewhere, &there) };
        let old = &old;
        async move {
            tokio::task::yield_now().await;
            sessions.regrant(session, old, HOST, at(2)).await.unwrap()
        }
    });
    let granted = futures_util::future::join_all(asked).await.into_iter().flatten().count();
    assert_eq!(granted, 1);
    assert_eq!(store.count(RecordKind::Grant).await, 2, "those that came too late left nothing behind");
}

#[tokio::test]
async fn an_answer_that_did_not_arrive_is_made_good_by_the_next_page_load() {
    let (_store, sessions, session, old) = outdated().await;
    text(sessions.regrant(&session, &old, HOST, at(2)).await.unwrap());
    assert!(sessions.regrant(&session, &old, HOST, at(11)).await.unwrap().is_none());
    assert!(sessions.is_outdated(&session, &old, HOST, at(12)));
    let again = text(sessions.regrant(&session, &old, HOST, at(12)).await.unwrap());
    assert!(is_in(&sessions, &again, at(1000)).await);
    assert!(!is_in(&sessions, &old, at(62)).await, "but the old one's minute does not begin anew");
}

#[tokio::test]
async fn a_failing_store_leaves_everything_as_it_is() {
    let (store, sessions, session, old) = outdated().await;
    store.full.store(true, Ordering::SeqCst);
    sessions.regrant(&session, &old, HOST, at(2)).await.unwrap_err();
    store.full.store(false, Ordering::SeqCst);
    assert!(is_in(&sessions, &old, at(1000)).await);
    assert!(sessions.is_outdated(&session, &old, HOST, at(1000)), "and the next page load tries again");
}

#[tokio::test]
async fn a_ticket_of_another_host_session_or_of_nobody_is_not_replaced() {
    let (store, sessions, session, old) = outdated().await;
    let other = sessions.begin(new_session(), at(0)).await.unwrap();
    let others = sessions.grant(&other, HOST, at(0)).await.unwrap().to_cookie_value();
    for (ticket, host) in [(others.as_str(), HOST), (&old, "b.example"), (&"A".repeat(64), HOST), ("", HOST)] {
        assert!(!sessions.is_outdated(&session, ticket, host, at(2)));
        assert!(sessions.regrant(&session, ticket, host, at(2)).await.unwrap().is_none());
    }
    assert_eq!(store.count(RecordKind::Grant).await, 2);
}

#[tokio::test]
async fn an_ended_session_gets_no_ticket() {
    let (_store, sessions, session, old) = outdated().await;
    sessions.end(&session).await.unwrap();
    assert!(sessions.regrant(&session, &old, HOST, at(2)).await.is_err());
    assert!(!sessions.is_outdated(&session, &old, HOST, at(2)));
}

#[tokio::test]
async fn an_outdated_ticket_that_no_page_load_replaces_costs_a_read_each_half_minute() {
    let (store, sessions, session, old) = outdated().await;
    let reads = store.reads();
    for second in 1..=120 {
        assert!(is_in(&sessions, &old, at(second)).await);
    }
    assert_eq!(store.reads() - reads, 4);
    assert!(!session.is_over(at(120)));
}
