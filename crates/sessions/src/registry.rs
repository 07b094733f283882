//! Which sessions are alive in this process, and which have ended.
//!
//! Refuses: letting in a session that ended while it was on its way from the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use crate::LiveSession;
use crate::record::SessionId;

/// One [`LiveSession`] for each session, however many hosts and requests share it.
///
/// Only what misses the cache comes here; a request of a signed-in person does not.
#[derive(Default)]
pub(crate) struct Registry {
    entries: Mutex<HashMap<SessionId, Entry>>,
}

enum Entry {
    Alive(Weak<LiveSession>),
    /// Ended here. Kept until the session would have expired, so that neither a look-up that had read the
    /// record before, nor a store that failed to remove it, brings the session back.
    Ended {
        until: SystemTime,
    },
}

/// What the registry knows of a session.
pub(crate) enum Known {
    Alive(Arc<LiveSession>),
    Ended,
    Unknown,
}

impl Registry {
    pub(crate) fn find(&self, id: SessionId) -> Known {
        match self.entries().get(&id) {
            Some(Entry::Alive(session)) => session.upgrade().map_or(Known::Unknown, Known::Alive),
            Some(Entry::Ended { .. }) => Known::Ended,
            None => Known::Unknown,
        }
    }

    /// The one session everybody shares: this one, or the one somebody else brought first. `None` when it
    /// has ended meanwhile.
    pub(crate) fn admit(&self, session: LiveSession) -> Option<Arc<LiveSession>> {
        let mut entries = self.entries();
        match entries.get(&session.session_id()) {
            Some(Entry::Ended { .. }) => return None,
            Some(Entry::Alive(present)) => {
                if let Some(present) = present.upgrade() {
                    return Some(present);
                }
            }
            None => {}
        }
        let session = Arc::new(session);
        entries.insert(session.session_id(), Entry::Alive(Arc::downgrade(&session)));
        Some(session)
    }

    /// Marks the session as ended: here first, then for everybody who holds it.
    pub(crate) fn end(&self, session: &LiveSession) {
        let before = self.entries().insert(session.session_id(), Entry::Ended { until: session.expires_at() });
        session.finish();
        // The same one, unless a session is refused that somebody else has read as well.
        if let Some(Entry::Alive(shared)) = before
            && let Some(shared) = shared.upgrade()
        {
            shared.finish();
        }
    }

    /// Every session somebody holds.
    pub(crate) fn alive(&self) -> Vec<Arc<LiveSession>> {
        let alive = |entry: &Entry| match entry {
            Entry::Alive(session) => session.upgrade(),
            Entry::Ended { .. } => None,
        };
        self.entries().values().filter_map(alive).collect()
    }

    /// Forgets sessions nobody holds, and ended ones that would have expired by now.
    pub(crate) fn sweep(&self, now: SystemTime) {
        self.entries().retain(|_, entry| match entry {
            Entry::Alive(session) => session.strong_count() > 0,
            Entry::Ended { until } => now < *until,
        });
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<SessionId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
