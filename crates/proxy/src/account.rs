//! What is noted of a request on its way, for the access line at its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use doorward_authorize::{Decision, Grounds, Judgement, Reasons, RouteId};
use doorward_hygiene::{Authority, CleanHead, Upgrade};
use doorward_pages::Format;
use doorward_sessions::Known;
use doorward_telemetry::{AccessLine, AccessLog, DecidingRule, RequestId};
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode, Uri, Version};
use http_body::Body;

use crate::body::{Expectation, is_kept_back};
use crate::identify::Identified;
use crate::refusal::Refusal;
use crate::respond;

/// The status logged for a visitor who went away before the answer, as nginx has it.
const CLIENT_CLOSED: u16 = 499;

/// The notes on one request. The access line is written when they are dropped: also for a visitor who hung up.
///
/// Everything here is shared with the request and costs next to nothing to note; text is made of it only for the line.
pub(crate) struct Account {
    log: AccessLog,
    request_id: RequestId,
    begun: Instant,
    method: Method,
    uri: Uri,
    version: Version,
    client: IpAddr,
    accept: Option<HeaderValue>,
    grpc: bool,
    user_agent: Option<HeaderValue>,
    authority: Option<Authority>,
    route: Option<RouteId>,
    visitor: Option<Arc<Known>>,
    decision: Option<&'static str>,
    reasons: Reasons,
    /// Of a denial or a sign-in: the rule, and its line.
    decided_by: Option<(DecidingRule, u32)>,
    /// What the shadow says, where that is something else.
    shadow: Option<Judgement>,
    /// Why it was refused, where it was not policy that did.
    refused: Option<&'static str>,
    upstream: Option<Arc<str>>,
    upgrade: Asks,
    /// Whether its body is kept back until somebody wants it, and how it stands with that once it was forwarded.
    kept_back: bool,
    expectation: Option<Arc<Expectation>>,
    status: u16,
}

/// What is asked for beyond an answer, and whether it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    /// By `Upgrade`.
    Upgrade {
        websocket: bool,
    },
    /// By an extended CONNECT.
    Stream,
    /// It is a tunnel.
    Got {
        websocket: bool,
    },
}

impl Account {
    pub(crate) fn open<B: Body>(log: &AccessLog, request: &Request<B>, client: IpAddr) -> Self {
        Self {
            log: log.clone(),
            request_id: RequestId::random(),
            begun: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            client: client.to_canonical(),
            accept: request.headers().get(ACCEPT).cloned(),
            grpc: request.version() == Version::HTTP_2 && respond::grpc::asks(request.headers()),
            user_agent: request.headers().get(USER_AGENT).cloned(),
            authority: None,
            route: None,
            visitor: None,
            decision: None,
            reasons: Reasons::NONE,
            decided_by: None,
            shadow: None,
            refused: None,
            upstream: None,
            upgrade: Asks::Nothing,
            kept_back: !request.body().is_end_stream() && is_kept_back(request.headers(), request.version()),
            expectation: None,
            status: CLIENT_CLOSED,
        }
    }

    /// Who it comes from, where trusted proxies stand between.
    pub(crate) fn note_client(&mut self, client: IpAddr) {
        self.client = client;
    }

    pub(crate) fn note_host(&mut self, head: &CleanHead) {
        self.authority = Some(head.authority().clone());
        self.upgrade = match head.upgrade() {
            None => Asks::Nothing,
            Some(Upgrade::ExtendedConnect) => {
                // As policy sees it.
                self.method = head.method().clone();
                Asks::Stream
            }
            Some(upgrade) => Asks::Upgrade { websocket: upgrade.is_websocket() },
        };
    }

    /// Both sides have switched.
    pub(crate) fn note_tunnel(&mut self) {
        self.upgrade = match self.upgrade {
            Asks::Upgrade { websocket } | Asks::Got { websocket } => Asks::Got { websocket },
            Asks::Nothing | Asks::Stream => Asks::Got { websocket: true },
        };
    }

    /// Whether whoever asked for a WebSocket on a stream would take this answer for one: there every success says yes
    /// (RFC 8441 §5), and what follows it is no page.
    pub(crate) fn is_misleading(&self, status: StatusCode) -> bool {
        self.upgrade == Asks::Stream && status.is_success()
    }

    /// Whether the connection may not go on after this answer: whoever asked to leave HTTP may have sent other things
    /// already, and those are no requests; and whoever keeps a body back and is answered first may send it or not, so that
    /// two readers could see the next request in two places.
    pub(crate) fn ends_connection(&self, status: StatusCode) -> bool {
        let may_come_yet = self.kept_back && !self.expectation.as_ref().is_some_and(|body| body.is_met());
        may_come_yet || matches!(self.upgrade, Asks::Upgrade { .. }) && status != StatusCode::SWITCHING_PROTOCOLS
    }

