//! What a criterion asks for, and what it takes for one not to hold: as words that follow "You need".

use doorward_identity::VerifiedEmail;

use super::{Asked, few, few_of, listed};
use crate::matcher::{ListMatcher, ListTest, StringMatcher, StringTest};
use crate::times::{Age, age, span_of};
use crate::{Criterion, Visitor};

/// What would make a criterion hold. None where no visitor can do anything about it.
pub(super) fn by(criterion: &Criterion, asked: Asked<'_>) -> Option<String> {
    Some(match criterion {
        // A program sends pre-flights by itself, and nobody lacks a certificate that is no good.
        Criterion::Accept | Criterion::Reject | Criterion::CorsPreflight | Criterion::InvalidClientCertificate => {
            return None;
        }
        Criterion::AuthenticatedUser => "to be signed in".into(),
        Criterion::Email(_) | Criterion::Domain(_) if is_unverified(asked) => {
            "an e-mail address that your identity provider vouches for".into()
        }
        Criterion::User(matcher) if is_list(matcher) => "an account that is on the list".into(),
        Criterion::User(_) => "another account".into(),
        Criterion::Email(matcher) => email(matcher),
        Criterion::Domain(matcher) => match listed(matcher).and_then(few) {
            Some(domains) => format!("an address at {domains}"),
            None => "an e-mail address at another domain".into(),
        },
        Criterion::Groups(matcher) => groups(matcher),
        Criterion::Claim { path, .. } => other_value("claim", path),
        Criterion::AuthenticationAge(age) => younger(*age, asked),
        Criterion::AuthenticationMethod(matcher) => match names(matcher) {
            Some(names) => format!("to sign in with {names}"),
            None => "another way of signing in".into(),
        },
        Criterion::IdentityProvider(_) => "another identity provider".into(),
        Criterion::ClientCertificate(_) => "another client certificate".into(),
        Criterion::HttpMethod(matcher) => match listed(matcher).and_then(few) {
            Some(methods) => format!("the method {methods}"),
            None => "another method".into(),
        },
        Criterion::HttpPath(matcher) => path(matcher),
        Criterion::HttpHeader { name, .. } => other_value("header", name.as_str()),
        Criterion::HttpQuery { name, .. } => other_value("query parameter", name),
        Criterion::UserAgent(_) => "another browser or program".into(),
        Criterion::SourceIp(_) => {
            format!("a request from an address that is allowed (yours is {})", asked.facts.source_ip.to_canonical())
        }
        Criterion::Websocket(true) => "a WebSocket".into(),
        Criterion::Websocket(false) => "a request that is no WebSocket".into(),
        Criterion::Date(range) => format!("a request {range}"),
        Criterion::DayOfWeek(days) => format!("a request on {days}"),
        Criterion::TimeOfDay(time) => format!("a request {time}"),
    })
}

/// What would make a criterion that holds not hold.
pub(super) fn instead_of(criterion: &Criterion, asked: Asked<'_>) -> Option<String> {
    Some(match criterion {
        Criterion::Accept | Criterion::Reject | Criterion::CorsPreflight => return None,
        Criterion::AuthenticatedUser => "to be signed out".into(),
        Criterion::InvalidClientCertificate => "a valid client certificate".into(),
        Criterion::User(_) => "another account".into(),
        Criterion::Email(_) => "another e-mail address".into(),
        Criterion::Domain(_) => "an e-mail address at another domain".into(),
        Criterion::Groups(matcher) => outside(matcher),
        Criterion::AuthenticationAge(age) => older_or_younger(*age),
        Criterion::AuthenticationMethod(_) => "another way of signing in".into(),
        Criterion::HttpMethod(_) => format!("another method than {}", short(asked.facts.method.as_str())?),
        Criterion::HttpPath(_) => "another path".into(),
        Criterion::SourceIp(_) => {
            format!("a request from another address (yours is {})", asked.facts.source_ip.to_canonical())
        }
        Criterion::Websocket(wanted) => return by(&Criterion::Websocket(!wanted), asked),
        Criterion::Date(_) => "another time".into(),
        Criterion::DayOfWeek(_) => "another day".into(),
        Criterion::TimeOfDay(_) => "another time of day".into(),
        Criterion::Claim { .. }
        | Criterion::IdentityProvider(_)
        | Criterion::ClientCertificate(_)
        | Criterion::HttpHeader { .. }
        | Criterion::HttpQuery { .. }
        | Criterion::UserAgent(_) => return by(criterion, asked),
    })
}

