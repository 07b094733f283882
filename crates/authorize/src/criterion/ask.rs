//! The answer to each question.

use doorward_identity::{ClaimText, Identity, Presented, VerifiedEmail};
use http::{Method, header};

use super::readings::{self, Readings};
use super::{Criterion, Outcome};
use crate::matcher::{Each, ListMatcher, StringMatcher, TextList};
use crate::{Facts, Reason, Visitor};

/// Who says whether what was found is what is wanted.
pub(crate) trait Judge {
    /// Of one text.
    fn text(&mut self, matcher: &StringMatcher, value: &str) -> bool;
    /// Of several.
    fn list(&mut self, matcher: &ListMatcher, values: &impl TextList) -> bool;
}

/// The matcher itself.
struct Itself;

impl Judge for Itself {
    fn text(&mut self, matcher: &StringMatcher, value: &str) -> bool {
        matcher.holds(value)
    }

    fn list(&mut self, matcher: &ListMatcher, values: &impl TextList) -> bool {
        matcher.holds(values)
    }
}

impl Criterion {
    pub(crate) fn evaluate(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Outcome {
        self.evaluate_by(&mut Itself, facts, visitor)
    }

    /// The same question, with somebody else to judge what a person says. Asking many criteria at once must not change
    /// what comes of a stranger, or of an address that nobody vouches for.
    pub(crate) fn evaluate_by(&self, judge: &mut impl Judge, facts: &Facts<'_>, visitor: Visitor<'_>) -> Outcome {
        match self {
            Self::Accept => Outcome::yes(Reason::Accept),
            Self::Reject => Outcome::no(Reason::Reject),
            Self::CorsPreflight => Outcome::new(is_cors_preflight(facts), Reason::CorsRequest, Reason::NonCorsRequest),
            Self::ClientCertificate(matcher) => matcher.evaluate(facts.client_certificate),
            Self::InvalidClientCertificate => match facts.client_certificate {
                Presented::Nothing => Outcome::yes(Reason::ClientCertificateRequired),
                Presented::Refused { .. } => Outcome::yes(Reason::InvalidClientCertificate),
                Presented::Accepted(_) => Outcome::no(Reason::ClientCertificateOk),
            },
            Self::HttpMethod(matcher) => {
                let read = readings::of_method(facts.method, |method| matcher.holds(method));
                outcome(read, Reason::HttpMethodOk, Reason::HttpMethodUnauthorized)
            }
            Self::HttpPath(matcher) => {
                let read = readings::of_path(facts.path, |path| matcher.holds(path));
                outcome(read, Reason::HttpPathOk, Reason::HttpPathUnauthorized)
            }
            Self::HttpHeader { name, matcher } => {
                let read = readings::of_header(facts.headers, name, |value| matcher.holds(value));
                outcome(read, Reason::HttpHeaderOk, Reason::HttpHeaderUnauthorized)
            }
            Self::HttpQuery { name, matcher } => {
                let read = readings::of_query(facts.query, name, |value| matcher.holds(value));
                outcome(read, Reason::HttpQueryOk, Reason::HttpQueryUnauthorized)
            }
            Self::UserAgent(matcher) => {
                let read = readings::of_header(facts.headers, &header::USER_AGENT, |value| matcher.holds(value));
                outcome(read, Reason::UserAgentOk, Reason::UserAgentUnauthorized)
            }
            Self::SourceIp(networks) => {
                Outcome::new(networks.contains(facts.source_ip), Reason::SourceIpOk, Reason::SourceIpUnauthorized)
            }
            Self::Websocket(wanted) => Outcome {
                held: facts.websocket == *wanted,
                ..Outcome::new(facts.websocket, Reason::WebsocketRequest, Reason::NonWebsocketRequest)
            },
            Self::Date(range) => Outcome::new(range.holds(facts.now), Reason::DateOk, Reason::DateUnauthorized),
            Self::DayOfWeek(days) => {
                Outcome::new(days.holds(facts.now), Reason::DayOfWeekOk, Reason::DayOfWeekUnauthorized)
            }
            Self::TimeOfDay(time) => {
                Outcome::new(time.holds(facts.now), Reason::TimeOfDayOk, Reason::TimeOfDayUnauthorized)
            }
            Self::AuthenticatedUser
            | Self::User(_)
            | Self::Email(_)
            | Self::Domain(_)
            | Self::Groups(_)
            | Self::Claim { .. }
            | Self::AuthenticationAge(_)
            | Self::AuthenticationMethod(_)
            | Self::IdentityProvider(_) => match visitor {
                Visitor::Anonymous => Outcome::no(Reason::UserUnauthenticated),
                Visitor::Known(identity) => self.ask(judge, identity, facts),
            },
        }
    }

    /// The criteria that are about a person, put to one.
    fn ask(&self, judge: &mut impl Judge, identity: &Identity, facts: &Facts<'_>) -> Outcome {
        match self {
            Self::AuthenticatedUser => Outcome::yes(Reason::UserOk),
            Self::User(matcher) => {
                Outcome::new(judge.text(matcher, &identity.subject.id), Reason::UserOk, Reason::UserUnauthorized)
            }
            Self::Email(matcher) => match identity.email.verified() {
                Some(email) => {
                    Outcome::new(judge.text(matcher, email.as_str()), Reason::EmailOk, Reason::EmailUnauthorized)
                }
                None => Outcome::no(without_address(identity, Reason::EmailUnauthorized)),
            },
            Self::Domain(matcher) => match identity.email.verified() {
                Some(email) => {
                    Outcome::new(judge.text(matcher, email.domain()), Reason::DomainOk, Reason::DomainUnauthorized)
                }
                None => Outcome::no(without_address(identity, Reason::DomainUnauthorized)),
            },
            Self::Groups(matcher) => {
                Outcome::new(judge.list(matcher, &identity.groups), Reason::GroupsOk, Reason::GroupsUnauthorized)
            }
            Self::Claim { path, matcher } => Outcome::new(
                judge.list(matcher, &Each(identity.claims.texts_at(path))),
                Reason::ClaimOk,
                Reason::ClaimUnauthorized,
            ),
            Self::AuthenticationAge(age) => Outcome::new(
                age.holds(identity.authenticated_at, facts.now),
                Reason::AuthenticationAgeOk,
                Reason::AuthenticationAgeUnauthorized,
            ),
            Self::AuthenticationMethod(matcher) => Outcome::new(
                judge.list(matcher, &Each(methods(identity))),
                Reason::AuthenticationMethodOk,
                Reason::AuthenticationMethodUnauthorized,
            ),
            Self::IdentityProvider(matcher) => Outcome::new(
                judge.text(matcher, &identity.subject.issuer),
                Reason::IdentityProviderOk,
                Reason::IdentityProviderUnauthorized,
            ),
            // Not about a person; `evaluate` has answered them.
            _ => Outcome::no(Reason::Reject),
        }
    }
}

fn outcome(read: Readings, yes: Reason, no: Reason) -> Outcome {
    match read {
        Readings::Agree(held) => Outcome::new(held, yes, no),
        Readings::Differ => Outcome::unclear(),
    }
}

fn without_address(identity: &Identity, absent: Reason) -> Reason {
    match identity.email {
        VerifiedEmail::Unverified(_) => Reason::EmailUnverified,
        VerifiedEmail::Verified(_) | VerifiedEmail::Absent => absent,
    }
}

/// The ways in which a person signed in, as their provider names them.
pub(super) fn methods(identity: &Identity) -> impl Iterator<Item = ClaimText<'_>> + Clone {
    identity.claims.texts_at("amr").chain(identity.claims.texts_at("acr"))
}

pub(super) fn is_cors_preflight(facts: &Facts<'_>) -> bool {
    // It asks for no other protocol either: that would hold open a way in.
    facts.method == Method::OPTIONS
        && !facts.websocket
        && facts.headers.contains_key(header::ORIGIN)
        && facts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
