//! Several Doorwards on one store, and words between them that come, come late, or never come.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_identity::Email;
use doorward_sessions::{Change, Changes, Limits, LiveSession, RecordKind, SessionStore as _, Sessions, SessionsError};
use tokio_util::sync::CancellationToken;

use crate::store::TestStore;
use crate::{LIFETIME, alice, at, bob, sessions_over};

/// One Doorward, and the words that wait for it.
struct Replica {
    sessions: Arc<Sessions>,
    words: Changes,
}

impl Replica {
    fn on(store: &Arc<TestStore>) -> Self {
        Self { sessions: Arc::new(sessions_over(store)), words: store.changes() }
    }

    async fn waiting(&mut self) -> Vec<Change> {
        let mut waiting = Vec::new();
        while let Ok(Some(change)) = tokio::time::timeout(Duration::from_millis(1), self.words.next()).await {
            waiting.push(change);
        }
        waiting
    }

    /// Follows all that was told.
    async fn hear(&mut self, now: SystemTime) {
        for change in self.waiting().await {
            self.sessions.follow(change, now).await;
        }
    }

    async fn find(&self, ticket: &str, now: SystemTime) -> Option<Arc<LiveSession>> {
        self.sessions.find(ticket, "a.example", now).await.unwrap()
    }
}

/// Somebody who is signed in on two replicas, each of which has heard all that was told.
struct Pair {
    store: Arc<TestStore>,
    one: Replica,
    other: Replica,
    session: Arc<LiveSession>,
    held_by_other: Arc<LiveSession>,
    ticket: String,
}

async fn pair() -> Pair {
    let store = Arc::new(TestStore::default());
    store.share();
    let (mut one, mut other) = (Replica::on(&store), Replica::on(&store));
    let session = one.sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = one.sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let held_by_other = other.find(&ticket, at(0)).await.unwrap();
    one.hear(at(0)).await;
    other.hear(at(0)).await;
    assert!(!held_by_other.ended().is_cancelled());
    Pair { store, one, other, session, held_by_other, ticket }
}

#[tokio::test]
async fn what_ends_on_one_ends_on_the_other() {
    let mut pair = pair().await;
    pair.one.sessions.end(&pair.session).await.unwrap();
    pair.other.hear(at(1)).await;
    assert!(pair.held_by_other.ended().is_cancelled(), "what a tunnel waits for");
    assert!(pair.other.sessions.find_cached(&pair.ticket, "a.example", at(1)).is_none());
    assert!(pair.other.find(&pair.ticket, at(1)).await.is_none());
}

#[tokio::test]
async fn a_lost_word_is_healed_by_asking() {
    let mut lost = pair().await;
    lost.one.sessions.end(&lost.session).await.unwrap();
    lost.other.waiting().await;
    lost.other.sessions.look_after(at(29)).await;
    assert!(!lost.held_by_other.ended().is_cancelled(), "nothing was heard so far");
    lost.other.sessions.look_after(at(30)).await;
    assert!(lost.held_by_other.ended().is_cancelled(), "half a minute at most");

    let mut lost = pair().await;
    lost.one.sessions.end(&lost.session).await.unwrap();
    lost.other.waiting().await;
    lost.other.sessions.follow(Change::Missed, at(1)).await;
    assert!(lost.held_by_other.ended().is_cancelled(), "at once when it is known that words were lost");
}

#[tokio::test]
async fn a_lost_word_is_healed_as_soon_as_the_store_answers_again() {
    let mut pair = pair().await;
    pair.one.sessions.end(&pair.session).await.unwrap();
    pair.other.waiting().await;
    pair.store.go_down(true);
    pair.other.sessions.follow(Change::Missed, at(1)).await;
    pair.other.sessions.look_after(at(2)).await;
    assert!(!pair.held_by_other.ended().is_cancelled());
    pair.store.go_down(false);
    pair.other.sessions.look_after(at(3)).await;
    assert!(pair.held_by_other.ended().is_cancelled());
}

