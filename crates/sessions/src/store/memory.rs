//! The store that forgets everything when the process ends; for tests and for trying things out.

use std::collections::BTreeMap;
use std::fmt;
use std::future;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::change::{Change, Changes, Feed};
use super::{Expected, Put, RecordKey, RecordKind, SessionStore, StoreFuture, Stored};

/// A [`SessionStore`] in memory.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<BTreeMap<RecordKey, Stored>>,
    feed: Feed,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<RecordKey, Stored>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionStore for MemoryStore {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        let found = self.records().get(key).filter(|stored| now < stored.expires_at).cloned();
        Box::pin(future::ready(Ok(found)))
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        let mut records = self.records();
        let present = records.get(key).filter(|stored| now < stored.expires_at).map(|stored| stored.version);
        let outcome = match expected.next_version(present) {
            Some(version) => {
                records.insert(*key, Stored { version, sealed: sealed.to_vec(), expires_at });
                self.feed.send(Change::Written { key: *key, version });
                Put::Stored(version)
            }
            None => Put::Conflict,
        };
        Box::pin(future::ready(Ok(outcome)))
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        let mut records = self.records();
        let goes = records.get(key).is_some_and(|stored| expected.allows_removal(stored.version));
        if goes {
            records.remove(key);
            self.feed.send(Change::Removed { key: *key });
        }
        Box::pin(future::ready(Ok(goes)))
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        let from = match after {
            Some(id) => Bound::Excluded(RecordKey { kind, id }),
            None => Bound::Included(RecordKey { kind, id: [0; 32] }),
        };
        let to = Bound::Included(RecordKey { kind, id: [u8::MAX; 32] });
        let records = self.records();
        let valid = records.range((from, to)).filter(|(_, stored)| now < stored.expires_at);
        let page = valid.take(most).map(|(key, stored)| (*key, stored.clone())).collect();
        Box::pin(future::ready(Ok(page)))
    }

    fn changes(&self) -> Changes {
        self.feed.changes()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        let mut records = self.records();
        let before = records.len();
        records.retain(|_, stored| now < stored.expires_at);
        let swept = before - records.len();
        Box::pin(future::ready(Ok(swept)))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.records().len()).finish()
    }
}
