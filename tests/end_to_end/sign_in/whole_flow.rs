//! With a certified provider, as a person meets it.

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::certified_provider::CertifiedProvider;
use crate::harness::doorward::Doorward;
use crate::harness::scene::{ANYBODY_SIGNED_IN, only};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const CALLBACK: &str = "/.doorward/oauth2/callback";

/// Doorward with three hosts: `app` for whoever is signed in, `code` for Alice, `wheel` for a group.
async fn start(provider: &CertifiedProvider, upstream: &Upstream) -> Doorward {
    let setup = Setup::new();
    let keys = provider.client(&setup, "app", CALLBACK).await;
    let group = "policy: [{allow: {or: [{groups: {has: wheel}}]}}]";
    setup
        .with(&keys)
        .route("app", &upstream.url(), &format!("{ANYBODY_SIGNED_IN}\npass_identity_headers: true"))
        .route("code", &upstream.url(), &only("alice@example.com"))
        .route("wheel", &upstream.url(), group)
        .start()
        .await
}

#[tokio::test]
async fn a_person_signs_in_once_and_lands_where_they_wanted_to_go() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    let mut browser = Browser::new();

    let answer = provider.sign_in(&mut browser, &door.url("app", "/deep/a%20b?q=1&r=%2F&q=2"), "alice").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["line"], "GET /deep/a%20b?q=1&r=%2F&q=2 HTTP/1.1");
    assert_eq!(browser.jar.refused, [""; 0], "cookies that a browser does not take");

    // A second host, and a third: the provider is not asked for anything again.
    let asked = provider.count("authorization").await;
    let answer = browser.visit(&door.url("code", "/?folder=/srv")).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["line"]), (200, &json!("GET /?folder=/srv HTTP/1.1")));
    assert_eq!(browser.visit(&door.url("wheel", "/")).await.status, 200);
    assert_eq!(provider.count("authorization").await, asked);
    assert_eq!(upstream.arrived().len(), 3);
}

#[tokio::test]
async fn the_request_to_the_provider_has_all_that_protects_it() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    let mut browser = Browser::new();
    provider.sign_in(&mut browser, &door.url("app", "/"), "bob").await;

    let seen = provider.command("GET", "/requests", &Value::Null).await;
    let find = |endpoint: &str| {
        let all = seen["requests"].as_array().unwrap();
        all.iter().find(|request| request["endpoint"] == endpoint).unwrap().clone()
    };
    let query = find("authorization")["query"].clone();
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["code_challenge"].as_str().unwrap().len(), 43);
    assert_eq!(query["redirect_uri"], door.url("app", CALLBACK));
    for random in ["state", "nonce"] {
        assert!(query[random].as_str().unwrap().len() >= 22, "{random}: {query}");
    }
    assert!(query["scope"].as_str().unwrap().split(' ').any(|scope| scope == "openid"));
    assert!(!query.to_string().contains("secret"));
    assert_eq!(find("token")["authorization"], "Basic");
}

#[tokio::test]
async fn rules_hold_for_what_the_provider_says_of_people() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;

    // An address nobody has checked matches no rule, though the person is known.
    provider.command("POST", "/people", &json!({ "login": "mallory", "email": "alice@example.com" })).await;
    let mut mallory = Browser::new();
    assert_eq!(provider.sign_in(&mut mallory, &door.url("app", "/"), "mallory").await.status, 200);
    let denied = mallory.visit(&door.url("code", "/")).await;
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("not allowed"), "{}", denied.text());

    // In the group or not; and the page of a person who is not says who they are and which request it was.
    let mut bob = Browser::new();
    let denied = provider.sign_in(&mut bob, &door.url("wheel", "/"), "bob").await;
    assert_eq!(denied.status, 403);
    assert!(denied.text().contains("bob@example.com"), "{}", denied.text());
    assert!(denied.text().contains(denied.header("x-request-id").unwrap()));
    let mut alice = Browser::new();
    assert_eq!(provider.sign_in(&mut alice, &door.url("wheel", "/"), "alice").await.status, 200);

    // No address at all is enough where any account is.
    let mut noemail = Browser::new();
    assert_eq!(provider.sign_in(&mut noemail, &door.url("app", "/"), "noemail").await.status, 200);
    let arrived: Vec<_> =
        upstream.arrived().iter().filter_map(|arrived| arrived.header("host").map(String::from)).collect();
    assert_eq!(arrived.len(), 3, "Mallory on app, Alice on wheel, and the one without an address: {arrived:?}");
}

#[tokio::test]
async fn many_groups_and_strange_names_arrive_without_adding_a_header() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    for login in ["many", "strange"] {
        let mut browser = Browser::new();
        let answer = provider.sign_in(&mut browser, &door.url("app", "/"), login).await;
        assert_eq!(answer.status, 200, "{login}: {}", answer.text());
        let arrived = upstream.last();
        assert_eq!(arrived.header("x-doorward-claim-email"), Some(format!("{login}@example.com").as_str()));
        assert_eq!(arrived.all("x-injected"), [""; 0], "{arrived:?}");
        for (name, value) in &arrived.headers {
            assert!(value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{name}: {value:?}");
        }
        let page = browser.visit(&door.url("app", "/.doorward/")).await;
        assert_eq!(page.status, 200);
        let user = browser.fetch(&door.url("app", "/.doorward/user")).await.json();
        assert!(user["groups"].as_array().unwrap().len() >= 4, "{user}");
    }
}

#[tokio::test]
async fn the_providers_keys_may_change_while_we_run() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    let mut alice = Browser::new();
    assert_eq!(provider.sign_in(&mut alice, &door.url("app", "/"), "alice").await.status, 200);
    for forget in [false, true] {
        provider.command("POST", "/rotate", &json!({ "forget": forget })).await;
        let mut bob = Browser::new();
        let answer = provider.sign_in(&mut bob, &door.url("app", "/"), "bob").await;
        assert_eq!(answer.status, 200, "old keys forgotten: {forget}: {}", answer.text());
    }
    assert_eq!(alice.fetch(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn signing_out_ends_the_session_here_and_at_the_provider() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    let mut browser = Browser::new();
    provider.sign_in(&mut browser, &door.url("app", "/"), "alice").await;
    assert_eq!(browser.visit(&door.url("code", "/")).await.status, 200);

    let question = browser.visit(&door.url("code", "/.doorward/sign_out")).await;
    let mut page = browser.submit(&question, &[]).await;
    if page.url.as_str().starts_with(&provider.issuer) {
        // The provider asks its own question; its page answers by itself in a browser with scripts.
        page = browser.submit(&page, &[("logout", "yes")]).await;
    }
    assert_eq!(page.status, 200, "{}{}", browser.trail_as_text(), page.text());
    assert!(page.text().contains("signed out"), "{}", page.text());
    assert!(provider.count("end_session").await >= 1);
    for host in ["app", "code"] {
        assert_eq!(browser.fetch(&door.url(host, "/")).await.status, 401, "{host}");
    }
    // Signing in again takes the provider's form again: its own session ended too.
    let page = browser.visit(&door.url("app", "/")).await;
    assert!(provider.asks(&page), "{} {}", page.status, page.url);
}
