//! Logout tokens that are none.

use std::sync::Arc;

use doorward_sessions::{SessionStore, Sessions};
use http::Request;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};

use super::{claims, is_signed_in, signed, signed_in, tell};
use crate::door::{AUTH, Door};
use crate::provider::{CLIENT_ID, Key, Provider, by_hand, seconds};
use crate::refresh::SharedStore;

#[tokio::test]
async fn every_wrong_logout_token_is_refused_and_ends_nothing() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    let id_token = door.sessions_of(&browser).await.known().tokens.id_token.clone().unwrap().expose().to_owned();
    let good = || claims(&provider, &json!({"sub": "a", "sid": "a-1"}));
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims.insert(name.to_owned(), value);
        signed(&provider, &claims, |_| ())
    };
    let strangers = Key::new(&provider.set().signing.kid, Algorithm::RS256);
    let public = provider.set().signing.jwk.to_string();
    let foreign = |claims: &Map<String, Value>, kid: Option<&str>| {
        let mut header = jsonwebtoken::Header::new(Algorithm::RS256);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, strangers.key()).unwrap()
    };
    let mut altered = signed(&provider, &good(), |_| ());
    altered.replace_range(altered.len() - 8..altered.len() - 4, "AAAA");
    let tokens = [
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("another audience", with("aud", json!("them"))),
        ("too old", with("iat", seconds(-1000))),
        ("from the future", with("iat", seconds(1000))),
        ("over", with("exp", seconds(-100))),
        ("no event", with("events", json!({}))),
        ("a nonce", with("nonce", json!("n"))),
        ("nobody", signed(&provider, &claims(&provider, &json!({})), |_| ())),
        ("an ID token", id_token),
        ("an access token's type", signed(&provider, &good(), |header| header.typ = Some("at+jwt".into()))),
        ("an ID token's type", signed(&provider, &good(), |header| header.typ = Some("id_token+jwt".into()))),
        ("alg none", by_hand(&json!({"alg": "none", "typ": "logout+jwt"}), &good(), None)),
        ("alg None", by_hand(&json!({"alg": "None", "typ": "logout+jwt"}), &good(), None)),
        ("the public key as a secret", by_hand(&json!({"alg": "HS256"}), &good(), Some(public.as_bytes()))),
        ("the client's secret", by_hand(&json!({"alg": "HS256"}), &good(), Some(CLIENT_ID.as_bytes()))),
        ("a stranger's key under its name", foreign(&good(), Some(&strangers.kid))),
        ("a stranger's key without a name", foreign(&good(), None)),
        ("an unknown key", foreign(&good(), Some("unknown"))),
        ("a key it brings along", by_hand(&json!({"alg": "RS256", "jwk": strangers.jwk}), &good(), Some(b"x"))),
        ("extensions", by_hand(&json!({"alg": "RS256", "crit": ["b64"], "b64": false}), &good(), Some(b"x"))),
        ("altered", altered),
        ("no signature", signed(&provider, &good(), |_| ()).rsplit_once('.').unwrap().0.to_owned() + "."),
        ("one part", "x".to_owned()),
        ("empty", String::new()),
        ("dots", "....".to_owned()),
        ("not base64", "!.!.!".to_owned()),
        ("long", format!("{}.{}.{}", "A".repeat(4000), "A".repeat(4000), "A".repeat(4000))),
    ];
    for (what, token) in tokens {
        let answer = tell(&door, &token).await;
        assert_eq!(answer.status(), 400, "{what}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_request", "{what}");
        assert!(answer.json()["error_description"].is_string(), "{what}");
        assert_eq!(answer.answer.headers()["cache-control"], "no-store", "{what}");
        assert!(is_signed_in(&door, &mut browser).await, "{what} has signed out");
    }
    assert!(provider.set().key_fetches <= 3, "strangers make us fetch keys: {}", provider.set().key_fetches);
}

#[tokio::test]
async fn what_is_no_form_or_is_huge_is_refused() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    let token = signed(&provider, &claims(&provider, &json!({"sub": "a"})), |_| ());
    for (kind, body, status) in [
        ("application/json", format!("{{\"logout_token\":\"{token}\"}}"), 400),
        ("text/plain", format!("logout_token={token}"), 400),
        ("application/x-www-form-urlencoded", "token=x".to_owned(), 400),
        ("application/x-www-form-urlencoded", format!("logout_token={token}&logout_token={token}"), 400),
        ("application/x-www-form-urlencoded", format!("logout_token={token}&pad={}", "x".repeat(100_000)), 413),
    ] {
        let request = Request::post(format!("{AUTH}/.doorward/backchannel_logout"))
            .header("content-type", kind)
            .header("content-length", body.len())
            .body(body)
            .unwrap();
        assert_eq!(door.request(request).await.status(), status, "{kind}");
    }
    let in_query = Request::post(format!("{AUTH}/.doorward/backchannel_logout?logout_token={token}"));
    assert_eq!(door.request(in_query.body(String::new()).unwrap()).await.status(), 400);
    assert!(is_signed_in(&door, &mut browser).await);
}

