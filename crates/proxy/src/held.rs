//! What is held open after its decision, a tunnel or a long answer, and what ends it.
//!
//! Refuses to outlive its reason: the session it was opened with, the policy that allowed it, and its limits.

mod detached;

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use doorward_authorize::{Facts, RouteId};
use doorward_hygiene::{CleanHead, Hostname, NormalPath, Upgrade, UpgradeToken};
use doorward_identity::Presented;
use doorward_sessions::LiveSession;
use doorward_transport::{ClientChain, Ends};
use http::{HeaderMap, Method, Uri};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::served_route::ServedRoute;
use crate::snapshot::Snapshot;
use crate::told_headers::passed_on;
use crate::tunnels::{Entered, TunnelPlace};
use crate::{RequestId, Tunnels};

/// How often a session is told that its visitor is there: as often as it listens.
const TOUCH_EVERY: Duration = Duration::from_secs(1);

/// What was asked, kept for deciding again. Cheap to make: everything in it is shared with the request.
#[derive(Debug, Clone)]
pub(crate) struct HeldFacts {
    pub(crate) method: Method,
    pub(crate) host: Hostname,
    pub(crate) port: Option<u16>,
    pub(crate) path: NormalPath,
    pub(crate) uri: Uri,
    /// Those that were passed on. Kept only where the route's policy looks at them, and for tunnels.
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) source_ip: IpAddr,
    /// What the client's connection showed, to be judged again.
    pub(crate) client_chain: Option<Arc<ClientChain>>,
    pub(crate) websocket: bool,
    /// Of a tunnel that is no WebSocket.
    pub(crate) protocol: Option<UpgradeToken>,
}

impl HeldFacts {
    /// What a request asks of this route.
    pub(crate) fn of(
        head: &CleanHead,
        uri: &Uri,
        route: &ServedRoute,
        client_chain: Option<&Arc<ClientChain>>,
    ) -> Self {
        let websocket = head.is_websocket();
        let protocol = match head.upgrade() {
            Some(Upgrade::Other(token)) => Some(token.clone()),
            _ => None,
        };
        let is_tunnel = head.upgrade().is_some();
        Self {
            method: head.method().clone(),
            host: head.host().clone(),
            port: head.authority().port,
            path: head.path().clone(),
            uri: uri.clone(),
            headers: (is_tunnel || route.policy_reads_headers).then(|| passed_on(head.headers())),
            source_ip: head.client_ip(),
            client_chain: client_chain.cloned(),
            websocket,
            protocol,
        }
    }

    /// The facts as a policy looks at them.
    pub(crate) fn at<'a>(
        &'a self,
        none: &'a HeaderMap,
        client_certificate: &'a Presented,
        now: SystemTime,
    ) -> Facts<'a> {
        Facts {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            query: self.uri.query(),
            headers: self.headers.as_ref().unwrap_or(none),
            source_ip: self.source_ip,
            client_certificate,
            websocket: self.websocket,
            now,
        }
    }
}

/// On which terms something may be held open.
#[derive(Debug)]
pub(crate) struct Terms {
    /// Where it is entered.
    pub(crate) tunnels: Arc<Tunnels>,
    /// What was asked.
    pub(crate) facts: HeldFacts,
    /// By whom.
    pub(crate) session: Option<Arc<LiveSession>>,
    /// The configuration that decided.
    pub(crate) decided_by: Arc<Snapshot>,
    /// What was known of the visitor then: [`doorward_sessions::Known::revision`].
    pub(crate) revision: u64,
    /// How long nothing may move; None for ever.
    pub(crate) idle: Option<Duration>,
    /// Of what asks for an upgrade: its place among those of its visitor.
    pub(crate) place: Option<TunnelPlace>,
    /// For the log.
    pub(crate) request_id: RequestId,
    /// For the log.
    pub(crate) route: RouteId,
}

impl Terms {
    /// What ends an answer on these terms before it is held open; None when it is nobody's.
    pub(crate) fn ends(&self) -> Option<Ends> {
        let session = self.session.as_deref()?;
        Some(Ends { when: session.ended().clone(), at: expiry(session) })
    }
}

/// When a session expires. Beyond what a clock can count is never.
fn expiry(session: &LiveSession) -> Option<Instant> {
    let left = session.expires_at().duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now().checked_add(left)
}

