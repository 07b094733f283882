//! Everything held open: who has it and how it is ended from outside.

mod relay;
mod tunnel;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use doorward_authorize::Decision;
use doorward_sessions::LiveSession;
use doorward_transport::Drain;
use http::HeaderMap;

use crate::clients;
pub use crate::held::End;
use crate::held::{Held, HeldFacts};
use crate::served_route::visitor;
use crate::snapshot::Snapshot;
pub(crate) use tunnel::{Tunnel, TunnelLog};

/// The tunnels and long answers that are open. One for the whole process: it outlives every configuration.
pub struct Tunnels {
    open: Mutex<HashMap<u64, Arc<Held>>>,
    next: AtomicU64,
    /// The configuration everything was decided by again last.
    latest: ArcSwapOption<Snapshot>,
    drain: Drain,
}

impl Tunnels {
    /// None open yet. Tunnels are tracked by `drain`, so that stopping waits for them.
    pub fn new(drain: Drain) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), next: AtomicU64::new(0), latest: ArcSwapOption::empty(), drain })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Decides everything that is open again, by a new configuration, and ends what it no longer allows.
    /// Says how many were ended. To be called once the new snapshot is in place. What the old one allowed and is
    /// entered only now is decided again as it enters, so nothing slips in between.
    pub fn redecide(&self, snapshot: &Arc<Snapshot>, now: SystemTime) -> usize {
        self.latest.store(Some(Arc::clone(snapshot)));
        // Deciding happens outside the lock: requests may enter and leave meanwhile.
        let open: Vec<_> = self.lock().values().cloned().collect();
        let refused = open.iter().filter(|held| !is_still_allowed(held, snapshot, now));
        refused.inspect(|held| held.end(End::PolicyChanged)).count()
    }

    /// Decides again what may have become forbidden by itself: where a policy looks at the clock, and where a client
    /// certificate was shown, which ends or is revoked. Says how many were ended. To be called every few seconds.
    pub fn redecide_by_time(&self, snapshot: &Snapshot, now: SystemTime) -> usize {
        let open: Vec<_> = self.lock().values().cloned().collect();
        let refused =
            open.iter().filter(|held| changes_by_itself(held, snapshot) && !is_still_allowed(held, snapshot, now));
        refused.inspect(|held| held.end(End::PolicyChanged)).count()
    }

    /// Decides again what one session has open, when more has become known of its person. Says how many were ended. To
    /// be called with the snapshot in service, once the session knows the news; what is decided at this moment, by what
    /// was known before, is decided again as it enters.
    pub fn redecide_session(&self, snapshot: &Snapshot, session: &LiveSession, now: SystemTime) -> usize {
        let of_session = |held: &&Arc<Held>| held.session.as_deref().is_some_and(|its| std::ptr::eq(its, session));
        let open: Vec<_> = self.lock().values().filter(of_session).cloned().collect();
        let refused = open.iter().filter(|held| !is_still_allowed(held, snapshot, now));
        refused.inspect(|held| held.end(End::PolicyChanged)).count()
    }

    /// Ends what is open for sessions nobody vouches for: the store that could tell of their end has been silent for too
    /// long. Says how many were ended. To be called every few seconds.
    pub fn end_unvouched(&self, vouched: impl Fn(&LiveSession) -> bool) -> usize {
        let open: Vec<_> = self.lock().values().filter(|held| held.session.is_some()).cloned().collect();
        let unvouched = open.iter().filter(|held| held.session.as_deref().is_some_and(|session| !vouched(session)));
        unvouched.inspect(|held| held.end(End::StoreSilent)).count()
    }

    /// Ends everything that is still open, at the deadline of a drain.
    pub fn end_all(&self, why: End) -> usize {
        let open: Vec<_> = self.lock().values().cloned().collect();
        for held in &open {
            held.end(why);
        }
        open.len()
    }

    /// Enters something to be held open; it is out again when what this returns is dropped. `decided_by` and `revision`
    /// say by which configuration and knowing what of the visitor it was allowed.
    pub(crate) fn enter(
        self: &Arc<Self>,
        facts: HeldFacts,
        session: Option<Arc<LiveSession>>,
        decided_by: &Snapshot,
        revision: u64,
    ) -> Entered {
        let held = Arc::new(Held::new(facts, session));
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, Arc::clone(&held));
        // Whatever changes from here on finds it among the open ones.
        let latest = self.latest.load();
        let newer = latest.as_deref().filter(|latest| latest.generation > decided_by.generation);
        let has_news = held.session.as_ref().is_some_and(|session| session.known().revision != revision);
        if (newer.is_some() || has_news) && !is_still_allowed(&held, newer.unwrap_or(decided_by), SystemTime::now()) {
            held.end(End::PolicyChanged);
        }
        Entered { id, held, tunnels: Arc::clone(self) }
    }

    pub(crate) fn drain(&self) -> &Drain {
        &self.drain
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        // The map is whole between any two statements that could panic.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tunnels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnels").field("count", &self.count()).finish_non_exhaustive()
    }
}

fn changes_by_itself(held: &Held, snapshot: &Snapshot) -> bool {
    let facts = &held.facts;
    facts.client_chain.is_some()
        || snapshot.table().find(&facts.host, facts.port, &facts.path).is_ok_and(|route| route.policy_changes_with_time)
}

/// What is asked of a new configuration is what was asked of the old one: same visitor, same facts, time aside.
fn is_still_allowed(held: &Held, snapshot: &Snapshot, now: SystemTime) -> bool {
    let facts = &held.facts;
    let Ok(route) = snapshot.table().find(&facts.host, facts.port, &facts.path) else { return false };
    let upgrades = &route.settings.upgrades;
    if facts.websocket && !upgrades.websocket {
        return false;
    }
    if facts.protocol.as_ref().is_some_and(|protocol| !upgrades.others.contains(protocol)) {
        return false;
    }
    // A policy that looks at headers which were not kept cannot be asked: that is a no.
    if route.policy_reads_headers && facts.headers.is_none() {
        return false;
    }
    let certificate = clients::presented(snapshot, facts.client_chain.as_ref(), &facts.host, now);
    if !clients::will_do(snapshot, &certificate, &facts.host) {
        return false;
    }
    let known = held.session.as_ref().map(|session| session.known());
    let visitor = visitor(known.as_deref());
    let none = HeaderMap::new();
    let decision = route.decision(&facts.at(&none, &certificate, now), visitor, facts.protocol.is_some());
    matches!(decision, Decision::Allow(_))
}

/// An entry in the registry, for as long as this lives.
pub(crate) struct Entered {
    id: u64,
    held: Arc<Held>,
    tunnels: Arc<Tunnels>,
}

impl Entered {
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.tunnels.lock().remove(&self.id);
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entered").field(&self.id).field(&self.held).finish()
    }
}
