//! A store that several replicas share, and that can go away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use doorward_sessions::{
    Changes, Expected, MemoryStore, Put, RecordKey, RecordKind, SessionStore, StoreFuture, StoreUnavailable, Stored,
};

#[derive(Debug, Default)]
pub(crate) struct SharedStore {
    inner: MemoryStore,
    down: AtomicBool,
    loses_answer: AtomicBool,
}

impl SharedStore {
    pub(crate) fn go_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// The next write is done, and nobody hears of that.
    pub(crate) fn lose_next_answer(&self) {
        self.loses_answer.store(true, Ordering::SeqCst);
    }

    fn unless_down<'a, T: Send + 'a>(&self, call: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        if self.down.load(Ordering::SeqCst) {
            Box::pin(std::future::ready(Err(StoreUnavailable::new("unplugged"))))
        } else {
            call
        }
    }

    fn is_down(&self) -> bool {
        self.down.load(Ordering::SeqCst)
    }
}

impl SessionStore for SharedStore {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        self.unless_down(self.inner.get(key, now))
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        // The inner store acts when called.
        if self.is_down() {
            return Box::pin(std::future::ready(Err(StoreUnavailable::new("unplugged"))));
        }
        let put = self.inner.put(key, expected, sealed, expires_at, now);
        if self.loses_answer.swap(false, Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(StoreUnavailable::new("no answer in time"))));
        }
        put
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        if self.is_down() {
            return Box::pin(std::future::ready(Err(StoreUnavailable::new("unplugged"))));
        }
        self.inner.remove_if(key, expected)
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        self.unless_down(self.inner.list(kind, after, most, now))
    }

    fn changes(&self) -> Changes {
        self.inner.changes()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        self.unless_down(self.inner.sweep(now))
    }
}
