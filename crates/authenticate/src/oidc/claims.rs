//! From what a provider said to an identity.
//!
//! Refuses: a userinfo answer about somebody else, and passing an address the provider does not vouch for as
//! verified.

use std::time::{Duration, SystemTime};

use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use serde_json::{Map, Value};

use crate::AuthenticateError;
use crate::shorten::shorten;

/// The claims of the ID token that a userinfo answer can neither change nor add: who, by whom, for whom, when, and how
/// they signed in. Policies ask for the last two, and only the token is signed for this sign-in.
const PROTOCOL: [&str; 16] = [
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
    "sid",
    "tid",
    "amr",
    "acr",
];

/// How far ahead of ours a provider's clock may be.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5 * 60);

/// The claims of both, those of the userinfo endpoint before those of the ID token.
///
/// # Errors
/// [`AuthenticateError::Untrusted`] when the two are not about the same subject (OpenID Connect Core §5.3.2).
pub(crate) fn merge(
    mut claims: Map<String, Value>,
    userinfo: Map<String, Value>,
) -> Result<Map<String, Value>, AuthenticateError> {
    let subject = claims.get("sub").and_then(Value::as_str);
    if subject.is_none() || userinfo.get("sub").and_then(Value::as_str) != subject {
        return Err(AuthenticateError::Untrusted("its userinfo answer is about somebody else".into()));
    }
    // A word about the token's address says nothing about another one.
    let other_address = userinfo.contains_key("email") && userinfo.get("email") != claims.get("email");
    if other_address && claims.get("email_verified").is_some_and(is_true) {
        claims.remove("email_verified");
    }
    for (name, value) in userinfo {
        if !PROTOCOL.contains(&name.as_str()) {
            claims.insert(name, value);
        }
    }
    Ok(claims)
}

/// What has to be known of a provider to read its claims.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conventions<'a> {
    /// The claim that lists groups, by its name or as a path.
    pub(crate) groups_claim: &'a str,
    /// Whether anybody can make an account with any address there, so that only an explicit `email_verified` counts.
    pub(crate) anybodys: bool,
}

/// The identity that verified claims describe.
///
/// # Errors
/// [`AuthenticateError::Untrusted`] when there is no usable subject.
pub(crate) fn identity(
    issuer: &str,
    mut claims: Map<String, Value>,
    conventions: Conventions<'_>,
    now: SystemTime,
) -> Result<Identity, AuthenticateError> {
    let id = match claims.get("sub").and_then(Value::as_str) {
        // The length is OpenID Connect Core's §2.
        Some(id) if !id.is_empty() && id.len() <= 255 => id.to_owned(),
        _ => return Err(AuthenticateError::Untrusted("its ID token has no usable `sub`".into())),
    };
    let authenticated_at = authenticated_at(claims.get("auth_time"), now);
    // They bound the token to its sign-in, and say nothing of the person.
    claims.retain(|name, _| !matches!(name.as_str(), "nonce" | "at_hash" | "c_hash"));
    let email = email(&claims, conventions.anybodys);
    let name = name(&claims);
    let claims = Claims::new(claims);
    Ok(Identity {
        subject: Subject { issuer: issuer.to_owned(), id },
        email,
        name,
        groups: Groups::new(groups(claims.at_path(conventions.groups_claim))),
        claims,
        authenticated_at,
    })
}

fn email(claims: &Map<String, Value>, anybodys: bool) -> VerifiedEmail {
    let Some(email) = claims.get("email").and_then(Value::as_str).and_then(|text| Email::parse(text).ok()) else {
        return VerifiedEmail::Absent;
    };
    let verified = match claims.get("email_verified") {
        None | Some(Value::Null) => !anybodys,
        Some(said) => is_true(said),
    };
    if verified { VerifiedEmail::Verified(email) } else { VerifiedEmail::Unverified(email) }
}

/// When the person really signed in. A provider that does not say leaves it at now; what it says and cannot be is so long
/// ago that no rule takes it for fresh.
fn authenticated_at(said: Option<&Value>, now: SystemTime) -> SystemTime {
    let Some(said) = said.filter(|said| !said.is_null()) else { return now };
    said.as_f64()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
        .filter(|time| time.duration_since(now).is_ok_and(|ahead| ahead <= CLOCKS_DIFFER) || *time <= now)
        .map_or(SystemTime::UNIX_EPOCH, |time| time.min(now))
}

