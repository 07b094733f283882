//! ID tokens that prove nothing (OpenID Connect Core §3.1.3.7).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::{assert_each_is_refused, assert_nobody_gets_in};
use crate::harness::browser::Browser;
use crate::harness::hostile_provider::{CLIENT_ID, Fault};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};

fn seconds_from_now(offset: i64) -> serde_json::Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!(i64::try_from(now).unwrap() + offset)
}

#[tokio::test]
async fn what_the_token_says_has_to_fit() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let issuer = scene.provider.issuer();
    let faults = vec![
        ("another issuer", Fault::Claim("iss", json!("https://evil.example"))),
        ("the issuer with a slash", Fault::Claim("iss", json!(format!("{issuer}/")))),
        ("no issuer", Fault::NoClaim("iss")),
        ("no subject", Fault::NoClaim("sub")),
        ("an empty subject", Fault::Claim("sub", json!(""))),
        ("a subject that is a number", Fault::Claim("sub", json!(7))),
        ("another audience", Fault::Claim("aud", json!("somebody-else"))),
        ("no audience", Fault::NoClaim("aud")),
        ("an empty list of audiences", Fault::Claim("aud", json!([]))),
        ("another one beside us", Fault::Claim("aud", json!([CLIENT_ID, "somebody-else"]))),
        ("issued to another party", Fault::Claim("azp", json!("somebody-else"))),
        ("expired", Fault::Claim("exp", seconds_from_now(-3600))),
        ("no expiry", Fault::NoClaim("exp")),
        ("an expiry that is text", Fault::Claim("exp", json!("never"))),
        ("issued tomorrow", Fault::Claim("iat", seconds_from_now(86_400))),
        ("no time of issue", Fault::NoClaim("iat")),
        ("not valid before tomorrow", Fault::Claim("nbf", seconds_from_now(86_400))),
        ("another nonce", Fault::Claim("nonce", json!("replayed"))),
        ("no nonce", Fault::NoClaim("nonce")),
        ("the hash of another access token", Fault::Claim("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))),
        ("no ID token at all", Fault::NoIdToken),
    ];
    assert_each_is_refused(&mut scene, faults).await;
}

#[tokio::test]
async fn the_signature_has_to_be_the_providers() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let faults = vec![
        ("no signature", Fault::Unsigned),
        ("HMAC with the public key", Fault::SignedWithPublicKey),
        ("another key under a known name", Fault::ForeignKey),
        ("a key the token brings along", Fault::KeyInHeader),
        ("claims changed after signing", Fault::Tampered),
        ("a key nobody published", Fault::UnknownKey),
    ];
    assert_each_is_refused(&mut scene, faults).await;
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_hammer_the_provider() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    scene.door.signed_in("app").await;
    let before = scene.provider.requests("/jwks").len();
    assert!(before <= 2, "fetched {before} times for one sign-in");
    scene.provider.fault(Fault::UnknownKey);
    for _ in 0..8 {
        assert_nobody_gets_in(&mut scene, "a key nobody published").await;
    }
    let fetched = scene.provider.requests("/jwks").len() - before;
    assert!(fetched <= 2, "eight unknown keys made us fetch the keys {fetched} times");
}

#[tokio::test]
async fn keys_are_fetched_again_when_the_provider_changes_them() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    scene.door.signed_in("app").await;
    scene.provider.rotate_keys();
    scene.door.signed_in("app").await;
    let fetched = scene.provider.requests("/jwks").len();
    for _ in 0..5 {
        scene.door.signed_in("app").await;
    }
    // A reload for a file that was young at the start asks the provider anew, once.
    let again = scene.provider.requests("/jwks").len() - fetched;
    assert!(again <= 1, "the keys are not remembered: fetched {again} times more");
}

#[tokio::test]
async fn what_the_standard_leaves_open_is_taken() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    for (what, fault) in [
        ("no at_hash", Fault::NoClaim("at_hash")),
        ("a list with us alone", Fault::Claim("aud", json!([CLIENT_ID]))),
        ("issued to us", Fault::Claim("azp", json!(CLIENT_ID))),
        ("a clock that is half a minute ahead", Fault::Claim("iat", seconds_from_now(30))),
        ("claims nobody knows", Fault::Claim("urn:example:x", json!({ "deep": [1, { "er": null }] }))),
    ] {
        scene.provider.fault(fault);
        let mut browser = Browser::new();
        let answer = browser.visit(&scene.url("app", "/")).await;
        assert_eq!(answer.status, 200, "{what}:\n{}{}", browser.trail_as_text(), answer.text());
    }
}
