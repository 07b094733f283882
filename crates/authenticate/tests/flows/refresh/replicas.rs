//! Several replicas, one session: one refresh.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::store::SharedStore;
use super::{is_signed_in, replica, signed_in, until};
use crate::door::{Browser, CODE, Door};
use crate::provider::Provider;

/// Both have the session in memory.
async fn two(provider: &Provider, store: &Arc<SharedStore>) -> (Door, Door, Browser) {
    let (one, other) = (replica(provider, store), replica(provider, store));
    let (mut browser, _) = signed_in(&one, provider).await;
    assert!(is_signed_in(&other, &mut browser).await, "any replica knows the session");
    (one, other, browser)
}

pub(super) fn same_jar(browser: &Browser) -> Browser {
    Browser { jar: browser.jar.clone(), ..Browser::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_requests_at_two_replicas_ask_the_provider_once_and_sign_nobody_out() {
    let provider = Provider::start().await;
    let store = Arc::new(SharedStore::default());
    let (one, other, browser) = two(&provider, &store).await;
    provider.set().refreshes.delay = Duration::from_millis(300);
    let (one, other) = (Arc::new(one), Arc::new(other));
    for round in 1..=3 {
        provider.set().claims.insert("groups".into(), json!([format!("round-{round}")]));
        one.wait(1201);
        other.wait(1201);
        let requests: Vec<_> = (0..50)
            .map(|number| {
                let door = Arc::clone(if number % 2 == 0 { &one } else { &other });
                let mut browser = same_jar(&browser);
                tokio::spawn(async move { browser.open(&door, CODE).await })
            })
            .collect();
        for request in requests {
            let answer = request.await.unwrap();
            assert_eq!(answer.text(), "upstream for amina@example.com");
            assert!(answer.set_cookies().is_empty());
        }
        assert_eq!(provider.set().refreshes.requests, round, "one token request");
        for door in [&one, &other] {
            let session = door.sessions_of(&browser).await;
            assert_eq!(session.known().identity.groups.as_slice(), [format!("round-{round}")]);
        }
    }
    assert_eq!(provider.set().refreshes.reused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_the_provider_has_ended_ends_at_every_replica_within_a_second() {
    let provider = Provider::start().await;
    let store = Arc::new(SharedStore::default());
    let (one, other, mut browser) = two(&provider, &store).await;
    let stop = CancellationToken::new();
    let following = Arc::clone(&other.sessions);
    tokio::spawn({
        let stop = stop.clone();
        async move { following.run_changes(SystemTime::now, stop).await }
    });
    let _stop = stop.drop_guard();
    let elsewhere = other.sessions_of(&browser).await;
    provider.set().refreshes.answer =
        Some((http::StatusCode::BAD_REQUEST, "application/json", r#"{"error":"invalid_grant"}"#));
    one.wait(1201);
    assert!(!is_signed_in(&one, &mut same_jar(&browser)).await);
    tokio::time::timeout(Duration::from_secs(10), elsewhere.ended().cancelled()).await.expect("it ends there too");
    assert!(!is_signed_in(&other, &mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_heard_while_the_store_goes_down_is_used_and_written_when_it_is_back() {
    let provider = Provider::start().await;
    let store = Arc::new(SharedStore::default());
    let (one, other, mut browser) = two(&provider, &store).await;
    let session = one.sessions_of(&browser).await;
    provider.set().claims.insert("groups".into(), json!(["new"]));
    provider.set().refreshes.delay = Duration::from_millis(500);
    one.wait(1201);
    let request = {
        let mut browser = same_jar(&browser);
        let door = Arc::new(one);
        let kept = Arc::clone(&door);
        (tokio::spawn(async move { browser.open(&door, CODE).await }), kept)
    };
    // It has its lease, and has asked.
    until("the question", || session.is_being_refreshed()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    store.go_down(true);
    let (request, one) = request;
    assert_eq!(request.await.unwrap().text(), "upstream for amina@example.com");
    until("the refresh", || session.known().revision == 2).await;
    assert_eq!(session.known().identity.groups.as_slice(), ["new"], "it is used at once");
    assert!(is_signed_in(&one, &mut browser).await);
    assert_eq!(provider.set().refreshes.requests, 1);
    store.go_down(false);

    // The other replica does not spend the old token again: it finds what was written.
    other.wait(1201);
    assert!(is_signed_in(&other, &mut browser).await);
    assert_eq!(other.sessions_of(&browser).await.known().identity.groups.as_slice(), ["new"]);
    assert_eq!(provider.asked(), (1, 0));

    // Nor does one that starts anew.
    let third = replica(&provider, &store);
    third.wait(1300);
    assert!(is_signed_in(&third, &mut browser).await);
    third.wait(2600);
    provider.set().refreshes.delay = Duration::ZERO;
    assert!(is_signed_in(&third, &mut browser).await);
    assert_eq!(provider.asked(), (2, 0));
}

#[tokio::test]
async fn while_the_store_is_down_nothing_is_asked_that_another_replica_may_be_asking() {
    let provider = Provider::start().await;
    let store = Arc::new(SharedStore::default());
    let (one, _other, mut browser) = two(&provider, &store).await;
    one.wait(1201);
    // As it does every second: what the store has not vouched for lately does not go on without it.
    one.sessions.look_after(one.now()).await;
    store.go_down(true);
    assert!(is_signed_in(&one, &mut browser).await, "the session goes on");
    assert_eq!(provider.set().refreshes.requests, 0);
    store.go_down(false);
    one.wait(6);
    assert!(is_signed_in(&one, &mut browser).await);
    assert_eq!(provider.set().refreshes.requests, 1);
}
