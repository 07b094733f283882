//! Which sessions are alive in this process, and which have ended.
//!
//! Refuses: letting in a session that ended while it was on its way from the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use crate::{LiveSession, RecordKey};

/// One [`LiveSession`] for each session, however many hosts and requests share it, by the name of its record.
///
/// Only what misses the cache comes here; a request of a signed-in person does not.
#[derive(Default)]
pub(crate) struct Registry {
    entries: Mutex<HashMap<RecordKey, Entry>>,
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
pub(crate) enum Found {
    Alive(Arc<LiveSession>),
    Ended,
    Unknown,
}

impl Registry {
    pub(crate) fn find(&self, name: &RecordKey) -> Found {
        match self.entries().get(name) {
            Some(Entry::Alive(session)) => session.upgrade().map_or(Found::Unknown, Found::Alive),
            Some(Entry::Ended { .. }) => Found::Ended,
            None => Found::Unknown,
        }
    }

    /// The one session everybody shares: this one, or the one somebody else brought first. `None` when it
    /// has ended meanwhile.
    pub(crate) fn admit(&self, session: LiveSession) -> Option<Arc<LiveSession>> {
        let mut entries = self.entries();
        match entries.get(session.name()) {
            Some(Entry::Ended { .. }) => return None,
            Some(Entry::Alive(present)) => {
                if let Some(present) = present.upgrade() {
                    return Some(present);
                }
            }
            None => {}
        }
        let session = Arc::new(session);
        entries.insert(*session.name(), Entry::Alive(Arc::downgrade(&session)));
        Some(session)
    }

    /// Marks the session as ended: here first, then for everybody who holds it.
    pub(crate) fn end(&self, session: &LiveSession) {
        let shared = self.end_named(session.name(), session.expires_at());
        session.finish();
        // The same one, unless a session is refused that somebody else has read as well.
        if let Some(shared) = shared {
            shared.finish();
        }
    }

    /// Marks the session of this name as ended, which would have expired then; the one that was alive, not yet told.
    pub(crate) fn end_named(&self, name: &RecordKey, until: SystemTime) -> Option<Arc<LiveSession>> {
        match self.entries().insert(*name, Entry::Ended { until }) {
            Some(Entry::Alive(shared)) => shared.upgrade(),
            Some(Entry::Ended { .. }) | None => None,
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

    fn entries(&self) -> MutexGuard<'_, HashMap<RecordKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
