//! Sessions by the hash of the cookie that opened them, and cookies that opened nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::LiveSession;
use crate::record::sha256;
use crate::ticket::TEXT;

/// How much memory the remembered tickets and their sessions take together at most, in KiB; the least used go first.
const CAPACITY: u64 = 256 * 1024;
/// What a ticket takes beside its session, in bytes.
const OVERHEAD: usize = 1024;
/// For how long an unused one is.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// How many cookies that opened nothing are remembered, and for how long.
const NOTHING: u64 = 10_000;
const NOTHING_FOR: Duration = Duration::from_secs(60);
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

/// A ticket that was seen before. Times are in milliseconds since 1970.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) session: Arc<LiveSession>,
    /// For which rights it was granted.
    pub(super) rights: u64,
    /// When its grant was read.
    pub(super) read_at: u64,
    /// Until when it is good at most.
    pub(super) until: u64,
    /// When it was replaced, as far as is known; 0 for never.
    pub(super) replaced_at: u64,
}

/// Bounded, concurrent; sessions that ended are taken out, and are not returned even while they are in.
pub(super) struct Cache {
    seen: moka::sync::Cache<CacheKey, Seen>,
    /// Nobody can make one of these mean something later: tickets are random.
    nothing: moka::sync::Cache<CacheKey, ()>,
}

impl Cache {
    pub(super) fn new() -> Self {
        let weigh = |_: &CacheKey, seen: &Seen| {
            u32::try_from(seen.session.size().saturating_add(OVERHEAD) / 1024).unwrap_or(u32::MAX).max(1)
        };
        Self {
            seen: moka::sync::Cache::builder().weigher(weigh).max_capacity(CAPACITY).time_to_idle(IDLE).build(),
            nothing: moka::sync::Cache::builder().max_capacity(NOTHING).time_to_live(NOTHING_FOR).build(),
        }
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Seen> {
        self.seen.get(key)
    }

    pub(super) fn insert(&self, key: CacheKey, seen: Seen) {
        seen.session.note_cached_at(key.0, |other| self.seen.contains_key(&CacheKey(*other)));
        self.seen.insert(key, seen);
    }

    pub(super) fn remove(&self, key: &CacheKey) {
        self.seen.invalidate(key);
    }

    /// Takes the session out wherever it is.
    pub(super) fn forget(&self, session: &LiveSession) {
        for key in session.take_cached_at() {
            self.seen.invalidate(&CacheKey(key));
        }
    }

    /// Whether the store knew nothing of this a moment ago.
    pub(super) fn is_nothing(&self, key: &CacheKey) -> bool {
        self.nothing.contains_key(key)
    }

    pub(super) fn note_nothing(&self, key: CacheKey) {
        self.nothing.insert(key, ());
    }

    /// Forgets everything, so that the store is asked about every ticket again.
    pub(super) fn clear(&self) {
        self.seen.invalidate_all();
        self.nothing.invalidate_all();
    }
}
