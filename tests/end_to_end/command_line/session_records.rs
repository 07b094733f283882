//! What is written and counted of people's access: every event once, with whom and why, and never a secret.

use serde_json::Value;

use crate::harness::browser::{Ask, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::hostile_provider::Person;
use crate::harness::ports::free_port;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::policy::figures;

/// The audit events of this kind.
fn events(door: &Doorward, kind: &str) -> Vec<Value> {
    let is_one = |entry: &Value| entry["target"] == "audit" && entry["event"] == kind;
    door.log.entries().into_iter().filter(is_one).collect()
}

/// The one event of this kind, once it is written.
async fn event(door: &Doorward, kind: &str) -> Value {
    door.log.wait_for(&format!("\"event\":\"{kind}\"")).await;
    let mut all = events(door, kind);
    assert_eq!(all.len(), 1, "{kind}: {all:?}");
    all.remove(0)
}

async fn run(door: &Doorward, arguments: &[&str]) {
    let said = door.command(arguments).await;
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
}

#[tokio::test]
async fn every_kind_of_event_stands_in_the_log_once_and_in_the_numbers() {
    let port = free_port();
    let scene = Scene::with(|setup, upstream| {
        setup.route("app", upstream, ANYBODY_SIGNED_IN).with(&format!("metrics_address: 127.0.0.1:{port}"))
    })
    .await;
    let door = &scene.door;
    let mut secrets: Vec<String> = Vec::new();
    let mut keep = |browser: &Browser| secrets.extend(browser.jar.all().map(|cookie| cookie.value.clone()));

    let alice = scene.browser_of("alice@example.com").await;
    keep(&alice);
    let began = event(door, "signed-in").await;
    let session = began["session"].as_str().unwrap().to_owned();
    assert_eq!((&began["user"], &began["client"]), (&"alice@example.com".into(), &"127.0.0.1".into()), "{began}");
    assert!(began["provider"].is_string());
    run(door, &["session", "revoke", &session]).await;
    let ended = event(door, "session-revoked").await;
    assert_eq!((&ended["user"], &ended["session"]), (&"alice@example.com".into(), &session.as_str().into()), "{ended}");
    assert_eq!(ended["reason"], "an operator ended it");

    let mut bob = scene.browser_of("bob@example.com").await;
    keep(&bob);
    run(door, &["user", "block", "bob@example.com"]).await;
    assert_eq!(event(door, "person-blocked").await["user"], "bob@example.com");
    door.log.settled().await;
    let ended = events(door, "session-revoked").pop().unwrap();
    assert_eq!(
        (&ended["user"], &ended["reason"]),
        (&"bob@example.com".into(), &"an operator blocked this person".into())
    );
    scene.provider.person(Person::new("bob@example.com"));
    let refused = bob.visit(&scene.url("app", "/")).await;
    assert_eq!(refused.status, 403);
    let failed = event(door, "sign-in-failed").await;
    assert_eq!((&failed["user"], &failed["reason"]), (&"bob@example.com".into(), &"this person is blocked".into()));
    assert_eq!(failed["request_id"], refused.header("x-request-id").unwrap());
    run(door, &["user", "unblock", "bob@example.com"]).await;
    assert_eq!(event(door, "person-unblocked").await["user"], "bob@example.com");

    let mut carol = scene.browser_of("carol@example.com").await;
    keep(&carol);
    let page = carol.visit(&scene.url("app", "/.doorward/sign_out")).await;
    carol.submit(&page, &[]).await;
    door.log.wait_for("\"signed-out\"").await;
    assert_eq!(event(door, "signed-out").await["user"], "carol@example.com");

    // An answer that belongs to no sign-in.
    let stray = Browser::new().send(Ask::page(&scene.url("app", "/.doorward/callback?state=x&code=sesame"))).await;
    assert_eq!(stray.status, 400, "{}", stray.text());
    door.log.settled().await;
    assert_eq!(events(door, "sign-in-failed").len(), 2);

    assert_eq!(events(door, "signed-in").len(), 3);
    assert_eq!(events(door, "session-revoked").len(), 2, "each once");
    assert_eq!(events(door, "session-ended-elsewhere"), Vec::<Value>::new(), "nothing ended elsewhere");
    assert_eq!(
        figures(port, "doorward_sign_ins_total").await,
        ["doorward_sign_ins_total{outcome=\"success\"} 3", "doorward_sign_ins_total{outcome=\"failure\"} 2"]
    );
    assert_eq!(figures(port, "doorward_session_store_up").await, ["doorward_session_store_up 1"]);
    assert_eq!(figures(port, "doorward_sessions_live").await, ["doorward_sessions_live 0"]);
    assert_eq!(figures(port, "doorward_session_refreshes_total").await.len(), 3);
    let log = door.log.settled().await;
    for secret in secrets.iter().map(String::as_str).chain(["sesame"]) {
        assert!(!log.contains(secret), "{secret}");
    }
}
