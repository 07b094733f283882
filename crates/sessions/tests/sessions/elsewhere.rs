//! What a process notes of sessions that end elsewhere, and what a block says it has ended.

use std::io;
use std::sync::{Arc, Mutex};

use doorward_identity::Email;
use doorward_sessions::Sessions;

use super::{alice, at, sessions_over};
use crate::store::TestStore;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// How often this session was noted to have ended elsewhere.
    fn ends_of(&self, session: &str) -> usize {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains("session-ended-elsewhere") && line.contains(session)).count()
    }

    /// From here on, on this thread, until the guard is dropped.
    fn begin(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        tracing::subscriber::set_default(
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish(),
        )
    }
}

fn replicas() -> [Sessions; 2] {
    let store = Arc::new(TestStore::default());
    [sessions_over(&store), sessions_over(&store)]
}

#[tokio::test]
async fn an_end_elsewhere_is_noted_once_and_ones_own_never() {
    let (log, [one, other]) = (Log::default(), replicas());
    let _logging = log.begin();
    let session = one.begin(alice(), at(0)).await.unwrap();
    let ticket = one.grant(&session, "host", at(0)).await.unwrap().to_cookie_value();
    let there = other.find(&ticket, "host", at(1)).await.unwrap().unwrap();
    one.end(&session).await.unwrap();
    for moment in 2..5 {
        one.verify_all(at(moment)).await.unwrap();
    }
    assert_eq!(log.ends_of(session.id()), 0);
    for moment in 2..5 {
        other.verify_all(at(moment)).await.unwrap();
    }
    assert!(there.is_over(at(5)));
    assert_eq!(log.ends_of(session.id()), 1);
}

#[tokio::test]
async fn a_session_whose_time_is_over_is_not_noted() {
    let (log, [one, other]) = (Log::default(), replicas());
    let _logging = log.begin();
    let session = one.begin(alice(), at(0)).await.unwrap();
    let ticket = one.grant(&session, "host", at(0)).await.unwrap().to_cookie_value();
    let _held = other.find(&ticket, "host", at(1)).await.unwrap().unwrap();
    let late = session.expires_at();
    other.verify_all(late).await.unwrap();
    assert_eq!(log.ends_of(session.id()), 0);
}

#[tokio::test]
async fn a_block_tells_what_it_ended_and_the_others_note_it_once() {
    let (log, [one, other]) = (Log::default(), replicas());
    let _logging = log.begin();
    let (first, second) = (one.begin(alice(), at(0)).await.unwrap(), other.begin(alice(), at(0)).await.unwrap());
    let email = Email::parse("ALICE@example.com").unwrap();
    let blocking = one.block(&email, at(1)).await.unwrap();
    let mut ended: Vec<_> = blocking.ended.iter().map(|card| card.id.as_str()).collect();
    ended.sort_unstable();
    let mut both = [first.id(), second.id()];
    both.sort_unstable();
    assert_eq!((blocking.is_new, ended.as_slice()), (true, both.as_slice()));
    assert!(first.is_over(at(1)) && !second.is_over(at(1)), "the other has not been told yet");
    for moment in 2..5 {
        other.verify_all(at(moment)).await.unwrap();
    }
    assert!(second.is_over(at(5)));
    assert_eq!((log.ends_of(first.id()), log.ends_of(second.id())), (0, 1));
    let again = one.block(&email, at(6)).await.unwrap();
    assert!(!again.is_new && again.ended.is_empty());
}
