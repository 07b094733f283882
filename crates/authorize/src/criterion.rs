//! Criteria: the questions a rule asks, each answered yes or no with a reason.

use std::fmt;

use doorward_identity::{Identity, Presented, VerifiedEmail};
use http::{Method, header};

use crate::certificate::{self, CertificateMatcher};
use crate::matcher::{ListMatcher, StringMatcher};
use crate::{Facts, Reason, Reasons, Visitor};

/// One question of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// Always holds.
    Accept,
    /// Never holds.
    Reject,
    /// Somebody is signed in.
    AuthenticatedUser,
    /// The subject, as the provider names it, compared exactly.
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
    /// A CORS pre-flight request (Fetch standard, "CORS-preflight request").
    CorsPreflight,
    /// The client certificate is one of these. Like Pomerium's it does not ask whether the certificate is believed:
    /// [`Criterion::InvalidClientCertificate`] does.
    ClientCertificate(CertificateMatcher),
    /// No client certificate was shown, or one that is not believed.
    InvalidClientCertificate,
}

/// Whether a criterion held, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) held: bool,
    pub(crate) reasons: Reasons,
}

impl Outcome {
    pub(crate) fn new(held: bool, yes: Reason, no: Reason) -> Self {
        Self { held, reasons: Reasons::only(if held { yes } else { no }) }
    }

    pub(crate) fn yes(reason: Reason) -> Self {
        Self { held: true, reasons: Reasons::only(reason) }
    }

    pub(crate) fn no(reason: Reason) -> Self {
        Self { held: false, reasons: Reasons::only(reason) }
    }
}

impl Criterion {
    /// The name it has in a policy.
    pub fn name(&self) -> String {
        match self {
            Self::Accept => "accept".into(),
            Self::Reject => "reject".into(),
            Self::AuthenticatedUser => "authenticated_user".into(),
            Self::User(_) => "user".into(),
            Self::Email(_) => "email".into(),
            Self::Domain(_) => "domain".into(),
            Self::Groups(_) => "groups".into(),
            Self::Claim { path, .. } => format!("claim/{path}"),
            Self::CorsPreflight => "cors_preflight".into(),
            Self::ClientCertificate(_) => "client_certificate".into(),
            Self::InvalidClientCertificate => "invalid_client_certificate".into(),
        }
    }

