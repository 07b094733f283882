//! The store that forgets everything when the process ends; for tests and for trying things out.

use std::collections::HashMap;
use std::fmt;
use std::future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Expected, Put, RecordKey, SessionStore, StoreFuture, Stored};

/// A [`SessionStore`] in memory.
#[derive(Default)]
pub struct MemoryStore {
    records: Mutex<HashMap<RecordKey, Stored>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, HashMap<RecordKey, Stored>> {
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
                Put::Stored(version)
            }
            None => Put::Conflict,
        };
        Box::pin(future::ready(Ok(outcome)))
    }

    fn remove(&self, key: &RecordKey) -> StoreFuture<'_, bool> {
        let was_there = self.records().remove(key).is_some();
        Box::pin(future::ready(Ok(was_there)))
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
