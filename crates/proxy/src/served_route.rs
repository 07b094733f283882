//! A route in service: its settings, its policy, and what answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use doorward_authorize::{Action, Criterion, Decision, Facts, Policy, Visitor};
use doorward_config::{Limit, Redirect, Route, Target};
use doorward_hygiene::CleanHead;
use doorward_identity::Presented;
use doorward_sessions::LiveSession;
use http::StatusCode;

use crate::route_table::Routed;
use crate::upstreams::{UpstreamClient, Upstreams};

/// How long a WebSocket may be silent where the route says nothing else. Long: what rides on it pings or not.
const TUNNEL_IDLE: Duration = Duration::from_secs(60 * 60);

/// A route in service.
#[derive(Debug)]
pub(crate) struct ServedRoute {
    /// As configured.
    pub(crate) settings: Route,
    pub(crate) answers: Answers,
    /// Whether what is held open has to keep its headers to be decided again.
    pub(crate) policy_reads_headers: bool,
    /// Whether nobody is ever kept out: only then may a shared cache keep the answers.
    pub(crate) public: bool,
    pub(crate) stream_idle: Option<Duration>,
    pub(crate) tunnel_idle: Option<Duration>,
}

/// What answers on a route.
#[derive(Debug)]
pub(crate) enum Answers {
    Upstream(Arc<UpstreamClient>),
    Redirect(Redirect),
    Response { status: StatusCode, body: Bytes },
}

impl Routed for ServedRoute {
    fn route(&self) -> &Route {
        &self.settings
    }
}

impl ServedRoute {
    /// None when its upstream is not among those built, which cannot be: they were built from these routes.
    pub(crate) fn new(settings: Route, upstreams: &Upstreams, stream_idle: Limit) -> Option<Self> {
        let answers = match &settings.target {
            Target::Upstream(upstream) => Answers::Upstream(upstreams.client(upstream)?),
            Target::Redirect(redirect) => Answers::Redirect(redirect.clone()),
            Target::Response(response) => {
                Answers::Response { status: response.status, body: response.body.clone().into() }
            }
        };
        let policy_reads_headers = settings.policy.criteria().any(Criterion::reads_headers);
        Some(Self {
            answers,
            policy_reads_headers,
            public: is_public(&settings.policy),
            stream_idle: settings.idle_timeout.unwrap_or(stream_idle).duration(),
            tunnel_idle: settings.idle_timeout.map_or(Some(TUNNEL_IDLE), Limit::duration),
            settings,
        })
    }

    /// What policy says of this request of this visitor.
    pub(crate) fn decide(
        &self,
        head: &CleanHead,
        session: Option<&LiveSession>,
        client_certificate: &Presented,
        now: SystemTime,
    ) -> Decision {
        let facts = Facts {
            method: head.method(),
            host: head.host(),
            path: head.path(),
            query: head.query(),
            headers: head.headers(),
            source_ip: head.client_ip(),
            client_certificate,
            websocket: head.upgrade().is_some(),
            now,
        };
        self.settings.policy.decide(&facts, visitor(session))
    }
}

/// The visitor, as policy sees them.
pub(crate) fn visitor(session: Option<&LiveSession>) -> Visitor<'_> {
    session.map_or(Visitor::Anonymous, |session| Visitor::Known(session.identity()))
}

/// A policy that lets everybody in but for some lets nobody in unseen.
fn is_public(policy: &Policy) -> bool {
    policy.is_public() && policy.rules().iter().all(|rule| rule.action == Action::Allow)
}
