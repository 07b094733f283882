//! A route in service: its settings, its policy, and what answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use doorward_authorize::{Action, Criterion, Decision, Facts, Judgement, Policy, Rule, Shadow, Visitor};
use doorward_config::{Limit, Redirect, Route, Target};
use doorward_hygiene::{CleanHead, Upgrade};
use doorward_identity::Presented;
use doorward_sessions::Known;
use http::{HeaderMap, HeaderName, StatusCode};
use http_body::Body;

use crate::error::ForwardError;
use crate::headers::telling::Telling;
use crate::identify::Identified;
use crate::limits::{HeldTo, When};
use crate::refusal::{Refusal, kind};
use crate::route_table::Routed;
use crate::tally::Tally;
use crate::told_headers::ReadHeaders;
use crate::upstreams::{UpstreamClient, Upstreams};

/// How long a WebSocket may be silent where the route says nothing else. Long: what rides on it pings or not.
const TUNNEL_IDLE: Duration = Duration::from_secs(60 * 60);

/// A route in service.
#[derive(Debug)]
pub(crate) struct ServedRoute {
    /// As configured.
    pub(crate) settings: Route,
    pub(crate) answers: Answers,
    /// How its upstream is told of visitors.
    pub(crate) telling: Telling,
    /// Whether what is held open has to keep its headers to be decided again.
    pub(crate) policy_reads_headers: bool,
    /// Whether what is allowed now may be denied later while nothing else changes.
    pub(crate) policy_changes_with_time: bool,
    /// The headers of requests that the route says or takes off; none when there are none.
    pub(crate) said_headers: Option<Arc<[HeaderName]>>,
    read_headers: ReadHeaders,
    tally: Arc<Tally>,
    /// How often it may be asked.
    held_to: Option<HeldTo>,
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
    pub(crate) fn new(
        settings: Route,
        upstreams: &Upstreams,
        stream_idle: Limit,
        held_to: Option<HeldTo>,
        tally: Arc<Tally>,
    ) -> Option<Self> {
        let answers = match &settings.target {
            Target::Upstream(upstream) => Answers::Upstream(upstreams.client(upstream)?),
            Target::Redirect(redirect) => Answers::Redirect(redirect.clone()),
            Target::Response(response) => {
                Answers::Response { status: response.status, body: response.body.clone().into() }
            }
        };
        let shadow = settings.policy_shadow.as_ref().map(Shadow::policy);
        let read_headers = ReadHeaders::of(std::iter::once(&settings.policy).chain(shadow));
        let policy_reads_headers = settings.policy.criteria().any(Criterion::reads_headers);
        let said = settings.set_request_headers.iter().map(|(name, _)| name).chain(&settings.remove_request_headers);
        let said: Vec<_> = said.cloned().collect();
        let policy_changes_with_time = settings.policy.changes_with_time();
        Some(Self {
            answers,
            telling: Telling::of(&settings),
            policy_reads_headers,
            policy_changes_with_time,
            said_headers: (!said.is_empty()).then(|| said.into()),
            read_headers,
            tally,
            held_to,
            public: is_public(&settings.policy),
            stream_idle: settings.idle_timeout.unwrap_or(stream_idle).duration(),
            tunnel_idle: settings.idle_timeout.map_or(Some(TUNNEL_IDLE), Limit::duration),
            settings,
        })
    }

    /// Holds a request to the rates that are asked now.
    ///
    /// # Errors
    /// 429, and when to come again.
    pub(crate) fn hold_to_rates(
        &self,
        when: When,
        client: IpAddr,
        visitor: Option<&Identified>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(held_to) = &self.held_to else { return Ok(()) };
        let subject = visitor.map(|visitor| &visitor.known.identity.subject);
        held_to.take(when, client, subject, now).map_err(|(by, too_soon)| {
            self.tally.count_rate_limited(kind(by));
            Refusal::RateLimited { by, retry_after: too_soon.seconds() }
        })
    }

    /// Looks at the length a body says it has; what says none is measured as it comes.
    ///
    /// # Errors
    /// 413 when it is longer than may be.
    pub(crate) fn check_length(&self, body: &impl Body) -> Result<(), ForwardError> {
        match self.settings.limits.max_request_bytes {
            Some(most) if body.size_hint().lower() > most => Err(ForwardError::TooLarge { most }),
            _ => Ok(()),
        }
    }

    /// What policy says of this request of this visitor, and what its shadow says where that is something else.
    pub(crate) fn decide(&self, request: &Asked<'_>) -> (Decision, Option<Judgement>) {
        let headers = self.read_headers.seen(request.head.headers());
        let (facts, visitor) = (request.facts(&headers), request.who());
        let decision = self.decision(&facts, visitor, self.switches_to_another(request.head));
        self.tally.count(&decision);
        let shadow = self.settings.policy_shadow.as_ref().map(|shadow| shadow.judge(&facts, visitor));
        let differs = shadow.filter(|shadow| shadow.verdict != decision.verdict());
        if let Some(shadow) = &differs {
            self.tally.count_difference(decision.verdict(), shadow);
        }
        (decision, differs)
    }

    /// Whether the request is going to be a tunnel that is no WebSocket.
    fn switches_to_another(&self, head: &CleanHead) -> bool {
        matches!(head.upgrade(), Some(Upgrade::Other(token)) if self.settings.upgrades.others.contains(token))
    }

    /// What policy says. A tunnel to another protocol is neither a WebSocket nor a request like others: a policy that
    /// tells those apart has to allow it as either.
    pub(crate) fn decision(&self, facts: &Facts<'_>, visitor: Visitor<'_>, switches: bool) -> Decision {
        let decision = self.settings.policy.decide(facts, visitor);
        if !switches || !matches!(decision, Decision::Allow(_)) {
            return decision;
        }
        self.settings.policy.decide(&Facts { websocket: !facts.websocket, ..*facts }, visitor)
    }

    /// What a denied visitor would have needed, where the route tells.
    pub(crate) fn advice(&self, request: &Asked<'_>) -> Option<String> {
        if !self.settings.show_error_details {
            return None;
        }
        let headers = self.read_headers.seen(request.head.headers());
        self.settings.policy.advice(&request.facts(&headers), request.who())
    }
}

/// What policy is asked about.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a CleanHead,
    pub(crate) visitor: Option<&'a Identified>,
    pub(crate) client_certificate: &'a Presented,
    pub(crate) now: SystemTime,
}

impl<'a> Asked<'a> {
    fn who(&self) -> Visitor<'a> {
        visitor(self.visitor.map(|visitor| &*visitor.known))
    }

    fn facts(&self, headers: &'a HeaderMap) -> Facts<'a> {
        let head = self.head;
        Facts {
            method: head.method(),
            host: head.host(),
            path: head.path(),
            query: head.query(),
            headers,
            source_ip: head.client_ip(),
            client_certificate: self.client_certificate,
            websocket: head.is_websocket(),
            now: self.now,
        }
    }
}

/// The visitor, as policy sees them.
pub(crate) fn visitor(known: Option<&Known>) -> Visitor<'_> {
    known.map_or(Visitor::Anonymous, |known| Visitor::Known(&known.identity))
}

/// A policy that lets everybody in but for some lets nobody in unseen. Nor does one with a `not` about people: that
/// holds of strangers, and asks who they are.
fn is_public(policy: &Policy) -> bool {
    let asks = |rule: &Rule| rule.operator.inverts() && rule.criteria.iter().any(Criterion::is_about_a_person);
    policy.is_public() && policy.rules().iter().all(|rule| rule.action == Action::Allow && !asks(rule))
}
