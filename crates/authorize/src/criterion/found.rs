//! What a criterion found, in words: for explanations only.

use doorward_identity::{Identity, VerifiedEmail};
use http::{HeaderName, header};

use super::ask::{is_cors_preflight, methods};
use super::{Criterion, readings};
use crate::times::{age, span_of};
use crate::{Facts, Visitor, certificate};

/// Stands for a value that may be a secret, because it is compared with one.
const NOT_SHOWN: &str = "a value (not shown)";

impl Criterion {
    pub(crate) fn found(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> String {
        match self {
            Self::Accept | Self::Reject => String::new(),
            Self::CorsPreflight if is_cors_preflight(facts) => "a CORS pre-flight".into(),
            Self::CorsPreflight => format!("{}, no CORS pre-flight", facts.method),
            Self::ClientCertificate(_) | Self::InvalidClientCertificate => certificate::found(facts.client_certificate),
            Self::HttpMethod(_) => facts.method.to_string(),
            Self::HttpPath(_) => facts.path.readings().collect::<Vec<_>>().join(", which some read as "),
            Self::HttpHeader { name, matcher } if matcher.is_secret() && facts.headers.contains_key(name) => {
                NOT_SHOWN.into()
            }
            Self::HttpHeader { name, .. } => header_lines(facts, name),
            Self::UserAgent(_) => header_lines(facts, &header::USER_AGENT),
            Self::HttpQuery { name, matcher } => match readings::values_of_query(facts.query, name) {
                values if matcher.is_secret() && !values.is_empty() => NOT_SHOWN.into(),
                values => listed(&values, "no such parameter"),
            },
            Self::SourceIp(_) => facts.source_ip.to_canonical().to_string(),
            Self::Websocket(_) => if facts.websocket { "a WebSocket" } else { "no WebSocket" }.into(),
            Self::Date(_) => jiff::Timestamp::try_from(facts.now).map_or_else(|_| String::new(), |now| now.to_string()),
            Self::DayOfWeek(days) => days.found(facts.now),
            Self::TimeOfDay(time) => time.found(facts.now),
            Self::AuthenticatedUser
            | Self::User(_)
            | Self::Email(_)
            | Self::Domain(_)
            | Self::Groups(_)
            | Self::Claim { .. }
            | Self::AuthenticationAge(_)
            | Self::AuthenticationMethod(_)
            | Self::IdentityProvider(_) => match visitor {
                Visitor::Anonymous => "nobody signed in".into(),
                Visitor::Known(identity) => self.found_of(identity, facts),
            },
        }
    }

    fn found_of(&self, identity: &Identity, facts: &Facts<'_>) -> String {
        match self {
            Self::User(_) if identity.subject.id.is_empty() => "no user id".into(),
            Self::User(_) => identity.subject.id.clone(),
            Self::Email(_) | Self::Domain(_) => match &identity.email {
                VerifiedEmail::Verified(email) if matches!(self, Self::Domain(_)) => email.domain().into(),
                VerifiedEmail::Verified(email) => email.to_string(),
                VerifiedEmail::Unverified(email) => format!("{email}, which the provider does not vouch for"),
                VerifiedEmail::Absent => "no e-mail address".into(),
            },
            Self::Groups(_) => listed(identity.groups.as_slice(), "no groups"),
            Self::Claim { path, .. } => listed(&identity.claims.strings_at(path), "no such claim"),
            Self::AuthenticationAge(_) => {
                format!("signed in {} ago", span_of(age(identity.authenticated_at, facts.now)))
            }
            Self::AuthenticationMethod(_) => {
                let methods: Vec<_> = methods(identity).map(|method| method.as_ref().to_owned()).collect();
                listed(&methods, "the provider does not say how")
            }
            Self::IdentityProvider(_) => identity.subject.issuer.clone(),
            _ => identity.label().into(),
        }
    }
}

fn header_lines(facts: &Facts<'_>, name: &HeaderName) -> String {
    let lines = facts.headers.get_all(name).iter();
    let lines: Vec<_> = lines.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    listed(&lines, "no such header")
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