#[tokio::test]
async fn who_is_blocked_on_one_is_out_on_the_other_even_when_only_that_word_comes() {
    let mut pair = pair().await;
    let alice = Email::parse("ALICE@example.com").unwrap();
    assert!(pair.one.sessions.block(&alice, at(1)).await.unwrap().is_new);
    let words = pair.other.waiting().await;
    let of_blocked: Vec<_> = words
        .into_iter()
        .filter(|change| matches!(change, Change::Written { key, .. } if key.kind == RecordKind::Blocked))
        .collect();
    assert_eq!(of_blocked.len(), 1);
    pair.other.sessions.follow(of_blocked[0], at(1)).await;
    assert!(pair.held_by_other.ended().is_cancelled());
    assert!(pair.other.find(&pair.ticket, at(1)).await.is_none());
}

#[tokio::test]
async fn a_word_about_a_block_that_cannot_be_followed_is_followed_later() {
    let mut pair = pair().await;
    pair.store.keep(Some(RecordKind::Session));
    let alice = Email::parse("alice@example.com").unwrap();
    pair.one.sessions.block(&alice, at(1)).await.expect_err("their sessions cannot be removed");
    let words = pair.other.waiting().await;
    pair.store.keep(None);
    pair.store.go_down(true);
    for change in words {
        pair.other.sessions.follow(change, at(1)).await;
    }
    assert!(!pair.held_by_other.ended().is_cancelled());
    pair.store.go_down(false);
    pair.other.sessions.look_after(at(2)).await;
    assert!(pair.held_by_other.ended().is_cancelled());
}

