//! Whom a deny rule turns away, told to the one it did: as words that follow "A rule turns away".

use doorward_identity::Email;

use super::wanted::{names, short};
use super::{Asked, criteria};
use crate::explain::RuleExplanation;
use crate::{Criterion, Operator, Rule, Visitor};

/// What made this rule hold: what it has in common with everybody the rule is about.
pub(super) fn by(rule: &Rule, told: &RuleExplanation, asked: Asked<'_>) -> Option<String> {
    let inverted = matches!(rule.operator, Operator::Not | Operator::Nor);
    let culprits = criteria(rule, told).filter(|(_, told)| told.unclear || told.held != inverted);
    let mut whats = culprits.map(|(criterion, told)| {
        if told.unclear {
            "requests that can be read in several ways".to_owned()
        } else {
            what(criterion, told.held, asked)
        }
    });
    match rule.operator {
        Operator::Or | Operator::Nor => whats.next(),
        Operator::And | Operator::Not => {
            let whats: Vec<_> = whats.collect();
            (!whats.is_empty()).then(|| whats.join(", combined with "))
        }
    }
}

/// Of what the visitor is or sent, what this criterion looks at.
fn what(criterion: &Criterion, held: bool, asked: Asked<'_>) -> String {
    match criterion {
        Criterion::Accept | Criterion::Reject => "everybody".into(),
        Criterion::AuthenticatedUser if held => "everybody who is signed in".into(),
        Criterion::AuthenticatedUser => "everybody who is not signed in".into(),
        Criterion::User(_) => "your account".into(),
        Criterion::Email(_) => "your e-mail address".into(),
        Criterion::Domain(_) => match domain(asked) {
            Some(domain) => format!("addresses at your domain ({domain})"),
            None => "your e-mail address".into(),
        },
        Criterion::Groups(matcher) => match (names(matcher), held) {
            (Some(names), true) => format!("members of the group {names}"),
            (Some(names), false) => format!("everybody who is not in the group {names}"),
            (None, _) => "people in the groups you are in".into(),
        },
        Criterion::Claim { path, .. } => your_value("claim", path),
        Criterion::AuthenticationAge(age) if age.at_least.is_some() == held => {
            "sign-ins as long ago as yours (sign in again)".into()
        }
        Criterion::AuthenticationAge(_) => "sign-ins as recent as yours".into(),
        Criterion::AuthenticationMethod(_) => "your way of signing in".into(),
        Criterion::IdentityProvider(_) => "people of your identity provider".into(),
        Criterion::ClientCertificate(_) | Criterion::InvalidClientCertificate => "your client certificate".into(),
        Criterion::CorsPreflight if held => "CORS pre-flight requests".into(),
        Criterion::CorsPreflight => "requests that are no CORS pre-flight".into(),
        Criterion::HttpMethod(_) => match short(asked.facts.method.as_str()) {
            Some(method) => format!("requests with the method {method}"),
            None => "requests with this method".into(),
        },
        // The visitor sees it, and a link of somebody else's may have put anything into it.
        Criterion::HttpPath(_) => "requests for this path".into(),
        Criterion::HttpHeader { name, .. } => your_value("header", name.as_str()),
        Criterion::HttpQuery { name, .. } => your_value("query parameter", name),
        Criterion::UserAgent(_) => "your browser or program".into(),
        Criterion::SourceIp(_) => {
            format!("requests from your address ({})", asked.facts.source_ip.to_canonical())
        }
        Criterion::Websocket(_) if asked.facts.websocket => "WebSockets".into(),
        Criterion::Websocket(_) => "requests that are no WebSocket".into(),
        Criterion::Date(_) => "requests at this time".into(),
        Criterion::DayOfWeek(_) => "requests on this day".into(),
        Criterion::TimeOfDay(_) => "requests at this time of day".into(),
    }
}

fn domain(asked: Asked<'_>) -> Option<String> {
    let Visitor::Known(identity) = asked.visitor else { return None };
    identity.email.verified().map(Email::domain).and_then(short)
}

fn your_value(what: &str, name: &str) -> String {
    match short(name) {
        Some(name) => format!("your value of the {what} {name}"),
        None => format!("your value of a {what}"),
    }
}
