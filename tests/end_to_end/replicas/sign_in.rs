//! Signing in step by step on different replicas.

use super::Replicas;
use crate::harness::browser::{Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::stores::Store;

/// Signs in with every request at the next replica, and looks at all of them for the session.
async fn hop_by_hop(replicas: &Replicas, email: &str) {
    replicas.provider.person(Person::new(email));
    let mut browser = Browser::new();
    let count = replicas.doors.len();
    let mut ask = Ask::page(&replicas.url("app", "/"));
    let mut hops = Vec::new();
    // Requests to the provider take no turn.
    let mut turn = 0;
    let answer = loop {
        if ask.url.port() == Some(replicas.balancer.port) {
            replicas.balancer.prefer(turn % count);
            hops.push(turn % count);
            turn += 1;
        }
        let answer = browser.send(ask).await;
        match answer.location() {
            Some(next) => ask = Ask::page(next.as_str()),
            None => break answer,
        }
        assert!(hops.len() < 20, "{hops:?}");
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(hops.len() >= 3, "the first page, the way back, and the page again: {hops:?}");
    // The hand-over to another host, made here and redeemed there.
    let mut ask = Ask::page(&replicas.url("code", "/"));
    let answer = loop {
        replicas.balancer.prefer(turn % count);
        turn += 1;
        let answer = browser.send(ask).await;
        match answer.location() {
            Some(next) => ask = Ask::page(next.as_str()),
            None => break answer,
        }
        assert!(turn < 40);
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    replicas.balancer.in_turn();
    for index in 0..count {
        for host in ["app", "code"] {
            let answer = replicas.ask(index, &browser, host, "/").await;
            assert_eq!(answer.status, 200, "{email} on {host} of replica {index}: {}", answer.text());
        }
    }
}

/// An application that fetched the keys from one believes what any of them says.
async fn every_replica_publishes_the_same_keys(replicas: &Replicas) {
    let mut published = Vec::new();
    for index in 0..replicas.doors.len() {
        let answer = replicas.ask(index, &Browser::new(), "app", "/.well-known/doorward/jwks.json").await;
        assert_eq!(answer.status, 200);
        published.push(answer.text());
    }
    assert!(published[0].contains("\"kid\"") && published.iter().all(|keys| *keys == published[0]), "{published:?}");
}

macro_rules! begins_on_one_and_ends_on_another {
    ($($store:ident)*) => { $(
        #[tokio::test]
        async fn $store() {
            let Some(store) = Store::$store() else { return };
            let replicas = Replicas::start(3, store).await;
            for email in ["anna@example.com", "ben@example.com"] {
                hop_by_hop(&replicas, email).await;
            }
            every_replica_publishes_the_same_keys(&replicas).await;
        }
    )* };
}

mod a_sign_in_begins_on_one_replica_and_ends_on_another {
    use super::*;

    begins_on_one_and_ends_on_another! { redis valkey cluster postgres }
}

#[tokio::test]
async fn a_store_under_an_authority_of_its_own_is_trusted_by_certificate_authority_and_by_nothing_else() {
    let Some(store) = Store::redis_with_tls() else { return };
    let pem = store.authority().unwrap();
    let replicas = Replicas::with(2, store, |setup| {
        let file = setup.file("store-authority.pem", &pem);
        setup.with(&format!("certificate_authority_file: {}", file.display()))
    })
    .await;
    hop_by_hop(&replicas, "anna@example.com").await;

    let strict = crate::harness::setup::Setup::new()
        .with(&replicas.provider.keys())
        .with(&format!("cookie_secret: {}", super::SECRETS[0]))
        .with(&replicas.store.keys())
        .route("app", &replicas.upstream.url(), crate::harness::scene::ANYBODY_SIGNED_IN);
    strict.write();
    let said = crate::harness::doorward::command_on(&strict, &["run"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("session store"), "{said:?}");
}
