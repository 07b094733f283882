//! A policy tried beside the real one: seen, counted, and never enforced.

use super::{figures, measured};
use crate::harness::browser::Browser;
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, WEBSOCKETS};
use crate::harness::websocket;

const TRIED: &str = "policy:
  - allow:
      or:
        - domain: {is: example.com}
policy_shadow:
  - allow:
      or:
        - email: {is: alice@example.com}
        - domain: {is: example.org}";

#[tokio::test]
async fn what_it_would_have_decided_is_seen_and_nothing_changes() {
    let (scene, port) = measured(|setup, upstream| {
        setup
            .route("home", upstream, ANYBODY_SIGNED_IN)
            .route("app", upstream, &format!("{TRIED}\n{WEBSOCKETS}"))
            .route(
                "open",
                upstream,
                "policy: [{allow: {or: [email: {is: x@example.com}]}}]\npolicy_shadow: [{allow: {or: [accept: true]}}]",
            )
    })
    .await;
    let mut lines = Vec::new();
    for (who, status) in [("alice@example.com", 200), ("bob@example.com", 200), ("eve@example.org", 403)] {
        scene.provider.person(Person::new(who));
        let mut browser = scene.door.signed_in("home").await;
        let answer = browser.visit(&scene.url("app", "/")).await;
        assert_eq!(answer.status, status, "{who}");
        lines.push(scene.door.log.access_line(answer.header("x-request-id").unwrap()).await);
        if who.starts_with("bob") {
            websocket::open(&scene.door, &browser, "app").await.expect("a WebSocket the shadow would not allow");
        }
    }
    assert!(lines[0].get("shadow-decision").is_none(), "{}", lines[0]);
    assert_eq!((&lines[1]["decision"], &lines[1]["shadow-decision"]), (&"allow".into(), &"deny".into()));
    assert_eq!(lines[1]["shadow-reason"], "email-unauthorized,domain-unauthorized");
    assert_eq!((&lines[2]["decision"], &lines[2]["shadow-decision"]), (&"deny".into(), &"allow".into()));
    let app = lines[0]["route"].as_str().unwrap();
    let mut counted = figures(port, "doorward_policy_shadow_differences_total").await;
    counted.sort();
    let line = |decision: &str, shadow: &str, count: u32| {
        format!(
            "doorward_policy_shadow_differences_total{{route=\"{app}\",decision=\"{decision}\",shadow=\"{shadow}\"}} {count}"
        )
    };
    assert_eq!(counted, [line("allow", "deny", 2), line("deny", "allow", 1)]);

    let arrived = scene.arrivals();
    let answer = Browser::new().fetch(&scene.url("open", "/")).await;
    assert_eq!(
        (answer.status.as_u16(), scene.arrivals()),
        (401, arrived),
        "a shadow that lets everybody in lets nobody in"
    );
}
