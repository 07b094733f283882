//! Criteria: the questions a rule asks, each answered yes or no with a reason.

mod ask;
mod found;
mod readings;

use std::borrow::Cow;
use std::fmt;

use http::HeaderName;

use crate::certificate::CertificateMatcher;
use crate::matcher::{ListMatcher, StringMatcher};
use crate::networks::Networks;
use crate::times::{Age, DateRange, Days, TimeOfDay};
use crate::{Reason, Reasons};

pub(crate) use ask::Judge;

/// One question of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// Always holds.
    Accept,
    /// Never holds.
    Reject,
    /// Somebody is signed in.
    AuthenticatedUser,
    /// The subject, as the provider names it.
    User(StringMatcher),
    /// The verified e-mail address.
    Email(StringMatcher),
    /// The domain of the verified e-mail address.
    Domain(StringMatcher),
    /// The groups.
    Groups(ListMatcher),
    /// A claim, by its path.
    Claim {
        /// The claim's name, or a path through objects.
        path: String,
        /// What is asked of its values.
        matcher: ListMatcher,
    },
    /// How long ago the person really signed in.
    AuthenticationAge(Age),
    /// How the person signed in: the values of `amr` and `acr` (RFC 8176; OpenID Connect Core §2).
    AuthenticationMethod(ListMatcher),
    /// Who vouches for the person: the provider's issuer, `doorward` for built-in accounts.
    IdentityProvider(StringMatcher),
    /// The client certificate is one of these.
    ClientCertificate(CertificateMatcher),
    /// No client certificate was shown, or one that is not believed.
    InvalidClientCertificate,
    /// A CORS pre-flight request (Fetch standard, "CORS-preflight request").
    CorsPreflight,
    /// The method.
    HttpMethod(StringMatcher),
    /// The decoded path, without the query.
    HttpPath(StringMatcher),
    /// A header of the request.
    HttpHeader {
        /// Its name.
        name: HeaderName,
        /// What is asked of its value.
        matcher: StringMatcher,
    },
    /// A parameter of the query.
    HttpQuery {
        /// Its name, decoded.
        name: String,
        /// What is asked of its value, decoded.
        matcher: StringMatcher,
    },
    /// What the client says it is.
    UserAgent(StringMatcher),
    /// Where the request comes from.
    SourceIp(Networks),
    /// The request asks to become a WebSocket, or with `false`, it does not.
    Websocket(bool),
    /// When the request came.
    Date(DateRange),
    /// On what day it came.
    DayOfWeek(Days),
    /// At what time of the day it came.
    TimeOfDay(TimeOfDay),
}

/// Whether a criterion held, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) held: bool,
    /// The request can be read in several ways, and they do not agree. Then an allow rule has to do without it, and a
    /// deny rule takes it to hold, whatever `not` makes of it.
    pub(crate) unclear: bool,
    pub(crate) reasons: Reasons,
}

impl Outcome {
    pub(crate) fn new(held: bool, yes: Reason, no: Reason) -> Self {
        Self { held, unclear: false, reasons: Reasons::only(if held { yes } else { no }) }
    }

    pub(crate) fn yes(reason: Reason) -> Self {
        Self { held: true, unclear: false, reasons: Reasons::only(reason) }
    }

    pub(crate) fn no(reason: Reason) -> Self {
        Self { held: false, unclear: false, reasons: Reasons::only(reason) }
    }

    pub(crate) fn unclear() -> Self {
        Self { held: false, unclear: true, reasons: Reasons::only(Reason::AmbiguousRequest) }
    }
}

impl Criterion {
    /// The name it has in a policy.
    pub fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::AuthenticatedUser => "authenticated_user",
            Self::User(_) => "user",
            Self::Email(_) => "email",
            Self::Domain(_) => "domain",
            Self::Groups(_) => "groups",
            Self::Claim { path, .. } => return Cow::Owned(format!("claim/{path}")),
            Self::AuthenticationAge(_) => "authentication_age",
            Self::AuthenticationMethod(_) => "authentication_method",
            Self::IdentityProvider(_) => "identity_provider",
            Self::ClientCertificate(_) => "client_certificate",
            Self::InvalidClientCertificate => "invalid_client_certificate",
            Self::CorsPreflight => "cors_preflight",
            Self::HttpMethod(_) => "http_method",
            Self::HttpPath(_) => "http_path",
            Self::HttpHeader { name, .. } => return Cow::Owned(format!("http_header/{name}")),
            Self::HttpQuery { name, .. } => return Cow::Owned(format!("http_query/{name}")),
            Self::UserAgent(_) => "user_agent",
            Self::SourceIp(_) => "source_ip",
            Self::Websocket(_) => "websocket",
            Self::Date(_) => "date",
            Self::DayOfWeek(_) => "day_of_week",
            Self::TimeOfDay(_) => "time_of_day",
        })
    }

    /// Whether it asks who the visitor is, so that an anonymous one may be asked to sign in.
    pub fn is_about_a_person(&self) -> bool {
        match self {
            Self::AuthenticatedUser
            | Self::User(_)
            | Self::Email(_)
            | Self::Domain(_)
            | Self::Groups(_)
            | Self::Claim { .. }
            | Self::AuthenticationAge(_)
            | Self::AuthenticationMethod(_)
            | Self::IdentityProvider(_) => true,
            Self::Accept
            | Self::Reject
            | Self::ClientCertificate(_)
            | Self::InvalidClientCertificate
            | Self::CorsPreflight
            | Self::HttpMethod(_)
            | Self::HttpPath(_)
            | Self::HttpHeader { .. }
            | Self::HttpQuery { .. }
            | Self::UserAgent(_)
            | Self::SourceIp(_)
            | Self::Websocket(_)
            | Self::Date(_)
            | Self::DayOfWeek(_)
            | Self::TimeOfDay(_) => false,
        }
    }

    /// Whether its answer may depend on the request's headers.
    pub fn reads_headers(&self) -> bool {
        matches!(self, Self::CorsPreflight | Self::HttpHeader { .. } | Self::UserAgent(_))
    }

    /// Whether its answer may change while nothing else does.
    pub fn changes_with_time(&self) -> bool {
        matches!(self, Self::Date(_) | Self::DayOfWeek(_) | Self::TimeOfDay(_) | Self::AuthenticationAge(_))
    }
}

impl fmt::Display for Criterion {
    /// As it is asked, as in `email is you@example.com`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match self {
            Self::User(matcher)
            | Self::Email(matcher)
            | Self::Domain(matcher)
            | Self::IdentityProvider(matcher)
            | Self::HttpMethod(matcher)
            | Self::HttpPath(matcher)
            | Self::HttpHeader { matcher, .. }
            | Self::HttpQuery { matcher, .. }
            | Self::UserAgent(matcher) => write!(f, " {matcher}"),
            Self::Groups(matcher) | Self::Claim { matcher, .. } | Self::AuthenticationMethod(matcher) => {
                write!(f, " {matcher}")
            }
            Self::ClientCertificate(matcher) => write!(f, " {matcher}"),
            Self::SourceIp(networks) => write!(f, " {networks}"),
            Self::Websocket(wanted) => write!(f, " {wanted}"),
            Self::Date(range) => write!(f, " {range}"),
            Self::DayOfWeek(days) => write!(f, " {days}"),
            Self::TimeOfDay(time) => write!(f, " {time}"),
            Self::AuthenticationAge(age) => write!(f, " {age}"),
            Self::Accept
            | Self::Reject
            | Self::AuthenticatedUser
            | Self::CorsPreflight
            | Self::InvalidClientCertificate => Ok(()),
        }
    }
}
