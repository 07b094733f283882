//! Ends the store cannot be told of, or only half.

use std::sync::Arc;

use doorward_sessions::{LiveSession, RecordKind, Sessions};

use crate::store::TestStore;
use crate::{alice, at, sessions, sessions_over};

async fn signed_in(sessions: &Sessions) -> (Arc<LiveSession>, String) {
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    sessions.find(&ticket, "a.example", at(0)).await.unwrap().unwrap();
    (session, ticket)
}

async fn left(store: &TestStore) -> (usize, usize) {
    (store.count(RecordKind::Session).await, store.count(RecordKind::Card).await)
}

#[tokio::test]
async fn an_end_during_an_outage_reaches_the_store_and_other_replicas_when_it_returns() {
    let store = Arc::new(TestStore::default());
    store.share();
    let (here, there) = (sessions_over(&store), sessions_over(&store));
    let (session, ticket) = signed_in(&here).await;
    let held_there = there.find(&ticket, "a.example", at(0)).await.unwrap().unwrap();
    let mut words = doorward_sessions::SessionStore::changes(&*store);
    store.go_down(true);
    here.end(&session).await.expect_err("the caller must know that it is not on record");
    drop(session);
    here.look_after(at(10)).await;
    assert_eq!(left(&store).await, (1, 1), "nothing can be told yet");
    assert!(here.find_cached(&ticket, "a.example", at(10)).is_none());
    store.go_down(false);
    here.look_after(at(11)).await;
    assert_eq!(left(&store).await, (0, 0));
    assert!(here.find(&ticket, "a.example", at(11)).await.unwrap().is_none());
    // The first word is to look for oneself; leave it out to see that the word of the end is enough.
    words.next().await.unwrap();
    there.follow(words.next().await.unwrap(), at(11)).await;
    assert!(held_there.ended().is_cancelled());
}

#[tokio::test]
async fn a_card_that_stays_does_not_hide_that_the_session_is_gone() {
    let (sessions, store) = sessions();
    let (session, ticket) = signed_in(&sessions).await;
    store.keep(Some(RecordKind::Card));
    sessions.end(&session).await.expect("what counts is gone");
    assert_eq!(left(&store).await, (0, 1));
    assert!(sessions_over(&store).find(&ticket, "a.example", at(1)).await.unwrap().is_none());
    store.keep(None);
    sessions.look_after(at(2)).await;
    assert_eq!(left(&store).await, (0, 0), "the rest was taken away later");
    let writes = store.writes();
    sessions.look_after(at(3)).await;
    assert_eq!(store.writes(), writes, "and then nothing was left to do");
}

#[tokio::test]
async fn a_session_that_stays_does_not_keep_its_card_and_is_gone_without_it() {
    let (sessions, store) = sessions();
    let (session, ticket) = signed_in(&sessions).await;
    store.keep(Some(RecordKind::Session));
    sessions.end(&session).await.expect_err("its record is still there");
    assert_eq!(left(&store).await, (1, 0));
    assert!(sessions_over(&store).find(&ticket, "a.example", at(1)).await.unwrap().is_none(), "but worth nothing");
    store.keep(None);
    sessions.look_after(at(2)).await;
    assert_eq!(left(&store).await, (0, 0));
}

#[tokio::test]
async fn on_a_full_disk_everything_that_ends_ends_and_is_written_down_later() {
    let (sessions, store) = sessions();
    let (one, ticket) = signed_in(&sessions).await;
    let (other, other_ticket) = signed_in(&sessions).await;
    store.fill(true);
    sessions.end_live(|session| session.id() == other.id()).await.expect_err("not on record");
    assert!(one.is_over(at(1)) && !other.is_over(at(1)));
    assert!(sessions.find(&other_ticket, "a.example", at(1)).await.unwrap().is_some(), "who is signed in goes on");
    sessions.begin(alice(), at(1)).await.expect_err("nobody signs in");
    for second in 2..6 {
        sessions.look_after(at(second)).await;
        assert!(sessions.find(&other_ticket, "a.example", at(second)).await.unwrap().is_some());
        assert!(sessions.find(&ticket, "a.example", at(second)).await.unwrap().is_none());
    }
    store.fill(false);
    sessions.look_after(at(6)).await;
    assert_eq!(left(&store).await, (1, 1));
    assert!(sessions.begin(alice(), at(6)).await.is_ok());
}

#[tokio::test]
async fn what_is_told_later_is_told_no_more_once_it_would_have_expired() {
    let (sessions, store) = sessions();
    let (session, _) = signed_in(&sessions).await;
    store.fill(true);
    sessions.end(&session).await.unwrap_err();
    store.fill(false);
    sessions.look_after(session.expires_at()).await;
    assert_eq!(left(&store).await, (1, 1), "the sweep has them");
    sessions.sweep(session.expires_at()).await.unwrap();
    assert_eq!(left(&store).await, (0, 0));
}

#[tokio::test]
async fn a_listed_session_that_the_store_keeps_is_ended_here_and_removed_later() {
    let (sessions, store) = sessions();
    let (session, _) = signed_in(&sessions).await;
    let card = sessions.every_card(at(1)).await.unwrap().remove(0);
    store.keep(Some(RecordKind::Session));
    sessions.end_listed(&card, at(1)).await.unwrap_err();
    assert!(session.ended().is_cancelled());
    store.keep(None);
    sessions.look_after(at(2)).await;
    assert_eq!(left(&store).await, (0, 0));
}
