//! The provider ends what its session has led to: by itself, or in a frame.

mod attacks;

use std::time::Duration;

use http::Request;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Map, Value, json};

use crate::door::{AUTH, Answer, Browser, CODE, Door};
use crate::provider::{CLIENT_ID, Provider, seconds};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a right logout token.
fn claims(provider: &Provider, about: Value) -> Map<String, Value> {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(1);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let mut claims = json!({"iss": provider.issuer(), "aud": CLIENT_ID, "iat": seconds(0), "exp": seconds(120),
        "jti": format!("jti-{number}"), "events": {EVENT: {}}})
    .as_object()
    .unwrap()
    .clone();
    claims.extend(about.as_object().unwrap().clone());
    claims
}

fn signed(provider: &Provider, claims: &Map<String, Value>, change: impl FnOnce(&mut Header)) -> String {
    let behaviour = provider.set();
    let mut header = Header::new(behaviour.signing.algorithm);
    header.kid = Some(behaviour.signing.kid.clone());
    header.typ = Some("logout+jwt".into());
    change(&mut header);
    let key: &EncodingKey = behaviour.signing.key();
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

/// As the provider sends it: no browser, no cookies.
async fn tell(door: &Door, token: &str) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    let request = Request::post(format!("{AUTH}/.doorward/backchannel_logout"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("content-length", body.len())
        .body(body)
        .unwrap();
    door.request(request).await
}

/// Somebody signed in, in the provider's session of this name.
async fn signed_in(door: &Door, provider: &Provider, sub: &str, sid: Option<&str>) -> Browser {
    {
        let mut behaviour = provider.set();
        behaviour.claims.insert("sub".into(), json!(sub));
        match sid {
            Some(sid) => behaviour.claims.insert("sid".into(), json!(sid)),
            None => behaviour.claims.remove("sid"),
        };
    }
    let mut browser = Browser::default();
    assert_eq!(browser.visit(door, Some(provider), CODE).await.status(), 200);
    browser
}

async fn is_signed_in(door: &Door, browser: &mut Browser) -> bool {
    browser.open(door, CODE).await.status() == 200
}

#[tokio::test]
async fn a_logout_token_ends_what_it_names_and_nothing_else() {
    for (about, ended) in [
        (json!({"sub": "a", "sid": "a-1"}), [true, false, true, false]),
        (json!({"sid": "a-1"}), [true, false, false, false]),
        (json!({"sub": "a"}), [true, true, true, false]),
        (json!({"sub": "b", "sid": "b-1"}), [false, false, false, true]),
        (json!({"sub": "a", "sid": "unknown"}), [false, false, true, false]),
        (json!({"sub": "nobody"}), [false; 4]),
        (json!({"sid": "a"}), [false; 4]),
    ] {
        let provider = Provider::start().await;
        let door = Door::with(&provider);
        let mut browsers = [
            signed_in(&door, &provider, "a", Some("a-1")).await,
            signed_in(&door, &provider, "a", Some("a-2")).await,
            // The provider did not say which session this one is of: it may be any.
            signed_in(&door, &provider, "a", None).await,
            signed_in(&door, &provider, "b", Some("b-1")).await,
        ];
        let answer = tell(&door, &signed(&provider, &claims(&provider, about.clone()), |_| ())).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.answer.headers()["cache-control"], "no-store");
        assert!(answer.text().is_empty() && answer.set_cookies().is_empty(), "it says nothing of what there was");
        for (number, (browser, ended)) in browsers.iter_mut().zip(ended).enumerate() {
            assert_eq!(is_signed_in(&door, browser).await, !ended, "{about}: {number}");
        }
    }
}

#[tokio::test]
async fn every_way_a_right_token_is_written_is_understood() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    for typ in [Some("logout+jwt"), Some("Logout+JWT"), Some("application/logout+jwt"), Some("JWT"), None] {
        let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
        let token = claims(&provider, json!({"sid": "a-1"}));
        let token = signed(&provider, &token, |header| header.typ = typ.map(str::to_owned));
        assert_eq!(tell(&door, &token).await.status(), 200, "{typ:?}");
        assert!(!is_signed_in(&door, &mut browser).await);
    }
    // With keys that came after the last look.
    let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    provider.sign_with(crate::provider::Key::new("new", jsonwebtoken::Algorithm::ES256));
    let token = signed(&provider, &claims(&provider, json!({"sid": "a-1"})), |_| ());
    assert_eq!(tell(&door, &token).await.status(), 200);
    assert!(!is_signed_in(&door, &mut browser).await);
}

