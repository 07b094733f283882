//! What a Kubernetes API server is told: that it is Doorward who asks, and for whom.
//!
//! Refuses to ask for anybody it cannot name: then the token is not sent either. Refuses names and groups that are the
//! cluster's own (`system:`), which no identity provider may hand out, and those a header would not carry whole. Refuses a
//! provider's name for somebody that looks like an e-mail address: where people choose it, it is somebody else's.

use doorward_assertion::Told;
use doorward_hygiene::headers::strip_impersonation;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// How names begin that only the cluster gives.
const THE_CLUSTERS: &str = "system:";

/// Why somebody who is signed in has no name there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Nameless {
    #[error("their e-mail address is not verified, and the provider's own name for them looks like one")]
    Address,
    #[error("their name is one of the cluster's own, or none that a header carries whole")]
    Unfit,
}

/// Sets the token and the visitor's name and groups, in place of whatever the visitor has sent of the kind.
///
/// # Errors
/// When somebody is signed in who cannot be named; then nothing is set, and what the visitor has sent is gone all the same.
pub(super) fn impersonate(
    headers: &mut HeaderMap,
    authorization: &HeaderValue,
    visitor: Option<Told<'_>>,
) -> Result<(), Nameless> {
    headers.remove(AUTHORIZATION);
    strip_impersonation(headers);
    let Some(visitor) = visitor else { return Ok(()) };
    let email = visitor.who.email.verified().map(doorward_identity::Email::as_str);
    let subject = visitor.who.subject.id.as_str();
    if email.is_none() && subject.contains('@') {
        return Err(Nameless::Address);
    }
    let user = carried(email.unwrap_or(subject)).ok_or(Nameless::Unfit)?;
    headers.insert(AUTHORIZATION, authorization.clone());
    headers.insert(USER, user);
    for group in visitor.terms.groups(&visitor.who.groups).filter_map(carried) {
        headers.append(GROUP, group);
    }
    Ok(())
}

/// A name as a header says it, if whoever reads that reads the same name: space around it would be cut off.
fn carried(name: &str) -> Option<HeaderValue> {
    if name.is_empty() || name.trim() != name || name.starts_with(THE_CLUSTERS) {
        return None;
    }
    HeaderValue::from_bytes(name.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_whole_or_not_at_all() {
        for name in ["alice@example.com", "dev ops", "Entwickler, Köln", "oidc:system:masters", "a"] {
            assert_eq!(carried(name).unwrap().as_bytes(), name.as_bytes(), "{name}");
        }
        for name in ["", " ", "system:masters", " system:masters", "system:masters\t", "a\r\nb", "a\nb", "\u{7f}", "a "]
        {
            assert_eq!(carried(name), None, "{name:?}");
        }
    }
}