    pub(crate) fn evaluate(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Outcome {
        match self {
            Self::Accept => Outcome::new(true, Reason::Accept, Reason::Accept),
            Self::Reject => Outcome::no(Reason::Reject),
            Self::CorsPreflight => Outcome::new(is_cors_preflight(facts), Reason::CorsRequest, Reason::NonCorsRequest),
            Self::ClientCertificate(matcher) => matcher.evaluate(facts.client_certificate),
            Self::InvalidClientCertificate => match facts.client_certificate {
                Presented::Nothing => Outcome::yes(Reason::ClientCertificateRequired),
                Presented::Refused { .. } => Outcome::yes(Reason::InvalidClientCertificate),
                Presented::Accepted(_) => Outcome::no(Reason::ClientCertificateOk),
            },
            Self::AuthenticatedUser
            | Self::User(_)
            | Self::Email(_)
            | Self::Domain(_)
            | Self::Groups(_)
            | Self::Claim { .. } => match visitor {
                Visitor::Anonymous => Outcome::no(Reason::UserUnauthenticated),
                Visitor::Known(identity) => self.ask(identity),
            },
        }
    }

    /// The criteria that are about a person, put to one.
    fn ask(&self, identity: &Identity) -> Outcome {
        match self {
            Self::AuthenticatedUser => Outcome::new(true, Reason::UserOk, Reason::UserUnauthorized),
            Self::User(matcher) => {
                Outcome::new(matcher.holds(&identity.subject.id), Reason::UserOk, Reason::UserUnauthorized)
            }
            Self::Email(matcher) => match &identity.email {
                VerifiedEmail::Verified(email) => {
                    Outcome::new(matcher.holds(email.as_str()), Reason::EmailOk, Reason::EmailUnauthorized)
                }
                VerifiedEmail::Unverified(_) => Outcome::no(Reason::EmailUnverified),
                VerifiedEmail::Absent => Outcome::no(Reason::EmailUnauthorized),
            },
            Self::Domain(matcher) => match &identity.email {
                VerifiedEmail::Verified(email) => {
                    Outcome::new(matcher.holds(email.domain()), Reason::DomainOk, Reason::DomainUnauthorized)
                }
                VerifiedEmail::Unverified(_) => Outcome::no(Reason::EmailUnverified),
                VerifiedEmail::Absent => Outcome::no(Reason::DomainUnauthorized),
            },
            Self::Groups(matcher) => {
                Outcome::new(matcher.holds(identity.groups.as_slice()), Reason::GroupsOk, Reason::GroupsUnauthorized)
            }
            Self::Claim { path, matcher } => Outcome::new(
                matcher.holds(&identity.claims.strings_at(path)),
                Reason::ClaimOk,
                Reason::ClaimUnauthorized,
            ),
            Self::Accept
            | Self::Reject
            | Self::CorsPreflight
            | Self::ClientCertificate(_)
            | Self::InvalidClientCertificate => Outcome::no(Reason::Reject),
        }
    }

    /// What this criterion found, in words: for explanations only.
    pub(crate) fn found(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> String {
        let identity = match (self, visitor) {
            (Self::Accept | Self::Reject, _) => return String::new(),
            (Self::CorsPreflight, _) if is_cors_preflight(facts) => return "a CORS pre-flight".into(),
            (Self::CorsPreflight, _) => return format!("{}, no CORS pre-flight", facts.method),
            (Self::ClientCertificate(_) | Self::InvalidClientCertificate, _) => {
                return certificate::found(facts.client_certificate);
            }
            (_, Visitor::Anonymous) => return "nobody signed in".into(),
            (_, Visitor::Known(identity)) => identity,
        };
        match self {
            Self::User(_) => identity.subject.id.clone(),
            Self::Email(_) | Self::Domain(_) => match &identity.email {
                VerifiedEmail::Verified(email) if matches!(self, Self::Domain(_)) => email.domain().into(),
                VerifiedEmail::Verified(email) => email.to_string(),
                VerifiedEmail::Unverified(email) => format!("{email}, which the provider does not vouch for"),
                VerifiedEmail::Absent => "no e-mail address".into(),
            },
            Self::Groups(_) => listed(identity.groups.as_slice(), "no groups"),
            Self::Claim { path, .. } => listed(&identity.claims.strings_at(path), "no such claim"),
            _ => identity.label().into(),
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match self {
            Self::User(matcher) | Self::Email(matcher) | Self::Domain(matcher) => write!(f, " {matcher}"),
            Self::Groups(matcher) | Self::Claim { matcher, .. } => write!(f, " {matcher}"),
            Self::ClientCertificate(matcher) => write!(f, " {matcher}"),
            Self::Accept
            | Self::Reject
            | Self::AuthenticatedUser
            | Self::CorsPreflight
            | Self::InvalidClientCertificate => Ok(()),
        }
    }
}

fn listed(values: &[String], none: &str) -> String {
    /// Enough to recognise oneself; some people are in thousands of groups.
    const MOST_SHOWN: usize = 20;
    match values.len() {
        0 => none.into(),
        few if few <= MOST_SHOWN => values.join(", "),
        many => {
            let shown: Vec<_> = values.iter().take(MOST_SHOWN).map(String::as_str).collect();
            format!("{} and {} more", shown.join(", "), many - MOST_SHOWN)
        }
    }
}

fn is_cors_preflight(facts: &Facts<'_>) -> bool {
    facts.method == Method::OPTIONS
        && facts.headers.contains_key(header::ORIGIN)
        && facts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
