//! The store goes away and comes back: who is signed in goes on, nobody new comes in, and all heals by itself.

use super::Replicas;
use crate::harness::browser::{Ask, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::eventually;
use crate::harness::hostile_provider::Person;
use crate::harness::scene::ANYBODY_SIGNED_IN;
use crate::harness::setup::Setup;
use crate::harness::stores::Store;
use crate::harness::websocket::{echo, ended};

async fn is_ready(door: &Doorward) -> bool {
    door.health("/readyz").await.status == 200
}

async fn goes_away_and_comes_back(store: Store) {
    let mut replicas = Replicas::start(2, store).await;
    let known = replicas.browser_of("anna@example.com").await;
    for index in 0..2 {
        assert_eq!(replicas.ask(index, &known, "app", "/").await.status, 200);
    }
    replicas.store.stop();
    for door in &replicas.doors {
        eventually("being unready", || async { !is_ready(door).await }).await;
        assert_eq!(door.health("/healthz").await.status, 200);
    }
    for index in 0..2 {
        assert_eq!(replicas.ask(index, &known, "app", "/").await.status, 200, "who is known goes on");
    }
    // Somebody who signs in gets a clear answer, and no cookie of a session.
    replicas.provider.person(Person::new("ben@example.com"));
    let mut newcomer = Browser::new();
    let answer = newcomer.visit(&replicas.url("app", "/")).await;
    assert_eq!(answer.status, 503, "{}{}", newcomer.trail_as_text(), answer.text());
    // A cookie that no replica has met is neither signed in nor signed out.
    let mut stranger = Browser::new();
    stranger.jar = known.jar.clone();
    let value: String = known.jar.all().find(|cookie| cookie.name.ends_with("doorward")).unwrap().value.clone();
    let other = value.chars().rev().collect::<String>();
    stranger.jar.plant("app.example.test", "__Host-doorward", &other);
    let status = stranger.fetch(&replicas.url("app", "/")).await.status;
    assert!(status == 503 || status == 401, "{status}: malformed cookies are nobody's, others cannot be asked about");

    replicas.store.go_on();
    for door in &replicas.doors {
        eventually("being ready again", || is_ready(door)).await;
    }
    for index in 0..2 {
        assert_eq!(replicas.ask(index, &known, "app", "/").await.status, 200);
    }
    replicas.browser_of("ben@example.com").await;
}

#[tokio::test]
async fn redis_goes_away_and_comes_back() {
    let Some(store) = Store::redis() else { return };
    goes_away_and_comes_back(store).await;
}

#[tokio::test]
async fn postgres_goes_away_and_comes_back() {
    let Some(store) = Store::postgres() else { return };
    goes_away_and_comes_back(store).await;
}

#[tokio::test]
async fn when_the_grace_is_over_nobody_goes_on_and_nobody_is_signed_out() {
    let Some(store) = Store::redis() else { return };
    let mut replicas = Replicas::with(1, store, |setup| setup.with("session_store_grace: 3s")).await;
    let anna = replicas.browser_of("anna@example.com").await;
    let mut socket = super::endings::socket(&replicas, 0, &anna).await;
    assert!(echo(&mut socket, "all is well").await);
    replicas.store.stop();
    eventually("the end of the grace", || async { replicas.ask(0, &anna, "app", "/").await.status == 503 }).await;
    ended(&mut socket).await;
    let answer = replicas.ask(0, &anna, "app", "/").await;
    assert_eq!(answer.status, 503, "and not 401: {}", answer.text());
    assert!(answer.header("set-cookie").is_none());
    replicas.store.go_on();
    eventually("going on", || async { replicas.ask(0, &anna, "app", "/").await.status == 200 }).await;
    let mut socket = super::endings::socket(&replicas, 0, &anna).await;
    assert!(echo(&mut socket, "and all is well").await);
}

#[tokio::test]
async fn a_store_that_is_away_at_the_start_is_waited_for() {
    let Some(mut store) = Store::redis() else { return };
    let keys = store.keys();
    store.stop();
    let provider = crate::harness::hostile_provider::Provider::start().await;
    let upstream = crate::harness::upstream::Upstream::start().await;
    let setup = Setup::new()
        .with(&provider.keys())
        .with(&format!("cookie_secret: {}", super::SECRETS[0]))
        .with(&keys)
        .route("app", &upstream.url(), ANYBODY_SIGNED_IN)
        .route("open", &upstream.url(), crate::harness::scene::EVERYBODY);
    setup.write();
    let door = Doorward::start_unready(setup).await;
    assert_eq!(door.health("/healthz").await.status, 200);
    assert!(!is_ready(&door).await);
    let mut browser = Browser::new();
    assert_eq!(browser.visit(&door.url("open", "/")).await.status, 200, "what is open to everybody needs no store");
    assert_eq!(browser.visit(&door.url("app", "/")).await.status, 503, "{}", browser.trail_as_text());
    store.go_on();
    eventually("being ready", || is_ready(&door)).await;
    assert_eq!(browser.send(Ask::page(&door.url("app", "/"))).await.status, 302);
    door.signed_in("app").await;
}
