//! What applications are told about the visitor, and what the visitor is told about themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::harness::browser::{Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, only};

const ASSERTION: &str = "x-doorward-jwt-assertion";

async fn scene() -> Scene {
    Scene::with(|setup, upstream| {
        let told = format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true");
        setup
            .route("app", upstream, &told)
            .route("code", upstream, &told)
            .route("quiet", upstream, ANYBODY_SIGNED_IN)
            .route("open", upstream, &format!("{EVERYBODY}\npass_identity_headers: true"))
    })
    .await
}

async fn keys(scene: &Scene, host: &str) -> JwkSet {
    let answer = Browser::new().fetch(&scene.url(host, "/.well-known/doorward/jwks.json")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_value(answer.json()).unwrap()
}

fn verify(token: &str, keys: &JwkSet, audience: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    let kid = decode_header(token)?.kid.expect("a key id");
    let key = DecodingKey::from_jwk(keys.find(&kid).expect("the key is published"))?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    decode::<Value>(token, &key, &validation).map(|data| data.claims)
}

#[tokio::test]
async fn the_application_gets_a_signed_statement_it_can_check() {
    let scene = scene().await;
    scene.provider.person(Person::new("alice@example.com").in_groups(&["staff", "wheel"]));
    let mut browser = scene.door.signed_in("app").await;
    let arrived = scene.upstream.last();
    let token = arrived.header(ASSERTION).expect("an assertion").to_owned();
    let keys = keys(&scene, "app").await;
    let claims = verify(&token, &keys, "app.example.test").unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let time = |name: &str| claims[name].as_u64().unwrap_or_else(|| panic!("{name}: {claims}"));
    assert!(time("iat") <= now + 1 && time("exp") > now && time("exp") <= now + 301, "{claims}");
    assert_eq!(claims["email"], "alice@example.com");
    assert_eq!(claims["sub"], "sub-alice");
    assert_eq!(claims["groups"], json!(["staff", "wheel"]));
    assert_eq!(claims["name"], "alice");
    assert!(claims["jti"].is_string() && claims["sid"].is_string() && claims["iss"].is_string(), "{claims}");
    assert_eq!(arrived.header("x-doorward-claim-email"), Some("alice@example.com"));
    assert_eq!(arrived.header("x-doorward-claim-groups"), Some("staff,wheel"));

    // One host's statement is not another's.
    browser.visit(&scene.url("code", "/")).await;
    let other = scene.upstream.last().header(ASSERTION).unwrap().to_owned();
    assert!(verify(&other, &keys, "code.example.test").is_ok());
    assert!(verify(&other, &keys, "app.example.test").is_err());
    let cookies: Vec<_> = browser.jar.all().map(|cookie| cookie.value.clone()).collect();
    let statement = claims.to_string();
    assert!(cookies.iter().all(|ticket| !statement.contains(ticket)));
}

#[tokio::test]
async fn somebody_in_no_group_has_an_empty_list_of_them() {
    let scene = scene().await;
    scene.door.signed_in("app").await;
    let token = scene.upstream.last().header(ASSERTION).unwrap().to_owned();
    let claims = verify(&token, &keys(&scene, "app").await, "app.example.test").unwrap();
    assert_eq!(claims["groups"], json!([]));
}

#[tokio::test]
async fn nobody_is_introduced_where_that_was_not_asked_for() {
    let scene = scene().await;
    let mut browser = scene.door.signed_in("app").await;
    browser.visit(&scene.url("quiet", "/")).await;
    let told = |name: &str| name.to_ascii_lowercase().starts_with("x-doorward");
    assert_eq!(scene.upstream.last().headers.iter().find(|(name, _)| told(name)), None);
    Browser::new().visit(&scene.url("open", "/")).await;
    assert_eq!(scene.upstream.last().headers.iter().find(|(name, _)| told(name)), None);
}

#[tokio::test]
async fn the_published_keys_are_public_halves_and_survive_a_restart() {
    let Scene { provider: _provider, upstream: _upstream, door } = scene().await;
    let url = door.url("app", "/.well-known/doorward/jwks.json");
    let before = Browser::new().fetch(&url).await;
    let published = before.json();
    let key = &published["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig"))
    );
    assert!(key["kid"].is_string() && key.get("d").is_none(), "{published}");
    let door = door.restarted().await;
    let after = Browser::new().fetch(&door.url("app", "/.well-known/doorward/jwks.json")).await;
    assert_eq!(after.json(), published);
}

#[tokio::test]
async fn a_person_sees_who_they_are() {
    let scene = scene().await;
    scene.provider.person(Person::new("alice@example.com").in_groups(&["staff"]));
    let mut browser = scene.door.signed_in("app").await;
    for host in ["app", "code"] {
        browser.visit(&scene.url(host, "/")).await;
        let page = browser.visit(&scene.url(host, "/.doorward/")).await;
        assert_eq!(page.status, 200);
        for word in ["alice@example.com", "staff"] {
            assert!(page.text().contains(word), "{word}: {}", page.text());
        }
        let user = browser.fetch(&scene.url(host, "/.doorward/user")).await;
        assert_eq!(user.header("content-type"), Some("application/json"));
        assert!(user.text().contains("alice@example.com"), "{}", user.text());
        assert_eq!(user.json()["groups"], json!(["staff"]));
    }
    assert_eq!(Browser::new().fetch(&scene.url("app", "/.doorward/user")).await.status, 401);
    // Not for another site's script.
    let answer =
        browser.send(Ask::fetch(&scene.url("app", "/.doorward/user")).header("origin", "https://evil.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn the_portal_shows_what_policy_really_allows() {
    let scene = Scene::with(|setup, upstream| {
        setup
            .route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\nname: The app\ndescription: For everybody"))
            .route("mine", upstream, &format!("{}\nname: Mine", only("alice@example.com")))
            .route("theirs", upstream, &format!("{}\nname: Theirs", only("bob@example.com")))
            .route("wheel", upstream, "policy: [{deny: {or: [{groups: {has: wheel}}]}}, {allow: {or: [authenticated_user: true]}}]\nname: Not for wheel")
    })
    .await;
    scene.provider.person(Person::new("alice@example.com").in_groups(&["wheel"]));
    let mut browser = scene.door.signed_in("app").await;
    let page = browser.visit(&scene.url("app", "/.doorward/routes")).await.text();
    for shown in ["The app", "For everybody", "Mine", &scene.url("mine", "")] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    for hidden in ["Theirs", "Not for wheel"] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
}

#[tokio::test]
async fn an_upstream_never_sees_the_reserved_paths() {
    let scene = scene().await;
    let mut browser = scene.door.signed_in("app").await;
    let before = scene.arrivals();
    for path in [
        "/.doorward",
        "/.doorward/",
        "/.doorward/x",
        "/.doorward/callback",
        "/%2edoorward/user",
        "/.%64oorward/user",
        "//.doorward/user",
        "/.doorward;x/user",
        "/.doorward//user",
    ] {
        let answer = browser.send(Ask::page(&scene.url("app", path))).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.status);
        assert_eq!(scene.arrivals(), before, "{path} reached the application");
    }
    // What only looks like it is the application's.
    for path in ["/.doorwardx", "/x/.doorward/", "/.DOORWARD/user", "/.well-known/other"] {
        assert_eq!(browser.visit(&scene.url("app", path)).await.status, 200, "{path}");
        assert_eq!(scene.upstream.last().target(), path);
    }
}
