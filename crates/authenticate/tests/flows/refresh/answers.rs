//! What a provider may answer to a refresh, and what it means for the session.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_sessions::LiveSession;
use http::StatusCode;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Map, Value, json};

use super::{is_signed_in, signed_in};
use crate::door::{Browser, Door};
use crate::provider::{CLIENT_ID, Key, Provider, Spoil, by_hand, seconds};

/// A session that has been refreshed while the provider behaved like this; whether it goes on.
async fn refreshed(provider: &Provider, behave: impl FnOnce(&Provider)) -> (bool, Door, Browser, Arc<LiveSession>) {
    let door = Door::with(provider);
    let (mut browser, session) = signed_in(&door, provider).await;
    behave(provider);
    door.wait(1201);
    let goes_on = is_signed_in(&door, &mut browser).await;
    (goes_on, door, browser, session)
}

#[tokio::test]
async fn a_refusal_of_the_person_ends_the_session_and_one_of_us_does_not() {
    const JSON: &str = "application/json";
    for (status, kind, body, goes_on) in [
        (400, JSON, r#"{"error":"invalid_grant"}"#, false),
        (401, JSON, r#"{"error":"invalid_grant","error_description":"revoked"}"#, false),
        (403, JSON, r#"{"error":"invalid_grant"}"#, false),
        (400, JSON, r#"{"error":"interaction_required"}"#, false),
        (400, JSON, r#"{"error":"access_denied"}"#, false),
        // Glewlwyd's way.
        (400, "text/plain", "", false),
        (400, JSON, "\r\n", false),
        // Our mistake, or something between us.
        (401, JSON, r#"{"error":"invalid_client"}"#, true),
        (400, JSON, r#"{"error":"unauthorized_client"}"#, true),
        (400, JSON, r#"{"error":"invalid_scope"}"#, true),
        (401, "text/plain", "", true),
        (403, "text/html", "<h1>Blocked by policy</h1>", true),
        (400, "text/html", "<h1>Bad Request</h1>", true),
        (404, "text/plain", "", true),
        (429, JSON, r#"{"error":"invalid_grant"}"#, true),
        (500, JSON, r#"{"error":"invalid_grant"}"#, true),
        (503, "text/plain", "", true),
        (200, "text/html", "<h1>Maintenance</h1>", true),
        (200, JSON, "", true),
        (200, JSON, "[]", true),
        (302, "text/plain", "", true),
    ] {
        let provider = Provider::start().await;
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Some((status, kind, body));
        let (went_on, ..) = refreshed(&provider, |provider| provider.set().refreshes.answer = answer).await;
        assert_eq!(went_on, goes_on, "{status} {kind} {body}");
        assert_eq!(provider.set().refreshes.requests, 1, "{status} {body}");
    }
}

#[tokio::test]
async fn an_id_token_of_a_refresh_is_held_to_every_rule() {
    let set = |name: &'static str, value: Value| -> Spoil {
        Arc::new(move |claims: &mut Map<String, Value>, _: &mut Header| {
            claims.insert(name.into(), value.clone());
        })
    };
    let good: [(&str, Spoil); 4] = [
        ("as it is", Arc::new(|_, _| ())),
        ("an authorised party", set("azp", json!(CLIENT_ID))),
        (
            "several audiences with one",
            Arc::new(|claims, _| {
                claims.insert("aud".into(), json!(["them", CLIENT_ID]));
                claims.insert("azp".into(), json!(CLIENT_ID));
            }),
        ),
        ("a later auth_time", set("auth_time", seconds(0))),
    ];
    for (what, spoil) in good {
        let provider = Provider::start().await;
        let (goes_on, ..) = refreshed(&provider, |provider| provider.set().refreshes.spoil = Some(spoil)).await;
        assert!(goes_on, "{what}");
    }
    let wrong: [(&str, Spoil); 11] = [
        ("another person", set("sub", json!("user-2"))),
        ("the person in other letters", set("sub", json!("USER-1"))),
        ("another issuer", set("iss", json!("https://evil.example"))),
        ("another audience", set("aud", json!("them"))),
        ("several audiences", set("aud", json!([CLIENT_ID, "them"]))),
        ("another party", set("azp", json!("them"))),
        ("a nonce from elsewhere", set("nonce", json!("another"))),
        ("over", set("exp", seconds(-3600))),
        ("from the future", set("iat", seconds(86_400))),
        ("older than the one before", set("iat", seconds(-3600))),
        ("another access token", set("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))),
    ];
    for (what, spoil) in wrong {
        let provider = Provider::start().await;
        let (goes_on, ..) = refreshed(&provider, |provider| provider.set().refreshes.spoil = Some(spoil)).await;
        assert!(!goes_on, "{what}");
    }
    let provider = Provider::start().await;
    let forge: crate::provider::Forge = Arc::new(|claims| by_hand(&json!({"alg": "none"}), claims, None));
    let (goes_on, _, _, session) = refreshed(&provider, |provider| provider.set().refreshes.forge = Some(forge)).await;
    assert!(!goes_on || session.known().revision == 1, "an unsigned token says nothing");
}

#[tokio::test]
async fn a_refresh_follows_new_keys_and_believes_no_unknown_one() {
    let provider = Provider::start().await;
    let new = Key::new("two", Algorithm::ES256);
    let (goes_on, _, _, session) = refreshed(&provider, |provider| {
        provider.sign_with(new.clone());
        provider.set().claims.insert("groups".into(), json!(["new"]));
    })
    .await;
    assert!(goes_on);
    assert_eq!(session.known().identity.groups.as_slice(), ["new"]);

    let provider = Provider::start().await;
    let (goes_on, door, mut browser, session) = refreshed(&provider, |provider| {
        let mut behaviour = provider.set();
        behaviour.signing = Key::new("unknown", Algorithm::ES256);
        behaviour.claims.insert("groups".into(), json!(["forged"]));
    })
    .await;
    assert!(goes_on, "its keys may be out in a moment");
    assert_eq!((session.known().revision, session.known().identity.groups.len()), (1, 2), "nothing of it is believed");
    // They are, and the refresh token that came with the token nobody could check was kept.
    let key = provider.set().signing.jwk.clone();
    provider.set().published.push(key);
    door.wait(60);
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!((session.known().revision, provider.set().refreshes.reused), (2, 0));
}

#[tokio::test]
async fn a_provider_that_sends_neither_a_new_refresh_token_nor_an_id_token_is_understood() {
    let provider = Provider::start().await;
    provider.set().userinfo = Some(json!({"sub": "user-1", "groups": ["from-userinfo"], "department": "x"}));
    let door = Door::with(&provider);
    let (mut browser, session) = signed_in(&door, &provider).await;
    assert_eq!(session.known().identity.groups.as_slice(), ["from-userinfo"]);
    {
        let mut behaviour = provider.set();
        behaviour.refreshes.without_id_token = true;
        behaviour.refreshes.without_rotation = true;
        behaviour.userinfo = Some(json!({"sub": "user-1", "groups": ["changed"]}));
    }
    for revision in 2..5 {
        door.wait(1201);
        assert!(is_signed_in(&door, &mut browser).await);
        let known = session.known();
        assert_eq!(known.revision, revision);
        assert_eq!(known.identity.groups.as_slice(), ["changed"]);
        assert_eq!(known.identity.claims.get("department"), None, "what is gone there is gone here");
        assert_eq!(known.identity.name.as_deref(), Some("Amina"), "the ID token's word stays");
        assert!(known.tokens.refresh_token.is_some() && known.tokens.id_token.is_some());
    }
    // About somebody else.
    provider.set().userinfo = Some(json!({"sub": "user-2", "groups": ["admins"]}));
    door.wait(1201);
    assert!(!is_signed_in(&door, &mut browser).await);
}

#[tokio::test]
async fn a_userinfo_that_fails_costs_neither_the_session_nor_the_new_refresh_token() {
    let provider = Provider::start().await;
    provider.set().userinfo = Some(json!({"sub": "user-1"}));
    let door = Door::with(&provider);
    let (mut browser, session) = signed_in(&door, &provider).await;
    let good = provider.set().userinfo.replace(json!("no object"));
    door.wait(1201);
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!(session.known().revision, 1);
    provider.set().userinfo = good;
    door.wait(60);
    assert!(is_signed_in(&door, &mut browser).await);
    assert_eq!((session.known().revision, provider.set().refreshes.reused), (2, 0));
}

#[tokio::test]
async fn a_refresh_makes_no_sign_in_fresher_and_keeps_how_it_was_done() {
    let provider = Provider::start().await;
    let signed_in_at = seconds(-500);
    {
        let mut behaviour = provider.set();
        behaviour.claims.insert("auth_time".into(), signed_in_at.clone());
        behaviour.claims.insert("amr".into(), json!(["hwk"]));
        behaviour.claims.insert("sid".into(), json!("theirs-1"));
    }
    let (goes_on, _, _, session) = refreshed(&provider, |provider| {
        let mut behaviour = provider.set();
        behaviour.claims.insert("auth_time".into(), seconds(0));
        behaviour.claims.remove("amr");
        behaviour.claims.insert("sid".into(), json!("theirs-2"));
    })
    .await;
    assert!(goes_on);
    let known = session.known();
    assert_eq!(known.revision, 2);
    let since = Duration::from_secs(signed_in_at.as_u64().unwrap());
    assert_eq!(known.identity.authenticated_at, SystemTime::UNIX_EPOCH + since);
    assert_eq!(known.identity.claims.get("auth_time"), Some(&signed_in_at));
    assert_eq!(known.identity.claims.get("amr"), Some(&json!(["hwk"])));
    assert_eq!(known.identity.claims.get("sid"), Some(&json!("theirs-1")), "back-channel logout finds it by that");
}

#[tokio::test]
async fn built_in_accounts_follow_the_configuration() {
    let (door, mut browser, session) = crate::built_in::signed_in().await;
    assert_eq!(session.known().identity.groups.as_slice(), ["staff"]);
    let door = door.change(|settings| {
        let doorward_config::Provider::BuiltIn(users) = &mut settings.sign_in.provider else { panic!("another one") };
        users[0].groups = vec!["wheel".into()];
        users[0].name = Some("Amina D.".into());
    });
    let _running = super::started(&door);
    super::until("the change", || session.known().identity.groups.as_slice() == ["wheel"]).await;
    assert_eq!(session.known().identity.name.as_deref(), Some("Amina D."));
    assert!(is_signed_in(&door, &mut browser).await);
}
