//! A mark of what a person may be let in for.
//!
//! It differs when their address, groups or claims do; what differs from one token to the next does not count.

use std::collections::BTreeMap;

use doorward_identity::Identity;

use crate::record::sha256;

/// Claims about a token or the sign-in, not about the person.
const OF_THE_TOKEN: [&str; 19] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "jti",
    "nonce",
    "azp",
    "auth_time",
    "at_hash",
    "c_hash",
    "s_hash",
    "sid",
    "session_state", // as Keycloak calls `sid` as well
    "aio",
    "rh",
    "uti", // Entra ID's own notes about a token
    "rt_hash",
];

/// Never 0, which stands for a ticket that does not say.
pub(crate) fn mark(identity: &Identity) -> u64 {
    let mut groups: Vec<&str> = identity.groups.iter().collect();
    groups.sort_unstable();
    let claims: BTreeMap<_, _> = identity.claims.iter().filter(|(name, _)| !OF_THE_TOKEN.contains(name)).collect();
    // Values of our own types always have a JSON text.
    let text = serde_json::to_vec(&(&identity.email, groups, claims)).unwrap_or_default();
    let mut short = [0; 8];
    short.copy_from_slice(sha256(&text).split_at(8).0);
    u64::from_be_bytes(short).max(1)
}

#[cfg(test)]
mod tests {
    use doorward_identity::{Claims, Email, Groups, Subject, VerifiedEmail};
    use serde_json::{Value, json};
    use std::time::SystemTime;

    use super::*;

    fn person(email: &str, groups: &[&str], claims: &Value) -> Identity {
        Identity {
            subject: Subject { issuer: "https://idp.example".into(), id: "1".into() },
            email: VerifiedEmail::Verified(Email::parse(email).unwrap()),
            name: None,
            groups: Groups::new(groups.iter().map(|group| (*group).to_owned())),
            claims: Claims::new(claims.as_object().unwrap().clone()),
            authenticated_at: SystemTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn it_differs_with_the_person_and_not_with_the_token() {
        let first = person("a@example.com", &["x", "y"], &json!({ "level": 1, "iat": 1, "exp": 2, "jti": "a" }));
        let again = person("a@example.com", &["y", "x"], &json!({ "exp": 9, "level": 1, "iat": 8, "nonce": "n" }));
        assert_eq!(mark(&first), mark(&again));
        for other in [
            person("b@example.com", &["x", "y"], &json!({ "level": 1 })),
            person("a@example.com", &["x"], &json!({ "level": 1 })),
            person("a@example.com", &["x", "y"], &json!({ "level": 2 })),
            person("a@example.com", &["x", "y"], &json!({ "level": 1, "acr": "strong" })),
            person("a@example.com", &["x", "y"], &json!({})),
        ] {
            assert_ne!(mark(&first), mark(&other), "{other:?}");
        }
        assert_ne!(
            mark(&person("a@example.com", &["x,y"], &json!({}))),
            mark(&person("a@example.com", &["x", "y"], &json!({}))),
        );
    }
}