/// Why something held open ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The visitor's side was closed.
    #[error("client closed")]
    ClientClosed,
    /// The upstream's side was closed.
    #[error("upstream closed")]
    UpstreamClosed,
    /// The visitor's connection broke.
    #[error("client connection failed")]
    ClientFailed,
    /// The upstream's connection broke.
    #[error("upstream connection failed")]
    UpstreamFailed,
    /// The visitor signed out, or the session was revoked.
    #[error("session ended")]
    SessionEnded,
    /// The session's time is up.
    #[error("session expired")]
    SessionExpired,
    /// A reload's policy no longer allows it or its route is gone, or policy does not allow it at this time any more.
    #[error("policy changed")]
    PolicyChanged,
    /// The session store has been silent for too long to know whether the session still stands.
    #[error("session store silent")]
    StoreSilent,
    /// Nothing moved for too long.
    #[error("idle")]
    Idle,
    /// Doorward stops.
    #[error("stopping")]
    Stopping,
}

/// One entry of the registry: what it is and the switch that ends it.
pub(crate) struct Held {
    pub(crate) facts: HeldFacts,
    pub(crate) session: Option<Arc<LiveSession>>,
    /// Below the session's own token, so that one wait sees both.
    switch: CancellationToken,
    why: OnceLock<End>,
}

impl Held {
    pub(crate) fn new(facts: HeldFacts, session: Option<Arc<LiveSession>>) -> Self {
        let switch = session.as_ref().map_or_else(CancellationToken::new, |session| session.ended().child_token());
        Self { facts, session, switch, why: OnceLock::new() }
    }

    /// Ends it, for this reason unless it has one already.
    pub(crate) fn end(&self, why: End) {
        self.why.get_or_init(|| why);
        self.switch.cancel();
    }

    fn why(&self) -> End {
        self.why.get().copied().unwrap_or(End::SessionEnded)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("host", &self.facts.host).field("why", &self.why.get()).finish_non_exhaustive()
    }
}

/// Watches over one entry: tells when it has to end, and takes it out of the registry when dropped.
///
/// It holds one wait for the switch and one timer, for whichever comes first of idleness and expiry, so that
/// asking it costs little each time something moves.
pub(crate) struct Watch {
    entered: Entered,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    timer: Option<Pin<Box<Sleep>>>,
    idle: Option<Duration>,
    last: Instant,
    /// When the session was last told of activity.
    touched: Option<Instant>,
    expires: Option<Instant>,
    _place: Option<TunnelPlace>,
}

impl Watch {
    /// Enters something to be held open on these terms.
    pub(crate) fn on(terms: Terms) -> Self {
        let Terms { tunnels, facts, session, decided_by, revision, idle, place, .. } = terms;
        let entered = tunnels.enter(facts, session, &decided_by, revision);
        let held = entered.held();
        let ended = Box::pin(held.switch.clone().cancelled_owned());
        let expires = held.session.as_deref().and_then(expiry);
        Self { entered, ended, timer: None, idle, last: Instant::now(), touched: None, expires, _place: place }
    }

    /// What ends it, for whoever sends it while nobody asks this.
    pub(crate) fn ends(&self) -> Ends {
        Ends { when: self.entered.held().switch.clone(), at: self.expires }
    }

    /// Notes that something moved.
    pub(crate) fn note_activity(&mut self) {
        self.last = Instant::now();
    }

    /// Notes that something came from the visitor: then their session is in use, as it is by a request. What only
    /// streams down to them says nothing of that.
    pub(crate) fn note_visitor(&mut self) {
        let Some(session) = &self.entered.held().session else { return };
        if self.touched.is_none_or(|then| self.last.duration_since(then) >= TOUCH_EVERY) {
            self.touched = Some(self.last);
            session.touch(SystemTime::now());
        }
    }

    /// From now on allows less idleness.
    pub(crate) fn allow_only(&mut self, idle: Duration) {
        self.idle = Some(self.idle.map_or(idle, |already| already.min(idle)));
        self.timer = None;
    }

    /// Whether it has to end already, without a wait.
    pub(crate) fn is_over(&self) -> Option<End> {
        let held = self.entered.held();
        if held.switch.is_cancelled() {
            return Some(held.why());
        }
        self.expires.filter(|expires| *expires <= Instant::now()).map(|_| End::SessionExpired)
    }

    /// Ready when it has to end.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if self.ended.as_mut().poll(cx).is_ready() {
            return Poll::Ready(self.entered.held().why());
        }
        loop {
            let idle_at = self.idle.and_then(|idle| self.last.checked_add(idle));
            let Some(next) = [idle_at, self.expires].into_iter().flatten().min() else { return Poll::Pending };
            // The timer is not set back for every byte that moves: it fires early and is set again.
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            std::task::ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            if self.expires.is_some_and(|expires| expires <= now) {
                return Poll::Ready(End::SessionExpired);
            }
            if idle_at.is_some_and(|idle_at| idle_at <= now) {
                return Poll::Ready(End::Idle);
            }
            timer.as_mut().reset(next);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("entered", &self.entered).field("idle", &self.idle).finish_non_exhaustive()
    }
}
