//! Everything a provider, or somebody between, may answer that must sign nobody in.

use std::sync::Arc;

use http::StatusCode;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Map, Value, json};

use crate::door::{Browser, CODE, Door};
use crate::provider::{CLIENT_ID, CLIENT_SECRET, Key, Provider, by_hand, seconds};

/// A sign-in against a provider that `spoil` has spoilt after discovery; it has to fail with a page.
async fn refused(what: &str, spoil: impl FnOnce(&Provider)) {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    assert_eq!(Browser::default().visit(&door, Some(&provider), CODE).await.status(), 200, "{what}: before");
    let good = provider.set().signing.clone();
    spoil(&provider);
    let mut browser = Browser::default();
    let answer = browser.visit(&door, Some(&provider), &format!("{CODE}/x")).await;
    assert!(answer.status().is_client_error() || answer.status().is_server_error(), "{what}: {}", answer.text());
    assert!(answer.text().contains("Try again"), "{what}: no way on");
    assert!(browser.ticket("auth.example.com").is_none(), "{what}: a session began");
    assert!(browser.cookies("auth.example.com", "attempt").is_empty(), "{what}: the attempt can be used again");
    assert_eq!(answer.url.host_str(), Some("auth.example.com"));
    // It was the spoiling: without it the same browser gets in.
    {
        let mut behaviour = provider.set();
        (behaviour.spoil, behaviour.forge, behaviour.token_answer) = (None, None, None);
        behaviour.signing = good;
    }
    let answer = browser.visit(&door, Some(&provider), &format!("{CODE}/x")).await;
    assert_eq!(answer.status(), 200, "{what}: afterwards: {}", answer.text());
}

fn claims(change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static) -> impl FnOnce(&Provider) {
    move |provider| provider.set().spoil = Some(Arc::new(move |claims, _| change(claims)))
}

fn header(change: impl Fn(&mut Header) + Send + Sync + 'static) -> impl FnOnce(&Provider) {
    move |provider| provider.set().spoil = Some(Arc::new(move |_, header| change(header)))
}

fn claim(name: &'static str, value: Value) -> impl FnOnce(&Provider) {
    claims(move |claims| drop(claims.insert(name.to_owned(), value.clone())))
}

fn without(name: &'static str) -> impl FnOnce(&Provider) {
    claims(move |claims| drop(claims.remove(name)))
}