#[tokio::test]
async fn a_token_is_used_once_at_whichever_replica() {
    let provider = Provider::start().await;
    let store = Arc::new(SharedStore::default());
    let replica = || {
        let mut door = Door::with(&provider);
        let sessions =
            Arc::new(Sessions::new(Arc::clone(&store) as Arc<dyn SessionStore>, [7; 32], crate::refresh::LIFE));
        door.sessions = Arc::clone(&sessions);
        door.change(|settings| settings.sessions = sessions)
    };
    let (one, other) = (replica(), replica());
    let token = signed(&provider, &claims(&provider, &json!({"sub": "a"})), |_| ());
    assert_eq!(tell(&one, &token).await.status(), 200);
    let mut browser = signed_in(&one, &provider, "a", Some("a-1")).await;
    for door in [&one, &other] {
        let answer = tell(door, &token).await;
        assert_eq!(
            (answer.status().as_u16(), answer.json()["error_description"].as_str()),
            (400, Some("it was used before"))
        );
        assert!(is_signed_in(door, &mut browser).await, "whoever kept an old token signs nobody out");
    }
    // When it could be used again it is too old.
    one.wait(361);
    assert_eq!(tell(&one, &token).await.status(), 400);
    assert!(is_signed_in(&one, &mut browser).await);
}

#[tokio::test]
async fn while_the_store_is_down_the_provider_is_told_to_try_again_and_then_it_works() {
    let provider = Provider::start().await;
    let store = Arc::new(SharedStore::default());
    let mut door = Door::with(&provider);
    let sessions = Arc::new(Sessions::new(Arc::clone(&store) as Arc<dyn SessionStore>, [7; 32], crate::refresh::LIFE));
    door.sessions = Arc::clone(&sessions);
    let door = door.change(|settings| settings.sessions = sessions);
    let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    let token = signed(&provider, &claims(&provider, &json!({"sub": "a"})), |_| ());
    store.go_down(true);
    let answer = tell(&door, &token).await;
    assert_eq!((answer.status().as_u16(), answer.answer.headers().contains_key("retry-after")), (503, true));
    store.go_down(false);
    assert_eq!(tell(&door, &token).await.status(), 200);
    assert!(!is_signed_in(&door, &mut browser).await);
}

#[tokio::test]
async fn a_token_whose_use_was_noted_and_not_made_may_be_sent_again_until_it_has_worked() {
    let provider = Provider::start().await;
    let store = Arc::new(SharedStore::default());
    let mut door = Door::with(&provider);
    let sessions = Arc::new(Sessions::new(Arc::clone(&store) as Arc<dyn SessionStore>, [7; 32], crate::refresh::LIFE));
    door.sessions = Arc::clone(&sessions);
    let door = door.change(|settings| settings.sessions = sessions);
    let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    let token = signed(&provider, &claims(&provider, &json!({"sub": "a"})), |_| ());
    // As when this process is killed there.
    store.lose_next_answer();
    assert_eq!(tell(&door, &token).await.status(), 503);
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!(tell(&door, &token).await.status(), 200);
    assert!(!is_signed_in(&door, &mut browser).await);
    assert_eq!(tell(&door, &token).await.status(), 400, "and then no more");
}

#[tokio::test]
async fn a_flood_of_wrong_tokens_is_held_off_and_right_ones_pass_again_soon() {
    let provider = Provider::start().await;
    let door = Door::with(&provider);
    let mut browser = signed_in(&door, &provider, "a", Some("a-1")).await;
    let mut statuses = Vec::new();
    for _ in 0..300 {
        statuses.push(tell(&door, "a.b.c").await.status().as_u16());
    }
    assert!(statuses.contains(&429), "nothing is held off");
    assert!(statuses.iter().all(|status| matches!(status, 400 | 429)));
    door.wait(10);
    assert_eq!(tell(&door, &signed(&provider, &claims(&provider, &json!({"sub": "a"})), |_| ())).await.status(), 200);
    assert!(!is_signed_in(&door, &mut browser).await);
}
