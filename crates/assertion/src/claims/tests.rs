use super::*;
use std::sync::Arc;
use std::time::SystemTime;

use doorward_config::IssuerFormat;
use doorward_identity::{Claims, Groups, Subject, VerifiedEmail};
use serde_json::json;

fn who(claims: Value) -> Identity {
    let Value::Object(claims) = claims else { panic!("an object") };
    Identity {
        subject: Subject { issuer: "https://idp.test".to_owned(), id: "alice-1".to_owned() },
        email: VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap()),
        name: Some("Doe, Alice".to_owned()),
        groups: Groups::new(["editors", "a,b", "50%"].map(str::to_owned)),
        claims: Claims::new(claims),
        authenticated_at: SystemTime::UNIX_EPOCH,
    }
}

fn text(who: &Identity, claim: &str) -> Option<String> {
    Told { who, session_id: "sid-1", terms: &Terms::default() }.text(claim)
}

#[test]
fn lists_are_joined_and_nothing_in_them_is_split() {
    let who = who(json!({
        "roles": ["admin", "a,admin", "x\r\ny", null, 7, true, "100%", {"b": [1, 2]}],
        "one": "a,admin", "number": 3, "yes": true, "object": {"k": "v,w"}, "nested": {"inner": ["x"]},
    }));
    for (claim, expected) in [
        ("roles", "admin,a%2Cadmin,x%0D%0Ay,7,true,100%25,{\"b\":[1%2C2]}"),
        // What may be a list elsewhere is not one here either.
        ("one", "a%2Cadmin"),
        ("number", "3"),
        ("yes", "true"),
        ("object", "{\"k\":\"v%2Cw\"}"),
        ("nested.inner", "x"),
        ("nested/inner", "x"),
        ("groups", "editors,a%2Cb,50%25"),
        ("name", "Doe, Alice"),
        ("sub", "alice-1"),
        ("user", "alice-1"),
        ("sid", "sid-1"),
        ("email", "alice@example.com"),
    ] {
        assert_eq!(text(&who, claim).as_deref(), Some(expected), "{claim}");
    }
}

#[test]
fn what_was_not_said_or_is_too_long_is_nothing() {
    let long = "x".repeat(LONGEST);
    let who =
        who(json!({"null": null, "none": [], "empty": "", "nulls": [null], "long": long, "longer": format!("{long}x"),
        "many": vec!["abcdefgh"; 1024]}));
    for claim in ["null", "none", "empty", "nulls", "longer", "many", "missing", "long.x", ""] {
        assert_eq!(text(&who, claim), None, "{claim}");
    }
    assert_eq!(text(&who, "long"), Some(long));
}

#[test]
fn an_address_nobody_vouches_for_is_not_told_under_any_name() {
    let mut who =
        who(json!({"email": "ceo@example.com", "groups": ["ceo"], "sub": "ceo", "name": "Ceo", "user": "ceo"}));
    who.email = VerifiedEmail::Unverified(Email::parse("ceo@example.com").unwrap());
    assert_eq!(text(&who, "email"), None);
    // Nor does what a provider says elsewhere stand in for what we made sure of.
    for claim in ["groups", "sub", "name", "user"] {
        assert!(!text(&who, claim).unwrap().to_lowercase().contains("ceo"), "{claim}");
    }
}

#[test]
fn groups_that_are_not_to_be_told_are_not() {
    let who = who(json!({}));
    let terms = Terms::new(IssuerFormat::HostOnly, Some(Arc::from(["editors".to_owned()])));
    assert_eq!(Told { who: &who, session_id: "", terms: &terms }.text("groups").as_deref(), Some("editors"));
    let none = Terms::new(IssuerFormat::HostOnly, Some(Arc::from(["others".to_owned()])));
    assert_eq!(Told { who: &who, session_id: "", terms: &none }.text("groups"), None);
}