#[tokio::test]
async fn an_open_session_is_told_at_once() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    let session = door.sessions_of(&browser).await;
    tell(&door, &signed(&provider, &claims(&provider, json!({"sub": "a"})), |_| ())).await;
    tokio::time::timeout(Duration::from_secs(10), session.ended().cancelled()).await.expect("tunnels hear of it");
}

#[tokio::test]
async fn a_frame_of_the_providers_ends_its_session_without_a_cookie() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut one = signed_in(&door, &provider, "a", Some("a-1")).await;
    let mut other = signed_in(&door, &provider, "a", Some("a-2")).await;
    let frame = |query: String| {
        let request = Request::get(format!("{AUTH}/.doorward/frontchannel_logout{query}"))
            .header("sec-fetch-dest", "iframe")
            .header("sec-fetch-site", "cross-site");
        door.request(request.body(String::new()).unwrap())
    };
    let issuer: String = url::form_urlencoded::byte_serialize(provider.issuer().as_bytes()).collect();
    for query in [
        String::new(),
        format!("?iss={issuer}"),
        "?sid=a-1".to_owned(),
        "?iss=https%3A%2F%2Fevil.example&sid=a-1".to_owned(),
        format!("?iss={issuer}&sid="),
        format!("?iss={issuer}&sid=a-1&sid=a-2"),
        format!("?iss={issuer}&sid={}", "x".repeat(300)),
    ] {
        assert_eq!(frame(query.clone()).await.status(), 400, "{query}");
        assert!(is_signed_in(&door, &mut one).await, "{query}");
    }
    let unknown = frame(format!("?iss={issuer}&sid=unknown")).await;
    let answer = frame(format!("?iss={issuer}&sid=a-1")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text(), unknown.text(), "it does not tell whether there was one");
    assert_eq!(answer.answer.headers(), unknown.answer.headers());
    assert!(!is_signed_in(&door, &mut one).await && is_signed_in(&door, &mut other).await);
    let header = |name| answer.answer.headers()[name].to_str().unwrap();
    assert_eq!(header("cache-control"), "no-store");
    let policy = format!("default-src 'none'; frame-ancestors {}", provider.issuer());
    assert_eq!(header("content-security-policy"), policy);
    assert!(answer.answer.headers().get("x-frame-options").is_none() && answer.set_cookies().is_empty());
}

#[tokio::test]
async fn the_endpoints_are_the_sign_in_hosts_and_of_providers_alone() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let built_in = Door::with_accounts();
    let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    let issuer: String = url::form_urlencoded::byte_serialize(provider.issuer().as_bytes()).collect();
    for door in [&door, &built_in] {
        let query = format!("?iss={issuer}&sid=a-1");
        let request = Request::get(format!("{CODE}/.doorward/frontchannel_logout{query}")).body(String::new()).unwrap();
        assert_eq!(door.request(request).await.status(), 404);
        let request = Request::post(format!("{CODE}/.doorward/backchannel_logout"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("content-length", "15")
            .body("logout_token=a.".to_owned())
            .unwrap();
        assert_eq!(door.request(request).await.status(), 404);
    }
    for method in ["GET", "PUT", "DELETE"] {
        let request = Request::builder().method(method).uri(format!("{AUTH}/.doorward/backchannel_logout"));
        let answer = door.request(request.body(String::new()).unwrap()).await;
        assert_eq!(answer.status(), 405, "{method}");
    }
    assert!(is_signed_in(&door, &mut browser).await);
}
