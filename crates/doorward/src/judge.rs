//! Who, which request: which route, what is decided, and why. No server is asked, and nothing is changed.
//!
//! Everything is answered by what serves requests too: the route table, the policies, and the trust in client
//! certificates. Refuses to answer by anything else, so that what is told here is what happens.

use std::sync::Arc;
use std::time::SystemTime;

use doorward_authorize::{Explanation, Facts, Reason, Reasons, RouteId, Verdict, Visitor};
use doorward_certificates::ClientTrusts;
use doorward_config::{Config, Enforcement, Expectation, Person, Provider, Question, Route, Target};
use doorward_hygiene::starts_with_segments;
use doorward_identity::{Groups, Identity, Presented, Subject, VerifiedEmail};
use doorward_proxy::{NotFound, RouteTable, passed_on};
use http::HeaderMap;

use crate::why;

/// All below here is Doorward's own, on every host.
const OWN: &str = "/.doorward";
/// So is this.
const KEYS: &str = "/.well-known/doorward/jwks.json";
/// The issuer of built-in accounts.
const BUILT_IN: &str = "doorward";

/// A configuration that can be asked.
pub(crate) struct Judge<'c> {
    config: &'c Config,
    table: RouteTable<Route>,
    trusts: ClientTrusts,
}

/// What is decided, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) verdict: Verdict,
    /// The kebab-case reasons.
    pub(crate) reasons: Vec<&'static str>,
    /// The route, if one matched.
    pub(crate) route: Option<RouteId>,
}

/// What is decided, in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) ruling: Ruling,
    /// The route that matched, and what its policy said; none where none did, or where none was asked.
    pub(crate) found: Option<Found>,
    /// Why this route; or why none.
    pub(crate) why: String,
}

/// A route that matched.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) route: Arc<Route>,
    pub(crate) explanation: Explanation,
    /// What the policy that is tried beside the real one would have decided.
    pub(crate) shadow: Option<Explanation>,
    /// Why the request is refused although the policy allows it.
    pub(crate) refused: Option<&'static str>,
}

/// What a request leads to.
enum Way<'j> {
    Route(&'j Arc<Route>),
    /// It ends before any policy is asked.
    Ends(Ruling, String),
}

impl<'c> Judge<'c> {
    /// # Errors
    /// When the authorities of client certificates cannot be used.
    pub(crate) fn new(config: &'c Config) -> Result<Self, doorward_certificates::CertificatesError> {
        let sign_in_host = config.sign_in.origin.host.clone();
        let table = RouteTable::new(config.routes.iter().cloned().map(Arc::new), [sign_in_host]);
        let tls = &config.tls;
        let trusts = ClientTrusts::new(tls.client_certificates.as_ref(), &tls.client_certificates_by_host)?;
        Ok(Self { config, table, trusts })
    }

    /// What is decided. A question that names no time is asked `now`.
    pub(crate) fn rule(&self, question: &Question, now: SystemTime) -> Ruling {
        let now = question.time.unwrap_or(now);
        let certificate = self.presented(question, now);
        match self.way(question, &certificate) {
            Way::Ends(ruling, _) => ruling,
            Way::Route(route) => {
                let identity = question.who.as_ref().map(|person| self.identity(person, now));
                let visitor = identity.as_ref().map_or(Visitor::Anonymous, Visitor::Known);
                let headers = passed_on(&question.headers);
                let decision = route.policy.decide(&facts(question, &headers, &certificate, now), visitor);
                let ruling = match after_policy(route, question, decision.verdict()) {
                    Some((word, _)) => Ruling::new(Verdict::Deny, word),
                    None => {
                        Ruling { verdict: decision.verdict(), reasons: words(decision.grounds().reasons), route: None }
                    }
                };
                Ruling { route: Some(route.id.clone()), ..ruling }
            }
        }
    }

    /// The same, told in full.
    pub(crate) fn answer(&self, question: &Question, now: SystemTime) -> Answer {
        let now = question.time.unwrap_or(now);
        let certificate = self.presented(question, now);
        let route = match self.way(question, &certificate) {
            Way::Ends(ruling, why) => return Answer { ruling, found: None, why },
            Way::Route(route) => route,
        };
        let identity = question.who.as_ref().map(|person| self.identity(person, now));
        let visitor = identity.as_ref().map_or(Visitor::Anonymous, Visitor::Known);
        let headers = passed_on(&question.headers);
        let facts = facts(question, &headers, &certificate, now);
        let explanation = route.policy.explain(&facts, visitor);
        let refused = after_policy(route, question, explanation.verdict);
        let ruling = match refused {
            Some((word, _)) => Ruling::new(Verdict::Deny, word),
            None => Ruling { verdict: explanation.verdict, reasons: explanation.reasons.clone(), route: None },
        };
        let ruling = Ruling { route: Some(route.id.clone()), ..ruling };
        let shadow = route.policy_shadow.as_ref().map(|shadow| shadow.explain(&facts, visitor));
        let why = why::this_route(self.config, route, question);
        let refused = refused.map(|(_, why)| why);
        Answer { ruling, found: Some(Found { route: Arc::clone(route), explanation, shadow, refused }), why }
    }

