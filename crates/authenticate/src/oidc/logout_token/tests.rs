use super::*;
use serde_json::json;

const ISSUER: &str = "https://idp.example";

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn good() -> Value {
    json!({"iss": ISSUER, "aud": "us", "iat": 1_800_000_000, "exp": 1_800_000_120, "jti": "j-1", "sub": "s-1", "sid": "p-1",
        "events": {EVENT: {}}})
}

fn check_with(change: impl FnOnce(&mut Map<String, Value>)) -> Result<LogoutToken, &'static str> {
    let mut claims = good().as_object().unwrap().clone();
    change(&mut claims);
    check(&claims, Some(ISSUER), "us", now())
}

type Change = fn(&mut Map<String, Value>);

#[test]
fn a_right_token_says_who_logs_out() {
    let token = check_with(|_| ()).unwrap();
    assert_eq!((token.subject.as_deref(), token.provider_session.as_deref()), (Some("s-1"), Some("p-1")));
    assert_eq!((token.issuer.as_str(), token.id.as_str()), (ISSUER, "j-1"));
    assert_eq!(token.fresh_until, now() + Duration::from_secs(360));
    let right: [(&str, Change); 8] = [
        ("several audiences", |claims| drop(claims.insert("aud".into(), json!(["them", "us"])))),
        ("no session", |claims| drop(claims.remove("sid"))),
        ("no person", |claims| drop(claims.remove("sub"))),
        ("no expiry, as before the specification was final", |claims| drop(claims.remove("exp"))),
        ("something in the event", |claims| drop(claims.insert("events".into(), json!({EVENT: {"a": 1}, "other": 1})))),
        ("a clock ahead", |claims| drop(claims.insert("iat".into(), json!(1_800_000_059)))),
        ("a slow delivery", |claims| drop(claims.insert("iat".into(), json!(1_799_999_641)))),
        ("just over", |claims| drop(claims.insert("exp".into(), json!(1_799_999_941)))),
    ];
    for (what, change) in right {
        check_with(change).unwrap_or_else(|why| panic!("{what}: {why}"));
    }
}

#[test]
fn every_wrong_field_alone_is_enough_to_refuse() {
    let wrong = [
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://idp.example/")),
        ("iss", json!([ISSUER])),
        ("aud", json!("them")),
        ("aud", json!(["them"])),
        ("aud", json!([])),
        ("aud", json!({"us": 1})),
        ("iat", json!(1_800_000_061)),
        ("iat", json!(1_799_999_640)),
        ("iat", json!("1800000000")),
        ("iat", json!(-1)),
        ("iat", json!(1e300)),
        ("exp", json!(1_799_999_940)),
        ("exp", json!("1900000000")),
        ("exp", json!(1e300)),
        ("exp", Value::Null),
        ("events", json!({})),
        ("events", json!([EVENT])),
        ("events", json!(EVENT)),
        ("events", json!({EVENT: null})),
        ("events", json!({EVENT: "{}"})),
        ("events", json!({EVENT: []})),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout/": {}})),
        ("nonce", json!("n")),
        ("nonce", Value::Null),
        ("sub", json!("")),
        ("sub", json!(1)),
        ("sub", json!("x".repeat(256))),
        ("sid", json!("")),
        ("sid", json!(["p-1"])),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(256))),
    ];
    for (name, value) in wrong {
        let outcome = check_with(|claims| drop(claims.insert(name.to_owned(), value.clone())));
        assert!(outcome.is_err(), "{name}: {value}");
    }
    for name in ["iss", "aud", "iat", "jti", "events"] {
        assert!(check_with(|claims| drop(claims.remove(name))).is_err(), "no {name}");
    }
    let nobody = check_with(|claims| claims.retain(|name, _| name != "sub" && name != "sid"));
    assert_eq!(nobody.unwrap_err(), "it names neither a person nor a session");
    let claims = good();
    assert!(check(claims.as_object().unwrap(), None, "us", now()).is_err(), "a token of no tenant");
}
