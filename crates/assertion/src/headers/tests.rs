use super::*;
use std::time::SystemTime;

use doorward_identity::{Claims, Groups, Identity, Subject, VerifiedEmail};

use crate::Terms;

fn told(headers: &ClaimHeaders, name: Option<&str>) -> Vec<(String, String)> {
    let claims = [("team".to_owned(), "blue".into())].into_iter().collect();
    let who = Identity {
        subject: Subject { issuer: "https://idp.test".to_owned(), id: "alice-1".to_owned() },
        email: VerifiedEmail::Absent,
        name: name.map(str::to_owned),
        groups: Groups::new(["editors".to_owned()]),
        claims: Claims::new(claims),
        authenticated_at: SystemTime::UNIX_EPOCH,
    };
    let told = headers.of(&Told { who: &who, session_id: "sid", terms: &Terms::default() });
    let mut told: Vec<_> =
        told.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    told.sort();
    told
}

fn settings(claims: &[(&'static str, &str)], pomerium_compatibility: bool) -> Assertion {
    let header = |(header, claim): &(&'static str, &str)| ClaimHeader {
        header: HeaderName::from_static(header),
        claim: (*claim).to_owned(),
    };
    Assertion { signing_key: None, claim_headers: claims.iter().map(header).collect(), pomerium_compatibility }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn the_usual_and_the_configured_are_told_and_what_is_missing_is_not() {
    let headers =
        ClaimHeaders::new(&settings(&[("x-doorward-claim-team", "team"), ("x-mail", "email"), ("x-id", "sub")], false));
    assert_eq!(
        told(&headers, None),
        pairs(&[
            ("x-doorward-claim-groups", "editors"),
            ("x-doorward-claim-sub", "alice-1"),
            ("x-doorward-claim-team", "blue"),
            ("x-id", "alice-1"),
        ])
    );
}

#[test]
fn pomeriums_names_are_told_where_they_are_asked_for() {
    let headers = ClaimHeaders::new(&settings(&[("x-doorward-claim-team", "team"), ("x-id", "sub")], true));
    assert_eq!(
        told(&headers, Some("Alice")),
        pairs(&[
            ("x-doorward-claim-groups", "editors"),
            ("x-doorward-claim-name", "Alice"),
            ("x-doorward-claim-sub", "alice-1"),
            ("x-doorward-claim-team", "blue"),
            ("x-id", "alice-1"),
            ("x-pomerium-claim-groups", "editors"),
            ("x-pomerium-claim-name", "Alice"),
            ("x-pomerium-claim-sub", "alice-1"),
            ("x-pomerium-claim-team", "blue"),
        ])
    );
}

#[test]
fn a_header_tells_one_claim() {
    let headers = ClaimHeaders::new(&settings(&[("x-doorward-claim-name", "team")], false));
    let told = told(&headers, Some("Alice"));
    assert!(told.contains(&("x-doorward-claim-name".to_owned(), "blue".to_owned())), "{told:?}");
    assert!(!told.iter().any(|(_, value)| value == "Alice"));
}

#[test]
fn a_visitor_cannot_use_the_names_in_any_spelling() {
    let headers = ClaimHeaders::new(&settings(&[("x-mail-of-user", "email")], false));
    let mut request = HeaderMap::new();
    for name in ["x-mail-of-user", "X_Mail_Of_User", "x-mail.of_user", "x-mail", "accept"] {
        request.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("ceo@example.com"));
        request.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("again"));
    }
    headers.strip(&mut request);
    let mut left: Vec<_> = request.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["accept", "x-mail"]);
}