/// The look-up has the record in hand and stands still; then `meanwhile` happens.
async fn found_while<F: Future>(pair: &Pair, meanwhile: impl FnOnce(Arc<Sessions>) -> F) -> bool {
    let third = Replica::on(&pair.store);
    pair.store.session_reads.forget_permits(usize::MAX >> 4);
    let look_up = {
        let (sessions, ticket) = (Arc::clone(&third.sessions), pair.ticket.clone());
        tokio::spawn(async move { sessions.find(&ticket, "a.example", at(1)).await.unwrap() })
    };
    pair.store.standing.acquire().await.unwrap().forget();
    meanwhile(Arc::clone(&third.sessions)).await;
    pair.store.session_reads.add_permits(1_000_000);
    look_up.await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_that_ends_elsewhere_while_it_is_loaded_is_not_admitted() {
    let pair = pair().await;
    let (one, session) = (Arc::clone(&pair.one.sessions), Arc::clone(&pair.session));
    let mut words = pair.store.changes();
    let found = found_while(&pair, |third| async move {
        one.end(&session).await.unwrap();
        words.next().await.unwrap();
        third.follow(words.next().await.unwrap(), at(1)).await;
    });
    assert!(!found.await, "the word came while it was not there yet");
}

#[tokio::test]
async fn a_session_that_ends_elsewhere_while_it_is_loaded_and_the_word_is_lost_is_not_admitted() {
    let pair = pair().await;
    let (one, session) = (Arc::clone(&pair.one.sessions), Arc::clone(&pair.session));
    let found = found_while(&pair, |third| async move {
        one.end(&session).await.unwrap();
        // Of those that are alive there is none yet, so this alone would find nothing.
        third.follow(Change::Missed, at(1)).await;
    });
    assert!(!found.await);
}

#[tokio::test]
async fn a_person_who_is_blocked_while_their_session_is_loaded_is_not_admitted() {
    let pair = pair().await;
    pair.store.keep(Some(RecordKind::Session));
    let one = Arc::clone(&pair.one.sessions);
    let mut words = pair.store.changes();
    let found = found_while(&pair, |third| async move {
        one.block(&Email::parse("alice@example.com").unwrap(), at(1)).await.expect_err("the record stays");
        words.next().await.unwrap();
        third.follow(words.next().await.unwrap(), at(1)).await;
    });
    assert!(!found.await, "the block was not there when it was asked about first");
}

#[tokio::test]
async fn the_running_tasks_carry_an_end_over_within_a_second() {
    let store = Arc::new(TestStore::default());
    store.share();
    let (one, other) = (Arc::new(sessions_over(&store)), Arc::new(sessions_over(&store)));
    let session = one.begin(alice(), at(0)).await.unwrap();
    let ticket = one.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let stop = CancellationToken::new();
    let running: Vec<_> = [&one, &other]
        .into_iter()
        .map(|sessions| {
            let (sessions, stop) = (Arc::clone(sessions), stop.clone());
            tokio::spawn(async move { sessions.run_changes(|| at(1), stop).await })
        })
        .collect();
    let held = other.find(&ticket, "a.example", at(1)).await.unwrap().unwrap();
    tokio::task::yield_now().await;
    one.end(&session).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), held.ended().cancelled()).await.expect("the end is carried over");
    stop.cancel();
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn an_end_does_not_wait_for_words_the_store_is_slow_about() {
    let store = Arc::new(TestStore::default());
    store.share();
    let (one, other) = (Arc::new(sessions_over(&store)), Arc::new(sessions_over(&store)));
    let session = one.begin(alice(), at(0)).await.unwrap();
    let ticket = one.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let held = other.find(&ticket, "a.example", at(1)).await.unwrap().unwrap();
    // From now on whoever asks about a session waits; the first word, to look for oneself, makes it ask.
    store.session_reads.forget_permits(usize::MAX >> 4);
    let stop = CancellationToken::new();
    let running = {
        let (sessions, stop) = (Arc::clone(&other), stop.clone());
        tokio::spawn(async move { sessions.run_changes(|| at(1), stop).await })
    };
    store.standing.acquire().await.unwrap().forget();
    one.end(&session).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), held.ended().cancelled()).await.expect("it is heard all the same");
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_session_about_which_no_answer_comes_goes_on_for_the_grace_and_is_asked_about_then() {
    let store = Arc::new(TestStore::default());
    store.share();
    let limits = Limits { grace: Duration::from_secs(100), ..Limits::from(LIFETIME) };
    let sessions = Sessions::new(Arc::clone(&store) as _, [7; 32], limits);
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    sessions.find(&ticket, "a.example", at(0)).await.unwrap().unwrap();
    // Nobody looks after the sessions, and every other question is answered: two verifications and the grace.
    assert!(sessions.find_cached(&ticket, "a.example", at(159)).is_some());
    assert!(sessions.vouches_for(&session, at(159)));
    assert!(sessions.find_cached(&ticket, "a.example", at(160)).is_none());
    assert!(!sessions.vouches_for(&session, at(160)));
    assert!(sessions.find(&ticket, "a.example", at(160)).await.unwrap().is_some(), "the store stands by it");
    assert!(sessions.find_cached(&ticket, "a.example", at(161)).is_some());
}

#[tokio::test]
async fn replicas_hear_of_blocks_again_after_the_store_has_forgotten_everything() {
    for newcomer_is_first in [true, false] {
        let store = Arc::new(TestStore::default());
        store.share();
        let old = sessions_over(&store);
        let session = old.begin(alice(), at(0)).await.unwrap();
        for kind in [RecordKind::Server, RecordKind::Session, RecordKind::Card] {
            for name in store.names(kind) {
                store.remove(&name).await.unwrap();
            }
        }
        let new = sessions_over(&store);
        if newcomer_is_first {
            new.vault().prepare(at(1)).await.unwrap();
        }
        old.look_after(at(31)).await;
        assert!(session.is_over(at(31)), "what the store has forgotten is over");
        old.block(&Email::parse("bob@example.com").unwrap(), at(32)).await.unwrap();
        let refused = new.begin(bob(), at(33)).await;
        assert!(matches!(refused, Err(SessionsError::Blocked)), "{newcomer_is_first}: {refused:?}");
        let begun = new.begin(alice(), at(34)).await.unwrap();
        assert_eq!(old.of_person(&begun.subject(), at(35)).await.unwrap().len(), 1, "both call things the same");
    }
}
