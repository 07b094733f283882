//! Sessions by the hash of the cookie that opened them.

use std::sync::Arc;
use std::time::Duration;

use crate::LiveSession;
use crate::record::sha256;
use crate::ticket::TEXT;

/// How many tickets are remembered; the least used go first.
const CAPACITY: u64 = 100_000;
/// For how long an unused one is.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// The longest audience, in bytes: a host name has at most 253, and a port may follow.
const LONGEST_AUDIENCE: usize = 260;

/// SHA-256 of a cookie value and the host it came to: a ticket of one host is unknown on every other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CacheKey([u8; 32]);

impl CacheKey {
    /// The key, unless the value cannot be a ticket. Works on the stack.
    pub(super) fn of(cookie_value: &str, audience: &str) -> Option<Self> {
        if cookie_value.len() != TEXT {
            return None;
        }
        // The value's length is fixed, so nothing needs to stand between the two.
        let mut bytes = [0; TEXT + LONGEST_AUDIENCE];
        bytes.get_mut(..TEXT)?.copy_from_slice(cookie_value.as_bytes());
        let end = TEXT + audience.len();
        bytes.get_mut(TEXT..end)?.copy_from_slice(audience.as_bytes());
        Some(Self(sha256(bytes.get(..end)?)))
    }
}

/// Bounded, concurrent; sessions that ended are taken out, and are not returned even while they are in.
pub(super) struct Cache(moka::sync::Cache<CacheKey, Arc<LiveSession>>);

impl Cache {
    pub(super) fn new() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(CAPACITY).time_to_idle(IDLE).build())
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Arc<LiveSession>> {
        self.0.get(key)
    }

    pub(super) fn insert(&self, key: CacheKey, session: &Arc<LiveSession>) {
        session.note_cached_at(key.0);
        self.0.insert(key, Arc::clone(session));
    }

    pub(super) fn remove(&self, key: &CacheKey) {
        self.0.invalidate(key);
    }

    /// Takes the session out wherever it is.
    pub(super) fn forget(&self, session: &LiveSession) {
        for key in session.take_cached_at() {
            self.0.invalidate(&CacheKey(key));
        }
    }
}
