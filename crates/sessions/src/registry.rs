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
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<SessionId, Entry>,
    /// At how many entries those of sessions nobody holds are looked for: each keeps its session's room in memory.
    crowded: usize,
}

/// How many entries are never too many.
const FEW: usize = 1024;

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
        match self.entries().by_id.get(&id) {
            Some(Entry::Alive(session)) => session.upgrade().map_or(Known::Unknown, Known::Alive),
            Some(Entry::Ended { .. }) => Known::Ended,
            None => Known::Unknown,
        }
    }

    /// The one session everybody shares: this one, or the one somebody else brought first. `None` when it
    /// has ended meanwhile.
    pub(crate) fn admit(&self, session: LiveSession) -> Option<Arc<LiveSession>> {
        let mut entries = self.entries();
        match entries.by_id.get(&session.session_id()) {
            Some(Entry::Ended { .. }) => return None,
            Some(Entry::Alive(present)) => {
                if let Some(present) = present.upgrade() {
                    return Some(present);
                }
            }
            None => {}
        }
        // Between two sweeps many may come and go: at most every other entry is of a session nobody holds.
        if entries.by_id.len() >= entries.crowded.max(FEW) {
            entries.by_id.retain(|_, entry| match entry {
                Entry::Alive(session) => session.strong_count() > 0,
                Entry::Ended { .. } => true,
            });
            entries.crowded = entries.by_id.len() * 2;
        }
        let session = Arc::new(session);
        entries.by_id.insert(session.session_id(), Entry::Alive(Arc::downgrade(&session)));
        Some(session)
    }

    /// Marks the session as ended: here first, then for everybody who holds it.
    pub(crate) fn end(&self, session: &LiveSession) {
        let before = self.entries().by_id.insert(session.session_id(), Entry::Ended { until: session.expires_at() });
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
        self.entries().by_id.values().filter_map(alive).collect()
    }

    /// Forgets sessions nobody holds, and ended ones that would have expired by now.
    pub(crate) fn sweep(&self, now: SystemTime) {
        self.entries().by_id.retain(|_, entry| match entry {
            Entry::Alive(session) => session.strong_count() > 0,
            Entry::Ended { until } => now < *until,
        });
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::UNIX_EPOCH;

    use doorward_identity::{Claims, Groups, Identity, Subject, VerifiedEmail};

    use super::*;
    use crate::record::SessionRecord;
    use crate::{Secret32, Tokens};

    fn session() -> LiveSession {
        let subject = Subject { issuer: "https://idp.example".to_owned(), id: "alice".to_owned() };
        let identity = Identity {
            subject,
            email: VerifiedEmail::Absent,
            name: None,
            groups: Groups::default(),
            claims: Claims::default(),
            authenticated_at: UNIX_EPOCH,
        };
        let record = SessionRecord {
            identity,
            provider: "oidc".to_owned(),
            tokens: Tokens::default(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: None,
            created_at: UNIX_EPOCH,
            expires_at: UNIX_EPOCH,
        };
        LiveSession::new(SessionId::random().unwrap(), Secret32::random().unwrap(), record)
    }

    #[test]
    fn sessions_nobody_holds_take_no_more_room_than_those_that_somebody_does() {
        let registry = Registry::default();
        let held: Vec<_> = (0..2_000).map(|_| registry.admit(session()).unwrap()).collect();
        let ended = session();
        registry.end(&ended);
        for _ in 0..20_000 {
            registry.admit(session()).unwrap();
            assert!(registry.entries().by_id.len() <= 2 * (held.len() + FEW), "they pile up until the next sweep");
        }
        assert_eq!(registry.alive().len(), held.len());
        assert!(matches!(registry.find(ended.session_id()), Known::Ended), "what has ended is not forgotten");
    }
}