    /// The tests that fail, each with what is decided instead.
    pub(crate) fn failing<'e>(
        &self,
        tests: &'e [Expectation],
        now: SystemTime,
    ) -> impl Iterator<Item = (&'e Expectation, Ruling)> {
        let ruled = tests.iter().map(move |test| (test, self.rule(&test.question, now)));
        ruled.filter(|(test, ruling)| !ruling.meets(test))
    }

    /// Somebody as a sign-in would have made them known.
    pub(crate) fn identity(&self, person: &Person, now: SystemTime) -> Identity {
        let (issuer, more) = match &self.config.sign_in.provider {
            Provider::Oidc(provider) => (provider.issuer.as_str(), Vec::new()),
            // A built-in account is in the groups that the configuration gives it, besides those asked about.
            Provider::BuiltIn(users) => {
                let accounts = users.iter().filter(|user| user.email == person.email);
                (BUILT_IN, accounts.flat_map(|user| user.groups.iter().cloned()).collect())
            }
        };
        let email = person.email.clone();
        Identity {
            subject: Subject {
                issuer: person.identity_provider.as_deref().unwrap_or(issuer).to_owned(),
                id: person.user.clone(),
            },
            email: if person.verified { VerifiedEmail::Verified(email) } else { VerifiedEmail::Unverified(email) },
            name: None,
            groups: Groups::new(person.groups.iter().map(str::to_owned).chain(more)),
            claims: person.claims.clone(),
            authenticated_at: now.checked_sub(person.authentication_age).unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }

    /// What the host's authorities make of the certificate that is shown.
    fn presented(&self, question: &Question, now: SystemTime) -> Presented {
        // Where no authority is configured, no certificate is asked for.
        match self.trusts.of(&question.url.origin.host) {
            Some(trust) if !question.certificate.is_empty() => trust.judge(&question.certificate, now),
            _ => Presented::Nothing,
        }
    }

    /// In the order in which a request meets them.
    fn way(&self, question: &Question, certificate: &Presented) -> Way<'_> {
        let (origin, path) = (&question.url.origin, &question.url.path);
        let demanded =
            self.trusts.of(&origin.host).is_some_and(|trust| trust.enforcement() == Enforcement::RejectConnection);
        if demanded && !matches!(certificate, Presented::Accepted(_)) {
            let word = match certificate {
                Presented::Nothing => "client-certificate-required",
                Presented::Refused { .. } | Presented::Accepted(_) => "invalid-client-certificate",
            };
            let why = "this host has no connection without a client certificate that is believed".to_owned();
            return Way::Ends(Ruling::new(Verdict::Deny, word), why);
        }
        if self.owns(question) {
            let why = "Doorward answers this path itself, whatever the policies say".to_owned();
            return Way::Ends(Ruling::new(Verdict::Allow, "own-endpoint"), why);
        }
        // A port that goes without saying is not sent.
        let port = (origin.port != origin.scheme.default_port()).then_some(origin.port);
        match self.table.find(&origin.host, port, path) {
            Ok(route) => Way::Route(route),
            Err(not_found) => {
                let word = match not_found {
                    NotFound::Host | NotFound::Path => "no-route",
                    NotFound::Ambiguous => "ambiguous-path",
                };
                Way::Ends(Ruling::new(Verdict::Deny, word), why::no_route(self.config, not_found, question))
            }
        }
    }

    /// Whether this is one of Doorward's own pages, on a host of ours.
    fn owns(&self, question: &Question) -> bool {
        let (host, path) = (&question.url.origin.host, &question.url.path);
        let reserved = |path: &str| starts_with_segments(path, OWN);
        let own = reserved(path.decoded()) || path.loose().is_some_and(reserved) || path.decoded() == KEYS;
        let sign_in = &self.config.sign_in;
        let is_sign_in = sign_in.origin.host == *host;
        // Beside its own pages, a host that signs people in and nothing else has its front page.
        let front = sign_in.dedicated && is_sign_in && path.decoded() == "/";
        front || (own && (is_sign_in || self.table.has_host(host)))
    }
}

impl Ruling {
    fn new(verdict: Verdict, reason: &'static str) -> Self {
        Self { verdict, reasons: vec![reason], route: None }
    }

    /// Whether this is what a test expects.
    pub(crate) fn meets(&self, test: &Expectation) -> bool {
        self.verdict == test.expect && test.reason.is_none_or(|reason| self.reasons.contains(&reason))
    }
}

impl std::fmt::Display for Ruling {
    /// `deny (email-unauthorized)`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.verdict.as_str())?;
        if self.reasons.is_empty() { Ok(()) } else { write!(f, " ({})", self.reasons.join(", ")) }
    }
}

/// What a proxy would find in a request like this.
fn facts<'q>(question: &'q Question, headers: &'q HeaderMap, certificate: &'q Presented, now: SystemTime) -> Facts<'q> {
    Facts {
        method: &question.method,
        host: &question.url.origin.host,
        path: &question.url.path,
        query: question.url.query.as_deref(),
        headers,
        source_ip: question.ip.to_canonical(),
        client_certificate: certificate,
        websocket: question.websocket,
        now,
    }
}

/// What refuses a request that policy allows: the reason, and the same in words.
fn after_policy(route: &Route, question: &Question, verdict: Verdict) -> Option<(&'static str, &'static str)> {
    let refused = verdict == Verdict::Allow
        && question.websocket
        && !route.upgrades.websocket
        && matches!(route.target, Target::Upstream(_));
    refused.then_some(("websockets-not-allowed", "the policy allows it, but the route has no allow_websockets"))
}

fn words(reasons: Reasons) -> Vec<&'static str> {
    reasons.iter().map(Reason::as_str).collect()
}

#[cfg(test)]
mod tests;
