//! How long the cache may stand in for a store that fails.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{StoreFuture, StoreUnavailable};

/// How long sessions already known go on after the store first failed.
const GRACE: Duration = Duration::from_secs(5 * 60);
/// No failure since the last success.
const WELL: u64 = 0;

/// Since when the store has been failing.
#[derive(Default)]
pub(crate) struct Health {
    /// Milliseconds since 1970, or [`WELL`].
    failing_since: AtomicU64,
}

impl Health {
    /// Takes note of how a call of the store went.
    pub(crate) async fn watch<T>(&self, call: StoreFuture<'_, T>, now: SystemTime) -> Result<T, StoreUnavailable> {
        let outcome = call.await;
        if outcome.is_ok() {
            // Read first: a shared store of every request's would otherwise pass this line from core to core.
            if self.failing_since.load(Ordering::Relaxed) != WELL {
                self.failing_since.store(WELL, Ordering::Relaxed);
            }
        } else {
            let _ = self.failing_since.compare_exchange(WELL, millis(now).max(1), Ordering::Relaxed, Ordering::Relaxed);
        }
        outcome
    }

    /// Whether what is cached may still be used. Once it may not, every request asks the store, and the first
    /// answer makes all well again.
    pub(crate) fn cache_may_answer(&self, now: SystemTime) -> bool {
        let since = self.failing_since.load(Ordering::Relaxed);
        since == WELL || millis(now).saturating_sub(since) < GRACE.as_millis().try_into().unwrap_or(u64::MAX)
    }
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}
