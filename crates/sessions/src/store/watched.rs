//! A store whose failing is noted, however it is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::{Changes, Expected, Put, RecordKey, RecordKind, SessionStore, StoreFuture, Stored, millis, time_of};

/// No failure since the last success.
const WELL: u64 = 0;

/// Since when a store has been failing.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Milliseconds since 1970, or [`WELL`].
    failing_since: AtomicU64,
    /// When it was last called, for the calls that do not tell the time.
    latest: AtomicU64,
}

impl Health {
    /// Since when it has been failing; None when it is well.
    pub(crate) fn failing_since(&self) -> Option<SystemTime> {
        Some(self.failing_since.load(Ordering::Relaxed)).filter(|since| *since != WELL).map(time_of)
    }

    /// Whether what is cached may still be used. Once it may not, every request asks the store, and the first
    /// answer makes all well again.
    pub(crate) fn cache_may_answer(&self, grace: Duration, now: SystemTime) -> bool {
        let Some(since) = self.failing_since() else { return true };
        now.duration_since(since).is_ok_and(|failing| failing < grace)
    }

    async fn watch<T>(&self, call: StoreFuture<'_, T>, now: Option<SystemTime>) -> Result<T, crate::StoreUnavailable> {
        if let Some(now) = now {
            self.latest.fetch_max(millis(now), Ordering::Relaxed);
        }
        let outcome = call.await;
        if outcome.is_ok() {
            // Read first: a shared store of every call's would otherwise pass this line from core to core.
            if self.failing_since.load(Ordering::Relaxed) != WELL {
                self.failing_since.store(WELL, Ordering::Relaxed);
            }
        } else {
            let at = now.map_or_else(|| self.latest.load(Ordering::Relaxed), millis).max(1);
            let _ = self.failing_since.compare_exchange(WELL, at, Ordering::Relaxed, Ordering::Relaxed);
        }
        outcome
    }
}

/// A [`SessionStore`] that notes how every call of another goes.
pub(crate) struct WatchedStore {
    store: Arc<dyn SessionStore>,
    health: Arc<Health>,
}

impl WatchedStore {
    pub(crate) fn new(store: Arc<dyn SessionStore>, health: Arc<Health>) -> Self {
        Self { store, health }
    }
}

impl SessionStore for WatchedStore {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        Box::pin(self.health.watch(self.store.get(key, now), Some(now)))
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        Box::pin(self.health.watch(self.store.put(key, expected, sealed, expires_at, now), Some(now)))
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        Box::pin(self.health.watch(self.store.remove_if(key, expected), None))
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        Box::pin(self.health.watch(self.store.list(kind, after, most, now), Some(now)))
    }

    fn changes(&self) -> Changes {
        self.store.changes()
    }

    fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        Box::pin(self.health.watch(self.store.sweep(now), Some(now)))
    }
}