/// Some providers write their booleans as texts.
fn is_true(said: &Value) -> bool {
    match said {
        Value::Bool(yes) => *yes,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn name(claims: &Map<String, Value>) -> Option<String> {
    let text =
        |name: &str| claims.get(name).and_then(Value::as_str).map(shorten).filter(|text| !text.trim().is_empty());
    text("name")
        .or_else(|| match (text("given_name"), text("family_name")) {
            (Some(given), Some(family)) => Some(format!("{given} {family}")),
            (given, family) => given.or(family),
        })
        .or_else(|| text("preferred_username"))
        .or_else(|| text("nickname"))
}

/// The claim that lists groups: a list of texts, or one text with its parts set apart by `;` or `,`.
fn groups(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(text)) => {
            text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    fn identity_of(value: Value, anybodys: bool) -> Identity {
        let mut claims = map(json!({"sub": "s"}));
        claims.extend(map(value));
        let conventions = Conventions { groups_claim: "groups", anybodys };
        identity("https://idp.example", claims, conventions, now()).unwrap()
    }

    const ANYBODYS: Conventions<'static> = Conventions { groups_claim: "groups", anybodys: true };

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[test]
    fn an_address_is_verified_unless_the_provider_says_otherwise() {
        for (verified, expected, from_anybodys) in [
            (json!({}), true, false),
            (json!({"email_verified": null}), true, false),
            (json!({"email_verified": true}), true, true),
            (json!({"email_verified": "true"}), true, true),
            (json!({"email_verified": "True"}), true, true),
            (json!({"email_verified": false}), false, false),
            (json!({"email_verified": "false"}), false, false),
            (json!({"email_verified": "FALSE"}), false, false),
            (json!({"email_verified": ""}), false, false),
            (json!({"email_verified": "yes"}), false, false),
            (json!({"email_verified": 1}), false, false),
            (json!({"email_verified": 0}), false, false),
            (json!({"email_verified": [true]}), false, false),
        ] {
            let mut claims = map(verified);
            claims.insert("email".into(), json!("A@Example.com"));
            let claims = Value::Object(claims);
            for (anybodys, expected) in [(false, expected), (true, from_anybodys)] {
                let identity = identity_of(claims.clone(), anybodys);
                assert_eq!(identity.email.verified().is_some(), expected, "{claims} {anybodys}");
                assert_eq!(identity.email.for_display().unwrap().as_str(), "a@example.com");
            }
        }
        for odd in [json!({}), json!({"email": 1}), json!({"email": "no address"}), json!({"email": ["a@b.test"]})] {
            assert_eq!(identity_of(odd, false).email, VerifiedEmail::Absent);
        }
    }

    #[test]
    fn groups_come_as_a_list_or_as_text() {
        for (groups, expected) in [
            (json!(["a", "b", "a"]), &["a", "b"][..]),
            (json!(["a,b", "c;d"]), &["a,b", "c;d"]),
            (json!("a; b ,c,,"), &["a", "b", "c"]),
            (json!(["a", 1, null, {"x": 1}]), &["a"]),
            (json!({"a": 1}), &[]),
            (json!(null), &[]),
        ] {
            assert_eq!(identity_of(json!({"groups": groups}), false).groups.as_slice(), expected);
        }
    }

    #[test]
    fn groups_come_from_the_claim_that_is_named() {
        let claims = json!({
            "sub": "s",
            "groups": ["plain"],
            "realm_access": {"roles": ["a", "b"]},
            "https://x.test/roles": "c;d",
            "deep": {"er": {"groups": "e"}},
        });
        for (groups_claim, expected) in [
            ("groups", &["plain"][..]),
            ("realm_access/roles", &["a", "b"]),
            ("realm_access.roles", &["a", "b"]),
            ("https://x.test/roles", &["c", "d"]),
            ("deep/er/groups", &["e"]),
            ("realm_access", &[]),
            ("nothing/here", &[]),
        ] {
            let conventions = Conventions { groups_claim, anybodys: false };
            let groups = identity("i", map(claims.clone()), conventions, now()).unwrap().groups;
            assert_eq!(groups.as_slice(), expected, "{groups_claim}");
        }
    }

    #[test]
    fn a_userinfo_answer_cannot_say_how_or_when_somebody_signed_in() {
        let forged =
            json!({"sub": "s", "amr": ["hwk", "mfa"], "acr": "phr", "auth_time": 1_799_999_999, "groups": ["g"]});
        for token in [json!({"sub": "s"}), json!({"sub": "s", "amr": ["pwd"], "acr": "0", "auth_time": 1_700_000_000})]
        {
            let merged = merge(map(token.clone()), map(forged.clone())).unwrap();
            for claim in ["amr", "acr", "auth_time"] {
                assert_eq!(merged.get(claim), token.get(claim), "{claim}");
            }
            let identity = identity("i", merged, ANYBODYS, now()).unwrap();
            assert_eq!(identity.claims.get("amr"), token.get("amr"));
            assert_eq!(identity.groups.as_slice(), ["g"], "groups may come from there");
        }
    }

    #[test]
    fn a_name_is_found_where_there_is_one() {
        for (claims, expected) in [
            (json!({"name": "Amina Diallo", "nickname": "x"}), Some("Amina Diallo")),
            (json!({"given_name": "Amina", "family_name": "Diallo"}), Some("Amina Diallo")),
            (json!({"name": " ", "preferred_username": "amina"}), Some("amina")),
            (json!({"name": "a\r\nb"}), Some("ab")),
            (json!({"name": 7}), None),
        ] {
            assert_eq!(identity_of(claims, false).name.as_deref(), expected);
        }
    }

    #[test]
    fn userinfo_adds_and_replaces_but_never_who_or_when() {
        let token = map(json!({"sub": "s", "iss": "i", "aud": "a", "exp": 1, "nonce": "n", "email": "old@x.test"}));
        let info = map(
            json!({"sub": "s", "iss": "evil", "aud": "b", "exp": 9, "nonce": "m", "email": "new@x.test", "groups": ["g"]}),
        );
        let merged = merge(token, info).unwrap();
        assert_eq!(
            Value::Object(merged),
            json!({"sub": "s", "iss": "i", "aud": "a", "exp": 1, "nonce": "n", "email": "new@x.test", "groups": ["g"]})
        );
    }

    #[test]
    fn a_word_about_one_address_is_not_passed_on_to_another() {
        let merged = |token: Value, info: Value| {
            let merged = merge(map(token), map(info)).unwrap();
            identity("i", merged, ANYBODYS, now()).unwrap().email.verified().cloned()
        };
        let token = json!({"sub": "s", "email": "a@x.test", "email_verified": true});
        assert!(merged(token.clone(), json!({"sub": "s", "email": "b@x.test"})).is_none());
        assert!(merged(token.clone(), json!({"sub": "s", "email": "a@x.test"})).is_some());
        assert!(merged(token, json!({"sub": "s"})).is_some());
    }

    #[test]
    fn userinfo_about_somebody_else_is_refused() {
        for info in [json!({"sub": "t"}), json!({}), json!({"sub": 1}), json!({"sub": "S"}), json!({"sub": ["s"]})] {
            assert!(merge(map(json!({"sub": "s"})), map(info)).is_err());
        }
        assert!(merge(Map::new(), Map::new()).is_err(), "two without a subject do not agree");
    }

    #[test]
    fn a_subject_is_needed_and_bounded() {
        for claims in [json!({}), json!({"sub": ""}), json!({"sub": 5}), json!({"sub": "x".repeat(256)})] {
            assert!(identity("i", map(claims), ANYBODYS, now()).is_err());
        }
    }

    #[test]
    fn the_time_of_the_sign_in_is_the_providers_and_never_fresh_when_it_cannot_be() {
        let at = |claims| identity_of(claims, false).authenticated_at;
        assert_eq!(
            at(json!({"auth_time": 1_700_000_000})),
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
        );
        assert_eq!(at(json!({"auth_time": 1.7e9})), SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        assert_eq!(at(json!({"auth_time": 1_800_000_060})), now(), "clocks differ");
        for absent in [json!({}), json!({"auth_time": null})] {
            assert_eq!(at(absent), now());
        }
        for wrong in [json!(1_900_000_000), json!(-1), json!(u64::MAX), json!("1700000000"), json!([1_700_000_000])] {
            assert_eq!(at(json!({ "auth_time": wrong })), SystemTime::UNIX_EPOCH);
        }
    }
}
