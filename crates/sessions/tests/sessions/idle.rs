//! Sessions in which nothing is done.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_sessions::{Limits, LiveSession, RecordKind, Sessions};

use crate::store::TestStore;
use crate::{LIFETIME, alice, at};

const IDLE: u64 = 600;
/// How long a replica may keep activity to itself, and how much later than that it may tell.
const TOLD: u64 = 60 + 5;

fn limits() -> Limits {
    Limits { idle: Some(Duration::from_secs(IDLE)), ..Limits::from(LIFETIME) }
}

fn over(store: &Arc<TestStore>) -> Sessions {
    Sessions::new(Arc::clone(store) as _, [7; 32], limits())
}

async fn signed_in(sessions: &Sessions) -> (Arc<LiveSession>, String) {
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    assert!(is_in(sessions, &ticket, at(0)).await);
    (session, ticket)
}

async fn is_in(sessions: &Sessions, ticket: &str, now: SystemTime) -> bool {
    sessions.find(ticket, "a.example", now).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_ends_on_time_to_the_second_and_every_request_begins_anew() {
    let store = Arc::new(TestStore::default());
    let sessions = over(&store);
    let (session, ticket) = signed_in(&sessions).await;
    assert!(is_in(&sessions, &ticket, at(IDLE - 1)).await);
    assert!(is_in(&sessions, &ticket, at(2 * IDLE - 2)).await);
    assert!(sessions.find_cached(&ticket, "a.example", at(3 * IDLE - 2)).is_none());
    assert!(!is_in(&sessions, &ticket, at(3 * IDLE - 2)).await);
    assert!(session.ended().is_cancelled());
    assert_eq!(store.count(RecordKind::Session).await, 0);
    assert!(!is_in(&over(&store), &ticket, at(3 * IDLE - 2)).await);
}

#[tokio::test]
async fn the_keeper_ends_an_idle_session_that_a_tunnel_holds_and_activity_keeps_it() {
    let store = Arc::new(TestStore::default());
    let sessions = over(&store);
    let (session, _) = signed_in(&sessions).await;
    for second in (0..2 * IDLE).step_by(30) {
        // As a tunnel does while bytes come from the visitor.
        session.touch(at(second));
        sessions.look_after(at(second)).await;
        assert!(!session.ended().is_cancelled(), "second {second}");
    }
    let last = 2 * IDLE - 30;
    sessions.look_after(at(last + IDLE - 1)).await;
    assert!(!session.ended().is_cancelled());
    sessions.look_after(at(last + IDLE)).await;
    assert!(session.ended().is_cancelled());
}

#[tokio::test]
async fn the_store_is_told_of_activity_once_a_minute_and_not_for_every_request() {
    let store = Arc::new(TestStore::default());
    let sessions = over(&store);
    let (_session, ticket) = signed_in(&sessions).await;
    let writes = store.writes();
    for second in 0..300 {
        assert!(is_in(&sessions, &ticket, at(second)).await);
        sessions.look_after(at(second)).await;
    }
    assert_eq!(store.writes() - writes, 4, "at 60, 120, 180 and 240 seconds");
}

#[tokio::test]
async fn an_active_person_is_never_signed_out_because_another_replica_had_not_told() {
    let store = Arc::new(TestStore::default());
    store.share();
    let (here, there) = (over(&store), over(&store));
    let (_session, ticket) = signed_in(&here).await;
    let held_there = there.find(&ticket, "a.example", at(0)).await.unwrap().unwrap();
    // Active here alone, and told of once a minute. There the session looks idle all the time.
    for second in 0..3 * IDLE {
        assert!(is_in(&here, &ticket, at(second)).await);
        here.look_after(at(second)).await;
        there.look_after(at(second)).await;
        assert!(!held_there.ended().is_cancelled(), "second {second}");
    }
    let last = 3 * IDLE - 1;
    for second in last..last + IDLE {
        there.look_after(at(second)).await;
    }
    assert!(!held_there.ended().is_cancelled());
    there.look_after(at(last + IDLE + TOLD)).await;
    assert!(held_there.ended().is_cancelled(), "idle on both");
    assert_eq!(store.count(RecordKind::Session).await, 0, "so it is over for all");
}

#[tokio::test]
async fn of_two_replicas_each_hears_of_what_was_done_on_the_other() {
    let store = Arc::new(TestStore::default());
    store.share();
    let (here, there) = (over(&store), over(&store));
    let (_session, ticket) = signed_in(&here).await;
    assert!(is_in(&there, &ticket, at(0)).await);
    // By turns, so that each writes over what the other has written.
    for (turn, replica) in (1..40).zip([&here, &there].into_iter().cycle()) {
        let now = at(turn * (IDLE - 100));
        if turn * (IDLE - 100) >= LIFETIME.as_secs() {
            break;
        }
        assert!(is_in(replica, &ticket, now).await, "turn {turn}");
        here.look_after(now).await;
        there.look_after(now).await;
    }
}

#[tokio::test]
async fn a_restart_keeps_the_time() {
    let store = Arc::new(TestStore::default());
    let before = over(&store);
    let (session, ticket) = signed_in(&before).await;
    for second in 0..=500 {
        session.touch(at(second));
        before.look_after(at(second)).await;
    }
    drop((before, session));
    // Told at 480 at the latest; what was not told counts for the person.
    assert!(is_in(&over(&store), &ticket, at(500 + IDLE - 1)).await);
    let late = 500 + IDLE + TOLD;
    assert!(!is_in(&over(&store), &ticket, at(late + IDLE)).await);
}

#[tokio::test]
async fn a_restart_does_not_begin_the_time_anew() {
    let store = Arc::new(TestStore::default());
    let before = over(&store);
    let (session, ticket) = signed_in(&before).await;
    drop((before, session));
    assert!(!is_in(&over(&store), &ticket, at(IDLE + TOLD)).await);
}

#[tokio::test]
async fn a_clock_that_goes_back_signs_nobody_out_and_one_that_went_ahead_is_bounded_by_the_absolute_limit() {
    let store = Arc::new(TestStore::default());
    store.share();
    let sessions = over(&store);
    let (session, ticket) = signed_in(&sessions).await;
    assert!(is_in(&sessions, &ticket, at(300)).await);
    let an_hour_ago = at(0) - Duration::from_secs(3600);
    assert!(is_in(&sessions, &ticket, an_hour_ago).await);
    sessions.look_after(an_hour_ago).await;
    assert!(!session.ended().is_cancelled());
    assert!(is_in(&sessions, &ticket, at(301)).await);
    // The clock ran ahead for a moment while something was done.
    session.touch(session.expires_at() - Duration::from_secs(1));
    assert!(is_in(&sessions, &ticket, at(302)).await);
    assert!(!is_in(&sessions, &ticket, session.expires_at()).await);
}

#[tokio::test]
async fn without_a_limit_nobody_is_idle() {
    let store = Arc::new(TestStore::default());
    let sessions = crate::sessions_over(&store);
    let (session, ticket) = signed_in(&sessions).await;
    let late = session.expires_at() - Duration::from_secs(1);
    sessions.look_after(late).await;
    sessions.sweep(late).await.unwrap();
    assert!(is_in(&sessions, &ticket, late).await);
    assert!(is_in(&crate::sessions_over(&store), &ticket, late).await);
}

#[tokio::test]
async fn a_limit_set_while_running_holds_for_those_who_are_signed_in() {
    let store = Arc::new(TestStore::default());
    let sessions = crate::sessions_over(&store);
    let (session, _) = signed_in(&sessions).await;
    sessions.look_after(at(IDLE)).await;
    assert!(!session.ended().is_cancelled());
    sessions.set_limits(limits());
    sessions.look_after(at(IDLE)).await;
    assert!(session.ended().is_cancelled());
}
