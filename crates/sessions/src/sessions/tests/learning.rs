//! What is learned on one replica is known on the others, and never forgotten for something older.

use std::sync::Mutex;
use std::thread;

use super::*;

type Heard = Arc<Mutex<Vec<(String, Vec<String>)>>>;

fn listen(sessions: &Sessions) -> Heard {
    let heard = Heard::default();
    let noted = Arc::clone(&heard);
    sessions.on_news(move |session| {
        noted.lock().unwrap().push((session.id().to_owned(), groups_of(session)));
    });
    heard
}

#[tokio::test]
async fn claims_learned_on_one_are_known_on_the_other_and_its_listener_is_told() {
    let store = Arc::new(Common::default());
    let (one, other) = (store.replica(), store.replica());
    let (heard_by_one, heard_by_other) = (listen(&one), listen(&other));
    let session = one.begin(new_session(), at(0)).await.unwrap();
    let ticket = one.grant(&session, HOST, at(0)).await.unwrap().to_cookie_value();
    let held = other.find(&ticket, HOST, at(0)).await.unwrap().unwrap();
    let word = refresh(&one, &session, &["staff", "editors"], at(1)).await;
    for _ in 0..3 {
        // Told several times, also to the one who wrote it.
        one.follow(word, at(1)).await;
        other.follow(word, at(1)).await;
    }
    for session in [&session, &held] {
        assert_eq!(groups_of(session), ["staff", "editors"]);
        assert_eq!(session.known().revision, 2);
    }
    let expected = vec![(session.id().to_owned(), vec!["staff".to_owned(), "editors".to_owned()])];
    assert_eq!(*heard_by_one.lock().unwrap(), expected);
    assert_eq!(*heard_by_other.lock().unwrap(), expected);
}

#[tokio::test]
async fn what_was_learned_is_known_after_a_lost_word_and_to_who_comes_later() {
    let store = Arc::new(Common::default());
    let (one, other) = (store.replica(), store.replica());
    let heard = listen(&other);
    let session = one.begin(new_session(), at(0)).await.unwrap();
    let ticket = one.grant(&session, HOST, at(0)).await.unwrap().to_cookie_value();
    let held = other.find(&ticket, HOST, at(0)).await.unwrap().unwrap();
    refresh(&one, &session, &["guests"], at(1)).await;
    assert_eq!(groups_of(&held), ["staff"]);
    other.look_after(at(30)).await;
    assert_eq!(groups_of(&held), ["guests"]);
    assert_eq!(heard.lock().unwrap().len(), 1);
    let late = store.replica().find(&ticket, HOST, at(31)).await.unwrap().unwrap();
    assert_eq!(groups_of(&late), ["guests"]);
}

#[tokio::test]
async fn an_older_word_changes_nothing() {
    let store = Arc::new(Common::default());
    let sessions = store.replica();
    let heard = listen(&sessions);
    let session = sessions.begin(new_session(), at(0)).await.unwrap();
    let word = refresh(&sessions, &session, &["second"], at(1)).await;
    refresh(&sessions, &session, &["third"], at(2)).await;
    let reads = store.reads();
    sessions.follow(word, at(3)).await;
    assert_eq!(store.reads(), reads, "nobody is asked about what is known");
    let mut known = (*session.known()).clone();
    known.identity = person(&["second"]);
    assert!(!session.learn(known, Version(2)));
    assert_eq!(groups_of(&session), ["third"]);
    assert_eq!(heard.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn versions_never_go_back_however_many_learn_at_once() {
    let store = Arc::new(Common::default());
    let sessions = store.replica();
    for _ in 0..50 {
        let session = sessions.begin(new_session(), at(0)).await.unwrap();
        thread::scope(|scope| {
            for version in 2..18 {
                let session = &session;
                scope.spawn(move || {
                    let mut known = (*session.known()).clone();
                    known.revision = version;
                    session.learn(known, Version(version));
                    let now = session.known().revision;
                    assert!(now >= version, "{now} after {version} was learned");
                });
            }
        });
        assert_eq!(session.known().revision, 17);
        assert_eq!(session.version.load(Ordering::SeqCst), 17);
    }
}

#[tokio::test]
async fn a_session_with_thousands_of_tickets_notes_only_those_that_are_remembered() {
    let store = Arc::new(Common::default());
    let sessions = store.replica();
    let session = sessions.begin(new_session(), at(0)).await.unwrap();
    for number in 0..1000 {
        let ticket = sessions.grant(&session, HOST, at(number)).await.unwrap().to_cookie_value();
        sessions.find(&ticket, HOST, at(number)).await.unwrap().unwrap();
        sessions.cache.remove(&super::super::cache::CacheKey::of(&ticket, HOST).unwrap());
    }
    assert!(session.take_cached_at().len() <= 64);
}
