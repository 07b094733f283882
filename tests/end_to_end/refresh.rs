//! A certified provider is heard again while people work, and what it ends has ended here.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::browser::Browser;
use crate::harness::certified_provider::CertifiedProvider;
use crate::harness::doorward::Doorward;
use crate::harness::scene::ANYBODY_SIGNED_IN;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

/// Doorward with `app` for whoever is signed in and `wheel` for a group, asking the provider every ten seconds.
async fn start(provider: &CertifiedProvider, upstream: &Upstream) -> Doorward {
    let setup = Setup::new();
    let keys = provider.client(&setup, "app", "/.doorward/oauth2/callback").await;
    setup
        .with(&keys)
        .with("idp_refresh_interval: 10s\nidp_request_params: {prompt: consent}")
        .route("app", &upstream.url(), ANYBODY_SIGNED_IN)
        .route("wheel", &upstream.url(), "policy: [{allow: {or: [{groups: {has: wheel}}]}}]")
        .start()
        .await
}

/// Works on until an answer has this status.
async fn until(browser: &mut Browser, url: &str, status: u16) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = browser.fetch(url).await;
        if answer.status == status {
            return;
        }
        assert!(Instant::now() < end, "still {}, not {status}", answer.status);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test]
async fn a_changed_group_counts_and_a_disabled_account_is_out_without_a_new_sign_in() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    let mut browser = Browser::new();
    let answer = provider.sign_in(&mut browser, &door.url("wheel", "/"), "alice").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    provider.command("POST", "/people", &json!({"login": "alice", "groups": ["staff"]})).await;
    until(&mut browser, &door.url("wheel", "/"), 403).await;
    assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200, "the session goes on, where it was begun");

    provider.command("POST", "/people", &json!({"login": "alice", "disabled": true})).await;
    until(&mut browser, &door.url("app", "/"), 401).await;
    assert_eq!(browser.fetch(&door.url("wheel", "/")).await.status, 401, "on every host");
}

#[tokio::test]
async fn a_provider_that_stops_and_a_restart_of_ours_sign_nobody_out() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    let mut browser = Browser::new();
    provider.sign_in(&mut browser, &door.url("app", "/"), "bob").await;
    let tokens = provider.count("token").await;
    provider.command("POST", "/stop", &Value::Null).await;
    let end = Instant::now() + Duration::from_secs(15);
    while Instant::now() < end {
        assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(provider.count("token").await, tokens);
    let door = door.restarted().await;
    assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200, "nor does a restart while it is away");
    provider.command("POST", "/resume", &Value::Null).await;
    let end = Instant::now() + Duration::from_secs(60);
    while provider.count("token").await == tokens {
        assert!(Instant::now() < end, "the provider is not asked again");
        assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn signing_out_at_the_provider_ends_the_session_here_by_its_own_word() {
    let Some(provider) = CertifiedProvider::start().await else { return };
    let upstream = Upstream::start().await;
    let door = start(&provider, &upstream).await;
    let (mut leaving, mut staying, mut other) = (Browser::new(), Browser::new(), Browser::new());
    provider.sign_in(&mut leaving, &door.url("app", "/"), "alice").await;
    provider.sign_in(&mut staying, &door.url("app", "/"), "alice").await;
    provider.sign_in(&mut other, &door.url("app", "/"), "bob").await;
    for browser in [&mut leaving, &mut staying, &mut other] {
        assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200);
    }
    // At the provider, which tells us behind the browser's back.
    let question = leaving.visit(&format!("{}/session/end", provider.issuer)).await;
    assert_eq!(question.status, 200, "{}", question.text());
    let done = leaving.submit(&question, &[("logout", "yes")]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(leaving.fetch(&door.url("app", "/")).await.status, 401, "{}", done.text());
    assert_eq!(staying.fetch(&door.url("app", "/")).await.status, 200, "another browser's session there goes on");
    assert_eq!(other.fetch(&door.url("app", "/")).await.status, 200);
}
