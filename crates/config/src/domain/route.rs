//! Routes: from a public address to what answers there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use doorward_authorize::{Policy, RouteId, Shadow};
use doorward_hygiene::{Hostname, OriginPattern, Scheme, starts_with_segments};
use http::{HeaderName, HeaderValue, StatusCode};
use regex::Regex;

use super::assertion::IssuerFormat;
use super::limits::RouteLimits;
use super::requests::EscapedSlashes;
use super::rewriting::{RegexRewrite, ResponseHeaderRewrite};
use super::timeouts::Limit;
use super::upgrades::Upgrades;
use super::upstream::Upstream;

/// One route.
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name in logs and decisions; no two routes share one.
    pub id: RouteId,
    /// What to call it on a page.
    pub name: String,
    /// A sentence about it, perhaps empty.
    pub description: String,
    /// The public origin, or with a wildcard those of every host one label below a name that no route names exactly.
    /// Always https: where TLS ends before us, it still begins at the visitor.
    pub from: OriginPattern,
    /// Which paths there.
    pub path: PathRule,
    /// Who may.
    pub policy: Policy,
    /// A policy that is tried beside it, and never enforced.
    pub policy_shadow: Option<Shadow>,
    /// Whether a denied visitor is told what it would have needed.
    pub show_error_details: bool,
    /// How long ago somebody may have signed in: whoever did before signs in again for this route
    /// (`authentication_max_age`). At least a minute; none asks nobody.
    pub authentication_max_age: Option<Duration>,
    /// What answers.
    pub target: Target,
    /// What requests may switch to.
    pub upgrades: Upgrades,
    /// The Host header the upstream gets.
    pub host_header: HostHeader,
    /// What replaces the prefix (or the whole of an exact path) on the way to the upstream. A path in `to`
    /// ends up here too. Begins with `/`; absent for a regex route.
    pub prefix_rewrite: Option<String>,
    /// How the path is rewritten on the way to the upstream; none together with `prefix_rewrite`.
    pub regex_rewrite: Option<RegexRewrite>,
    /// Among the origin's regexes, a higher one comes first; those that are the same, in the order of the file.
    pub regex_priority: i64,
    /// What is rewritten of the headers of answers, in this order.
    pub rewrite_response_headers: Vec<ResponseHeaderRewrite>,
    /// What becomes of paths with escaped slashes.
    pub escaped_slashes: EscapedSlashes,
    /// The `Authorization` by which a Kubernetes API server knows us, to be asked in the visitor's name; a secret.
    pub kubernetes: Option<HeaderValue>,
    /// Headers set on the request to the upstream. None is a name we set ourselves.
    pub set_request_headers: Vec<(HeaderName, HeaderContent)>,
    /// Headers taken off the request to the upstream.
    pub remove_request_headers: Vec<HeaderName>,
    /// Headers set on the answer: the global ones with the route's own over them, and
    /// Strict-Transport-Security where the host has a certificate that was configured.
    pub set_response_headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the upstream is told who asks.
    pub pass_identity_headers: bool,
    /// The groups that the upstream may hear of, sorted; none for all.
    pub jwt_groups_filter: Option<Arc<[String]>>,
    /// What the signed statement names as its issuer.
    pub jwt_issuer_format: IssuerFormat,
    /// How long the upstream has until its response head.
    pub timeout: Limit,
    /// How long a stream or tunnel may be silent; none leaves it to the default.
    pub idle_timeout: Option<Limit>,
    /// How much it may be asked.
    pub limits: RouteLimits,
    /// The line of the configuration it begins on; 0 when there is no file.
    pub line: u32,
}

/// What a header set on requests holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderContent {
    /// Always the same.
    Fixed(HeaderValue),
    /// Put together for each request.
    Assembled(Vec<HeaderPart>),
}

/// A part of a header's value. Of one that has nothing to say, the whole header says nothing: it is not sent.
///
/// What is said of a client certificate is said only of one that is believed; what is said of a visitor, only of one
/// who is signed in.
#[derive(Clone, PartialEq, Eq)]
pub enum HeaderPart {
    /// Characters that a header can carry; perhaps a secret.
    Text(String),
    /// `${doorward.jwt}`: the signed statement about the visitor.
    Assertion,
    /// `${doorward.access_token}`: what the identity provider issued.
    AccessToken,
    /// `${doorward.id_token}`: the same.
    IdToken,
    /// `${doorward.claim.NAME}`, and under its own name each of `email`, `user`, `name` and `groups`.
    Claim(Box<str>),
    /// `${doorward.request.headers["NAME"]}`: never a name in which only we may speak.
    RequestHeader(HeaderName),
    /// `${doorward.client_cert_fingerprint}`
    CertificateFingerprint,
    /// `${doorward.client_cert_san_dns}`
    CertificateSanDns,
    /// `${doorward.client_cert_san_email}`
    CertificateSanEmail,
}

impl fmt::Debug for HeaderPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(…)",
            Self::Assertion => "Assertion",
            Self::AccessToken => "AccessToken",
            Self::IdToken => "IdToken",
            Self::Claim(_) => "Claim(…)",
            Self::RequestHeader(_) => "RequestHeader(…)",
            Self::CertificateFingerprint => "CertificateFingerprint",
            Self::CertificateSanDns => "CertificateSanDns",
            Self::CertificateSanEmail => "CertificateSanEmail",
        })
    }
}

/// Which paths a route is for, told on the decoded path.
///
/// Of several routes on one origin that match, an exact path comes before a regex, regexes come by their priority and
/// then in the order of the file, and last the longest prefix.
#[derive(Debug, Clone)]
pub enum PathRule {
    /// This path and all below it, at a segment border. `/` is everything.
    Prefix(String),
    /// This path alone.
    Exact(String),
    /// Paths the whole of which this matches (it is anchored at both ends).
    Regex(Regex),
}

impl PathRule {
    /// Whether the rule is for this path, given decoded ([`doorward_hygiene::NormalPath::decoded`]).
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Prefix(prefix) => starts_with_segments(path, prefix),
            Self::Exact(exact) => path == exact,
            Self::Regex(regex) => regex.is_match(path),
        }
    }
}

/// What answers on a route.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one for each route, and most of them are applications")]
pub enum Target {
    /// An application.
    Upstream(Upstream),
    /// A redirect.
    Redirect(Redirect),
    /// A fixed answer.
    Response(StaticResponse),
}

/// The Host header an upstream gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostHeader {
    /// The upstream's own name, from `to`.
    OfUpstream,
    /// The visitor's.
    Preserve,
    /// This one.
    Fixed(HeaderValue),
    /// The one this header of the request names, if that can be one; else the upstream's own. Never a header in which only
    /// we may speak.
    OfHeader(HeaderName),
    /// What this makes of the path, if that can be one; else the upstream's own.
    OfPath(RegexRewrite),
}

/// A redirect: what it changes of the URL; the rest stays as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The new scheme (`https_redirect` or `scheme_redirect`).
    pub scheme: Option<Scheme>,
    /// The new host.
    pub host: Option<Hostname>,
    /// The new port.
    pub port: Option<u16>,
    /// The new path, instead of all of the old.
    pub path: Option<String>,
    /// What replaces the route's prefix.
    pub prefix_rewrite: Option<String>,
    /// 301, 302, 303, 307 or 308.
    pub response_code: StatusCode,
    /// Whether the query is dropped.
    pub strip_query: bool,
}

/// A fixed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticResponse {
    /// 200 to 599.
    pub status: StatusCode,
    /// The body, as plain text.
    pub body: String,
}