fn is_unverified(asked: Asked<'_>) -> bool {
    matches!(asked.visitor, Visitor::Known(identity) if matches!(identity.email, VerifiedEmail::Unverified(_)))
}

fn is_list(matcher: &StringMatcher) -> bool {
    let lists = |test: &StringTest| matches!(test, StringTest::Is(_) | StringTest::In(_) | StringTest::InPeople(_));
    matcher.tests().iter().any(lists)
}

fn email(matcher: &StringMatcher) -> String {
    let domain = match matcher.tests() {
        [StringTest::EndsWith(end)] => end.strip_prefix('@').and_then(|domain| few([domain])),
        _ => None,
    };
    match domain {
        Some(domain) => format!("an address at {domain}"),
        None if is_list(matcher) => "an e-mail address that is on the list".into(),
        None => "another e-mail address".into(),
    }
}

fn path(matcher: &StringMatcher) -> String {
    let wanted = match matcher.tests() {
        [StringTest::StartsWith(start)] => {
            few([start.as_str()]).map(|start| format!("a path that begins with {start}"))
        }
        _ => listed(matcher).and_then(few).map(|paths| format!("the path {paths}")),
    };
    wanted.unwrap_or_else(|| "another path".into())
}

/// The names a matcher of lists asks for, any one of which will do.
pub(super) fn names(matcher: &ListMatcher) -> Option<String> {
    match matcher.tests() {
        [ListTest::Has(name)] => few([name.as_str()]),
        [ListTest::HasAny(names)] => few_of(names),
        _ => None,
    }
}

fn groups(matcher: &ListMatcher) -> String {
    match matcher.tests() {
        [ListTest::Exclude(_)] => outside(matcher),
        [ListTest::HasAll(names)] => match few_of(names) {
            Some(names) => format!("to be in all of the groups {}", names.replace(" or ", " and ")),
            None => "to be in other groups".into(),
        },
        _ => match names(matcher) {
            Some(names) => format!("to be in the group {names}"),
            None => "to be in another group".into(),
        },
    }
}

fn outside(matcher: &ListMatcher) -> String {
    let name = match matcher.tests() {
        [ListTest::Exclude(name)] => few([name.as_str()]),
        _ => names(matcher),
    };
    match name {
        Some(names) => format!("not to be in the group {names}"),
        None => "not to be in one of your groups".into(),
    }
}

/// The name alone: what it has to be may be a secret, or somebody else's.
fn other_value(what: &str, name: &str) -> String {
    match few([name]) {
        Some(name) => format!("another value of the {what} {name}"),
        None => format!("another {what}"),
    }
}

fn younger(wanted: Age, asked: Asked<'_>) -> String {
    let Visitor::Known(identity) = asked.visitor else { return "to sign in".into() };
    let is = age(identity.authenticated_at, asked.facts.now);
    match (wanted.at_most, wanted.at_least) {
        (Some(most), _) if is > most => format!("to sign in again, as a sign-in may be at most {} old", span_of(most)),
        (_, Some(least)) => format!("to wait until your sign-in is {} old", span_of(least)),
        _ => "to sign in again".into(),
    }
}

fn older_or_younger(unwanted: Age) -> String {
    if unwanted.at_least.is_some() { "to sign in again".into() } else { "to wait after signing in".into() }
}

/// A word of the visitor's own.
pub(super) fn short(word: &str) -> Option<String> {
    few([word])
}