    /// Its body is kept back, and it has been forwarded.
    pub(crate) fn note_expectation(&mut self, expectation: &Arc<Expectation>) {
        self.expectation = Some(Arc::clone(expectation));
    }

    pub(crate) fn note_route(&mut self, route: &RouteId) {
        self.route = Some(route.clone());
    }

    pub(crate) fn note_visitor(&mut self, visitor: Option<&Identified>) {
        self.visitor = visitor.map(|visitor| Arc::clone(&visitor.known));
    }

    pub(crate) fn note_decision(&mut self, decision: &Decision, shadow: Option<Judgement>) {
        let Grounds { reasons, rule, line } = decision.grounds();
        self.decision = Some(decision.verdict().as_str());
        self.reasons = reasons;
        self.shadow = shadow;
        if !matches!(decision, Decision::Allow(_)) {
            self.decided_by = Some((rule.map_or(DecidingRule::NoneHeld, |rule| DecidingRule::Number(rule.0)), line));
        }
    }

    /// What stood in the way, and whose door it was when policy had opened it.
    pub(crate) fn note_refusal(&mut self, refusal: &Refusal) {
        self.refused = refusal.word();
        match refusal {
            Refusal::CrossOrigin | Refusal::NoWebSockets => self.decision = Some("deny"),
            Refusal::Forward(error) => self.upstream = error.upstream().cloned(),
            _ => {}
        }
    }

    /// Why an endpoint of ours refused it, where that was for a limit.
    pub(crate) fn note_refused_for(&mut self, reason: &'static str) {
        self.refused = Some(reason);
    }

    /// Why it was refused, and on which route, where it was not policy that did.
    pub(crate) fn refused(&self) -> Option<(Option<&RouteId>, &'static str)> {
        Some((self.route.as_ref(), self.refused?))
    }

    /// When it came.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    pub(crate) fn note_upstream(&mut self, upstream: &Arc<str>) {
        self.upstream = Some(Arc::clone(upstream));
    }

    /// The answer's head is on its way.
    pub(crate) fn close(mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    pub(crate) fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    pub(crate) fn route(&self) -> Option<&str> {
        self.route.as_ref().map(RouteId::as_str)
    }

    pub(crate) fn user(&self) -> Option<&str> {
        self.visitor.as_ref().map(|known| known.identity.label())
    }

    /// The authority asked for; a dash when it is not known.
    pub(crate) fn host(&self) -> String {
        self.authority.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)
    }

    /// Whether it is asked in gRPC, and so answered in it.
    pub(crate) fn is_grpc(&self) -> bool {
        self.grpc
    }

    pub(crate) fn format(&self) -> Format {
        respond::format(self.accept.as_ref())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let with_port;
        let host = match &self.authority {
            None => "-",
            Some(Authority { host, port: None }) => host.as_str(),
            Some(authority) => {
                with_port = authority.to_string();
                &with_port
            }
        };
        // Almost always there is one reason, and then no text has to be made.
        let several;
        let mut reasons = self.reasons.iter();
        let reason = match (self.refused, reasons.next(), reasons.next()) {
            (Some(word), _, _) => Some(word),
            (None, None, _) => None,
            (None, Some(only), None) => Some(only.as_str()),
            (None, Some(_), Some(_)) => {
                several = self.reasons.to_string();
                Some(several.as_str())
            }
        };
        let shadow_reason =
            self.shadow.map(|shadow| shadow.grounds.reasons.to_string()).filter(|words| !words.is_empty());
        self.log.write(&AccessLine {
            request_id: self.request_id.as_str(),
            method: self.method.as_str(),
            host,
            path: self.uri.path(),
            protocol: protocol(self.version),
            status: self.status,
            duration: self.begun.elapsed(),
            client: self.client,
            route: self.route(),
            user: self.user(),
            decision: self.decision,
            reason,
            rule: self.decided_by.map(|(rule, _)| rule),
            rule_line: self.decided_by.map(|(_, line)| line).filter(|line| *line > 0),
            shadow_decision: self.shadow.map(|shadow| shadow.verdict.as_str()),
            shadow_reason: shadow_reason.as_deref(),
            upstream: self.upstream.as_deref(),
            user_agent: self.user_agent.as_ref().and_then(|agent| agent.to_str().ok()),
            websocket: self.upgrade == Asks::Got { websocket: true },
        });
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}
