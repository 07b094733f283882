//! Which sessions are alive in this process, and which have ended.
//!
//! Refuses: letting in a session that ended while it was on its way from the store, and growing with sessions that
//! nobody holds any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use crate::{LiveSession, RecordKey};

/// For how long an end is remembered at least once the store has been told: longer than any look-up takes.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(60);
/// How many ends are remembered until their session would have expired, whatever the store knows of them.
const MOST_ENDED: usize = 100_000;
/// From how many entries on those that nobody holds are looked for.
const FEW: usize = 1024;

/// One [`LiveSession`] for each session, however many hosts and requests share it, by the name of its record.
///
/// Only what misses the cache comes here; a request of a signed-in person does not.
#[derive(Default)]
pub(crate) struct Registry(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    by_name: HashMap<RecordKey, Entry>,
    /// At how many entries those that nobody holds are thrown out, so that there are never more of them than others.
    full_at: usize,
}

enum Entry {
    Alive(Weak<LiveSession>),
    /// Ended here. Kept until the session would have expired, so that neither a look-up that had read the
    /// record before, nor a store that failed to remove it or lost that, brings the session back.
    Ended {
        until: SystemTime,
        /// When the store had been told.
        told_at: Option<SystemTime>,
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
        match self.entries().by_name.get(name) {
            Some(Entry::Alive(session)) => session.upgrade().map_or(Found::Unknown, Found::Alive),
            Some(Entry::Ended { .. }) => Found::Ended,
            None => Found::Unknown,
        }
    }

    /// The one session everybody shares: this one, or the one somebody else brought first. `None` when it
    /// has ended meanwhile.
    pub(crate) fn admit(&self, session: LiveSession) -> Option<Arc<LiveSession>> {
        let mut entries = self.entries();
        match entries.by_name.get(session.name()) {
            Some(Entry::Ended { .. }) => return None,
            Some(Entry::Alive(present)) => {
                if let Some(present) = present.upgrade() {
                    return Some(present);
                }
            }
            None => {}
        }
        entries.make_room();
        let session = Arc::new(session);
        entries.by_name.insert(*session.name(), Entry::Alive(Arc::downgrade(&session)));
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
        let mut entries = self.entries();
        match entries.by_name.get_mut(name) {
            Some(Entry::Ended { until: already, .. }) => {
                *already = until.max(*already);
                None
            }
            Some(entry) => match std::mem::replace(entry, Entry::Ended { until, told_at: None }) {
                Entry::Alive(shared) => shared.upgrade(),
                Entry::Ended { .. } => None,
            },
            None => {
                entries.make_room();
                entries.by_name.insert(*name, Entry::Ended { until, told_at: None });
                None
            }
        }
    }

    /// Notes that the store knows of the end.
    pub(crate) fn note_told(&self, name: &RecordKey, now: SystemTime) {
        if let Some(Entry::Ended { told_at, .. }) = self.entries().by_name.get_mut(name) {
            told_at.get_or_insert(now);
        }
    }

    /// Every session somebody holds.
    pub(crate) fn alive(&self) -> Vec<Arc<LiveSession>> {
        let alive = |entry: &Entry| match entry {
            Entry::Alive(session) => session.upgrade(),
            Entry::Ended { .. } => None,
        };
        self.entries().by_name.values().filter_map(alive).collect()
    }

    /// Forgets sessions nobody holds, and ended ones that would have expired by now. Beyond a bound, also those the
    /// store has known to be over for longer than any look-up takes.
    pub(crate) fn sweep(&self, now: SystemTime) {
        let mut entries = self.entries();
        entries.by_name.retain(|_, entry| match entry {
            Entry::Alive(session) => session.strong_count() > 0,
            Entry::Ended { until, .. } => now < *until,
        });
        let ended = entries.by_name.values().filter(|entry| matches!(entry, Entry::Ended { .. })).count();
        let mut too_many = ended.saturating_sub(MOST_ENDED);
        if too_many > 0 {
            entries.by_name.retain(|_, entry| {
                let goes = too_many > 0 && entry.is_settled(now);
                too_many -= usize::from(goes);
                !goes
            });
        }
        entries.shrink();
    }

    /// How many entries there are, of whatever kind.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries().by_name.len()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Throws out what nobody holds whenever the entries have doubled: little work for each one that comes.
    fn make_room(&mut self) {
        if self.by_name.len() >= self.full_at.max(FEW) {
            self.by_name.retain(|_, entry| match entry {
                Entry::Alive(session) => session.strong_count() > 0,
                Entry::Ended { .. } => true,
            });
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        self.full_at = (self.by_name.len() * 2).max(FEW);
        self.by_name.shrink_to(self.full_at);
    }
}

impl Entry {
    fn is_settled(&self, now: SystemTime) -> bool {
        match self {
            Self::Alive(_) | Self::Ended { told_at: None, .. } => false,
            Self::Ended { told_at: Some(at), .. } => now.duration_since(*at).is_ok_and(|since| since >= REMEMBERED),
        }
    }
}

#[cfg(test)]
mod tests;
