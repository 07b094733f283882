//! A store that can be tampered with, fail wholly or in part, be shared, and stand still in the middle of a read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use doorward_sessions::{
    Changes, Expected, MemoryStore, Put, RecordKey, RecordKind, SessionStore, StoreFuture, StoreUnavailable, Stored,
};
use tokio::sync::Semaphore;

#[derive(Debug)]
pub(crate) struct TestStore {
    inner: MemoryStore,
    names: Mutex<Vec<RecordKey>>,
    down: AtomicBool,
    shared: AtomicBool,
    /// The kind whose records cannot be removed.
    kept: Mutex<Option<RecordKind>>,
    /// Whether nothing can be written or removed, as on a full disk.
    full: AtomicBool,
    reads: AtomicUsize,
    writes: AtomicUsize,
    /// How many reads of a session record get through before the next one stands still.
    pub(crate) session_reads: Semaphore,
    /// A permit for each read that has its record and stands still.
    pub(crate) standing: Semaphore,
}

impl Default for TestStore {
    fn default() -> Self {
        Self {
            inner: MemoryStore::new(),
            names: Mutex::default(),
            down: AtomicBool::new(false),
            shared: AtomicBool::new(false),
            kept: Mutex::default(),
            full: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            session_reads: Semaphore::new(1_000_000),
            standing: Semaphore::new(0),
        }
    }
}

impl TestStore {
    pub(crate) fn go_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// From now on replicas share it: to be called before there are any.
    pub(crate) fn share(&self) {
        self.shared.store(true, Ordering::SeqCst);
    }

    /// From now on nothing can be written.
    pub(crate) fn fill(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Records of this kind cannot be removed from now on.
    pub(crate) fn keep(&self, kind: Option<RecordKind>) {
        *self.kept.lock().unwrap() = kind;
    }

    /// How many records there are of a kind.
    pub(crate) async fn count(&self, kind: RecordKind) -> usize {
        self.inner.list(kind, None, usize::MAX, SystemTime::UNIX_EPOCH).await.unwrap().len()
    }

    pub(crate) fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// The names of the records of this kind, in the order they were first written.
    pub(crate) fn names(&self, kind: RecordKind) -> Vec<RecordKey> {
        self.names.lock().unwrap().iter().filter(|name| name.kind == kind).copied().collect()
    }

    pub(crate) async fn peek(&self, name: &RecordKey) -> Option<Stored> {
        self.inner.get(name, SystemTime::UNIX_EPOCH).await.unwrap()
    }

    pub(crate) async fn overwrite(&self, name: &RecordKey, sealed: &[u8], expires_at: SystemTime) {
        self.inner.put(name, Expected::Any, sealed, expires_at, SystemTime::UNIX_EPOCH).await.unwrap();
    }

    fn check(&self) -> Result<(), StoreUnavailable> {
        if self.down.load(Ordering::SeqCst) { Err(StoreUnavailable::new("unplugged")) } else { Ok(()) }
    }

    fn check_full(&self) -> Result<(), StoreUnavailable> {
        if self.full.load(Ordering::SeqCst) { Err(StoreUnavailable::new("no space left")) } else { Ok(()) }
    }
}

impl SessionStore for TestStore {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        let key = *key;
        Box::pin(async move {
            self.check()?;
            self.reads.fetch_add(1, Ordering::SeqCst);
            let found = self.inner.get(&key, now).await?;
            if key.kind == RecordKind::Session {
                if self.session_reads.available_permits() == 0 {
                    self.standing.add_permits(1);
                }
                self.session_reads.acquire().await.unwrap().forget();
            }
            Ok(found)
        })
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        if let Err(error) = self.check().and_then(|()| self.check_full()) {
            return Box::pin(std::future::ready(Err(error)));
        }
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.names.lock().unwrap().push(*key);
        self.inner.put(key, expected, sealed, expires_at, now)
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        let kept = *self.kept.lock().unwrap() == Some(key.kind);
        match self.check().and_then(|()| self.check_full()) {
            Ok(()) if kept => Box::pin(std::future::ready(Err(StoreUnavailable::new("this one stays")))),
            Ok(()) => self.inner.remove_if(key, expected),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        match self.check() {
            Ok(()) => self.inner.list(kind, after, most, now),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn changes(&self) -> Changes {
        self.inner.changes()
    }

    fn is_shared(&self) -> bool {
        self.shared.load(Ordering::SeqCst)
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        match self.check() {
            Ok(()) => self.inner.sweep(now),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}