#[tokio::test]
async fn claims_that_do_not_fit_are_refused() {
    refused("issuer", claim("iss", json!("https://evil.example"))).await;
    refused(
        "issuer with a slash",
        claims(|claims| claims["iss"] = json!(format!("{}/", claims["iss"].as_str().unwrap()))),
    )
    .await;
    refused("no issuer", without("iss")).await;
    refused("audience", claim("aud", json!("another client"))).await;
    refused("audience list", claim("aud", json!(["another client"]))).await;
    refused("no audience", without("aud")).await;
    refused("empty audience", claim("aud", json!([]))).await;
    refused("several audiences without a party", claim("aud", json!([CLIENT_ID, "another"]))).await;
    refused("another party", claim("azp", json!("another client"))).await;
    refused(
        "several audiences, another party",
        claims(|claims| {
            claims.insert("aud".into(), json!([CLIENT_ID, "another"]));
            claims.insert("azp".into(), json!("another"));
        }),
    )
    .await;
    refused("expired", claim("exp", seconds(-120))).await;
    refused("no expiry", without("exp")).await;
    refused("expiry as text", claim("exp", json!("tomorrow"))).await;
    refused("issued in the future", claim("iat", seconds(600))).await;
    refused("no time of issue", without("iat")).await;
    refused("not valid yet", claim("nbf", seconds(600))).await;
    refused("nonsense instead of nbf", claim("nbf", json!("soon"))).await;
    refused("another nonce", claim("nonce", json!("another"))).await;
    refused("no nonce", without("nonce")).await;
    refused("no subject", without("sub")).await;
    refused("empty subject", claim("sub", json!(""))).await;
    refused("subject as number", claim("sub", json!(7))).await;
    refused("endless subject", claim("sub", json!("s".repeat(300)))).await;
    refused("hash of another access token", claim("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))).await;
}

#[tokio::test]
async fn several_audiences_with_us_as_party_are_fine() {
    let provider = Provider::start().await;
    provider.set().claims.insert("aud".into(), json!([CLIENT_ID, "another"]));
    provider.set().claims.insert("azp".into(), json!(CLIENT_ID));
    assert_eq!(Browser::default().visit(&Door::with(&provider), Some(&provider), CODE).await.status(), 200);
}

#[tokio::test]
async fn signatures_that_are_none_are_refused() {
    let forge = |make: fn(&Map<String, Value>) -> String| {
        move |provider: &Provider| provider.set().forge = Some(Arc::new(make))
    };
    refused("alg none", forge(|claims| by_hand(&json!({"alg": "none"}), claims, None))).await;
    refused("alg None", forge(|claims| by_hand(&json!({"alg": "None", "typ": "JWT"}), claims, None))).await;
    refused("no alg", forge(|claims| by_hand(&json!({"typ": "JWT"}), claims, None))).await;
    refused("alg none with our kid", forge(|claims| by_hand(&json!({"alg": "none", "kid": "one"}), claims, None)))
        .await;
    refused(
        "HS256 with the client secret",
        forge(|claims| by_hand(&json!({"alg": "HS256"}), claims, Some(CLIENT_SECRET.as_bytes()))),
    )
    .await;
    refused("HS256 with an empty key", forge(|claims| by_hand(&json!({"alg": "HS256"}), claims, Some(b"")))).await;
    refused("RS256 without a signature", forge(|claims| by_hand(&json!({"alg": "RS256", "kid": "one"}), claims, None)))
        .await;
    refused("RS256 with an HMAC", forge(|claims| by_hand(&json!({"alg": "RS256", "kid": "one"}), claims, Some(b"x"))))
        .await;
    refused(
        "a critical extension",
        forge(|claims| {
            by_hand(&json!({"alg": "RS256", "kid": "one", "crit": ["b64"], "b64": false}), claims, Some(b"x"))
        }),
    )
    .await;
    refused("no token", forge(|_| String::new())).await;
    refused("no token at all", forge(|_| "not.a.token".into())).await;
    refused("five parts", forge(|_| "a.b.c.d.e".into())).await;
    refused(
        "a key in the header",
        header(|header| {
            header.jwk = Some(serde_json::from_value(Key::new("one", Algorithm::RS256).jwk).unwrap());
            header.kid = Some("unknown".into());
        }),
    )
    .await;
    refused("an access token's type", header(|header| header.typ = Some("at+jwt".into()))).await;
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    refused("HS256 with the public key", |provider| {
        let public = provider.set().published[0].clone();
        provider.set().forge = Some(Arc::new(move |claims| {
            by_hand(&json!({"alg": "HS256", "kid": "one"}), claims, Some(public["n"].as_str().unwrap().as_bytes()))
        }));
    })
    .await;
    refused("HS256 with the public key as JSON", |provider| {
        let public = provider.set().published[0].to_string();
        provider.set().forge = Some(Arc::new(move |claims| {
            by_hand(&json!({"alg": "HS256", "kid": "one"}), claims, Some(public.as_bytes()))
        }));
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_not_the_providers_are_refused() {
    refused("another key under a known id", |provider| provider.set().signing = Key::new("one", Algorithm::RS256))
        .await;
    refused("another key under another id", |provider| provider.set().signing = Key::new("two", Algorithm::ES256))
        .await;
    refused("another kind of key under a known id", |provider| {
        provider.set().signing = Key::new("one", Algorithm::ES256);
    })
    .await;
    refused("a key for encryption", |provider| {
        let mut key = Key::new("two", Algorithm::RS256);
        key.jwk["use"] = json!("enc");
        provider.set().published.push(key.jwk.clone());
        provider.set().signing = key;
    })
    .await;
    refused("an algorithm that was not announced", |provider| {
        let key = Key::new("two", Algorithm::RS512);
        provider.set().published.push(key.jwk.clone());
        provider.set().signing = key;
    })
    .await;
}

#[tokio::test]
async fn userinfo_about_somebody_else_signs_nobody_in() {
    for answer in [json!({"sub": "user-2"}), json!({}), json!([]), json!({"sub": ["user-1"]}), json!("user-1")] {
        let provider = Provider::start().await;
        provider.set().userinfo = Some(answer.clone());
        let mut browser = Browser::default();
        let page = browser.visit(&Door::with(&provider), Some(&provider), CODE).await;
        assert_eq!(page.status(), 502, "{answer}");
        assert!(browser.ticket("auth.example.com").is_none());
    }
}

#[tokio::test]
async fn a_refusal_is_shown_escaped_and_short() {
    let long = "x".repeat(5000);
    let long: &'static str = long.leak();
    for (error, status) in [
        ("access_denied", StatusCode::FORBIDDEN),
        ("temporarily_unavailable", StatusCode::BAD_GATEWAY),
        ("server_error", StatusCode::BAD_GATEWAY),
        ("invalid_request", StatusCode::BAD_REQUEST),
        ("<script>alert(1)</script>", StatusCode::BAD_REQUEST),
    ] {
        for text in ["<img src=x onerror=alert(1)>", "a\r\nSet-Cookie: x=y", long] {
            let provider = Provider::start().await;
            provider.set().refuse = Some(vec![("error", error), ("error_description", text)]);
            let page = Browser::default().visit(&Door::with(&provider), Some(&provider), &format!("{CODE}/x")).await;
            assert_eq!(page.status(), status, "{error}");
            let html = page.text();
            assert!(html.contains("Your identity provider refused") && html.contains("Try again"));
            assert!(!html.contains("<script") && !html.contains("<img") && html.len() < 12_000, "{}", html.len());
            assert_eq!(provider.set().token_requests, 0);
        }
    }
}

#[tokio::test]
async fn token_answers_that_are_none_are_a_page() {
    for (status, body) in [
        (500, "oops"),
        (200, ""),
        (200, "null"),
        (200, "<html>"),
        (200, r#"{"access_token":"a","token_type":"Bearer"}"#),
        (200, r#"{"access_token":"a","token_type":"Bearer","id_token":5}"#),
        (302, ""),
        (400, r#"{"error":"invalid_grant","error_description":"<b>no</b>"}"#),
        (401, r#"{"error":"invalid_client"}"#),
    ] {
        refused(body, |provider| {
            provider.set().token_answer = Some((StatusCode::from_u16(status).unwrap(), body.to_owned()));
        })
        .await;
    }
    refused("two megabytes", |provider| {
        provider.set().token_answer = Some((StatusCode::OK, " ".repeat(2 * 1024 * 1024)));
    })
    .await;
}

#[tokio::test]
async fn discovery_answers_that_are_none_are_a_page() {
    for (status, body) in [
        (200, String::new()),
        (200, "{}".to_owned()),
        (200, "[".repeat(100_000)),
        (200, " ".repeat(2 * 1024 * 1024)),
        (302, String::new()),
        (404, "{}".to_owned()),
        (500, "{}".to_owned()),
    ] {
        let provider = Provider::start().await;
        provider.set().broken = Some((StatusCode::from_u16(status).unwrap(), body));
        let page = Browser::default().visit(&Door::with(&provider), Some(&provider), CODE).await;
        assert!(page.status() == 502 || page.status() == 503, "{status}: {}", page.status());
        assert!(page.text().contains("Try again"));
    }
}

#[tokio::test]
async fn an_answer_to_no_attempt_redeems_nothing() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let hop = browser.open(&door, &format!("{CODE}/x")).await;
    let hop = browser.open(&door, hop.location().as_str()).await;
    let back = provider.authorize(&hop.location());

    // In another browser: the code of an attacker's own sign-in, sent to a victim.
    let mut victim = Browser::default();
    let page = victim.open(&door, back.as_str()).await;
    assert_eq!(page.status(), 400);
    assert!(page.set_cookies().is_empty() && page.text().contains("Start again"));
    // With a state that is malformed, missing, given twice, or another attempt's.
    let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    for url in [
        back.as_str().replace(&state, "x"),
        back.as_str().replace(&format!("state={state}"), "x=y"),
        format!("{back}&state={state}"),
        format!("{back}&code=x"),
        back.as_str().replace(&state, &format!("{}{}", &state[..10], "A".repeat(22))),
    ] {
        assert_eq!(browser.open(&door, &url).await.status(), 400, "{url}");
    }
    let head = http::Request::head(back.as_str()).header("accept", "text/html").body(String::new()).unwrap();
    assert_eq!(browser.send(&door, head).await.status(), 400);
    let framed = http::Request::get(back.as_str()).header("sec-fetch-dest", "iframe").body(String::new()).unwrap();
    assert_eq!(browser.send(&door, framed).await.status(), 400);
    assert_eq!(provider.set().token_requests, 0);
    // On another host of ours the path is an upstream's, and on the sign-in host an old one is over.
    door.wait(601);
    assert_eq!(browser.open(&door, back.as_str()).await.status(), 400);
    assert_eq!(provider.set().token_requests, 0);
}

#[tokio::test]
async fn an_answer_is_taken_once() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = Browser::default();
    let hop = browser.open(&door, &format!("{CODE}/x")).await;
    let hop = browser.open(&door, hop.location().as_str()).await;
    let back = provider.authorize(&hop.location());
    assert_eq!(browser.open(&door, back.as_str()).await.status(), 302);
    assert_eq!(browser.open(&door, back.as_str()).await.status(), 400);
    assert_eq!(provider.set().token_requests, 1);
}
