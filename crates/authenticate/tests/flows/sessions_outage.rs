//! Signing out and ending sessions while the store does not answer: what can be done is done, and what is not is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use doorward_sessions::{
    Changes, Expected, MemoryStore, Put, RecordKey, RecordKind, SessionStore, Sessions, StoreFuture, StoreUnavailable,
    Stored,
};

use crate::door::{AUTH, Browser, CODE, Door};
use crate::provider::Provider;
use crate::sessions::{END, HOME, LIST, SIGN_OUT, signed_in};

/// A store that can be stopped.
struct Store {
    memory: MemoryStore,
    is_down: AtomicBool,
}

impl Store {
    fn go_down(&self, down: bool) {
        self.is_down.store(down, Ordering::SeqCst);
    }

    fn or_down<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a MemoryStore) -> StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        if self.is_down.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(StoreUnavailable::new("it was told to be down"))));
        }
        call(&self.memory)
    }
}

impl SessionStore for Store {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        self.or_down(|memory| memory.get(key, now))
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        self.or_down(|memory| memory.put(key, expected, sealed, expires_at, now))
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        self.or_down(|memory| memory.remove_if(key, expected))
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        self.or_down(|memory| memory.list(kind, after, most, now))
    }

    fn changes(&self) -> Changes {
        self.memory.changes()
    }

    fn is_shared(&self) -> bool {
        self.memory.is_shared()
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        self.or_down(|memory| memory.sweep(now))
    }
}

/// A door whose store can be stopped.
fn door(provider: &Provider) -> (Door, Arc<Store>) {
    let store = Arc::new(Store { memory: MemoryStore::new(), is_down: AtomicBool::new(false) });
    let sessions = Arc::new(Sessions::new(Arc::clone(&store) as _, [7; 32], Duration::from_secs(50_400)));
    let mut door = Door::with(provider).change(|settings| settings.sessions = Arc::clone(&sessions));
    door.sessions = sessions;
    (door, store)
}

#[tokio::test]
async fn a_sign_out_ends_what_is_here_and_admits_what_it_cannot_know() {
    let provider = Provider::start().await;
    let (door, store) = door(&provider);
    let mut here = signed_in(&door, &provider, None).await;
    let mut there = signed_in(&door, &provider, None).await;
    let (one, other) = (door.sessions_of(&here).await, door.sessions_of(&there).await);
    let csrf = here.open(&door, SIGN_OUT).await.field("csrf");
    store.go_down(true);
    let answer = here.post(&door, SIGN_OUT, &[("csrf", &csrf), ("scope", "everywhere")]).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().contains("perhaps not everywhere yet"), "{}", answer.text());
    assert!(answer.text().contains("Sign out at the identity provider") && !answer.text().contains("eyJ"));
    assert!(one.ended().is_cancelled() && other.ended().is_cancelled(), "all that this process knows of");
    assert!(here.ticket("code.example.com").is_none());
    store.go_down(false);
    assert_eq!(there.fetch(&door, &format!("{CODE}/x")).await.status(), 401, "it does not come back with the store");
}

#[tokio::test]
async fn a_sign_out_that_cannot_be_done_is_not_called_done() {
    let provider = Provider::start().await;
    let (door, store) = door(&provider);
    let mut browser = signed_in(&door, &provider, None).await;
    let csrf = browser.open(&door, SIGN_OUT).await.field("csrf");
    // A cookie this process has not met.
    let unknown =
        door.sessions.grant(&*door.sessions_of(&browser).await, "code.example.com", door.now()).await.unwrap();
    browser.jar.get_mut("code.example.com").unwrap().insert("__Host-doorward".into(), unknown.to_cookie_value());
    store.go_down(true);
    for answer in [browser.post(&door, SIGN_OUT, &[("csrf", &csrf)]).await, browser.open(&door, SIGN_OUT).await] {
        assert_eq!(answer.status(), 503);
        assert!(answer.text().contains("You are not signed out yet"), "{}", answer.text());
    }
    assert!(browser.ticket("code.example.com").is_some(), "what may still be good is not thrown away");
}

#[tokio::test]
async fn the_page_says_who_one_is_even_when_the_list_cannot_be_had() {
    let provider = Provider::start().await;
    let (door, store) = door(&provider);
    let mut browser = signed_in(&door, &provider, None).await;
    let page = browser.open(&door, HOME).await;
    let csrf = page.field("csrf");
    store.go_down(true);
    let page = browser.open(&door, HOME).await;
    assert_eq!(page.status(), 200);
    assert!(page.text().contains("amina@example.com") && page.text().contains("cannot be had just now"));
    assert_eq!(browser.fetch(&door, LIST).await.status(), 503);
    let answer = browser.post(&door, END, &[("csrf", &csrf), ("others", "all")]).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().contains("may not have worked yet"), "{}", answer.text());
    assert_eq!(browser.fetch(&door, &format!("{CODE}/x")).await.status(), 200, "the one that asked goes on");
    let mut stranger = Browser::default();
    let answer = stranger.visit(&door, Some(&provider), &format!("{AUTH}/.doorward/")).await;
    assert_eq!(answer.status(), 503, "a new sign-in is not possible, and says so");
}
