//! What stands in the log and in the metrics of a decision.

use serde_json::Value;

use super::{figures, measured, reload};
use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, only};

/// Everybody at example.com but Eve.
const BUT_EVE: &str = "name: The app
policy:
  - allow:
      or:
        - domain: {is: example.com}
  - deny:
      or:
        - email: {is: eve@example.com}";

async fn line_of(scene: &Scene, answer: &Answer) -> Value {
    scene.door.log.access_line(answer.header("x-request-id").unwrap()).await
}

#[tokio::test]
async fn the_access_line_names_the_rule_and_where_it_stands() {
    let scene =
        Scene::with(|setup, upstream| setup.route("home", upstream, ANYBODY_SIGNED_IN).route("app", upstream, BUT_EVE))
            .await;
    scene.provider.person(Person::new("eve@example.com"));
    let mut eve = scene.door.signed_in("home").await;
    let answer = eve.visit(&scene.url("app", "/")).await;
    assert_eq!(answer.status, 403);
    let line = line_of(&scene, &answer).await;
    assert_eq!((&line["decision"], &line["reason"], &line["rule"]), (&"deny".into(), &"email-ok".into(), &"2".into()));
    let number = usize::try_from(line["rule-line"].as_u64().expect("a line")).unwrap();
    let file = std::fs::read_to_string(scene.door.setup.config_file()).unwrap();
    let from_there: String = file.lines().skip(number - 1).take(4).collect();
    assert!(from_there.contains("eve@example.com"), "line {number} of\n{file}");

    scene.provider.person(Person::new("mallory@example.org"));
    let mut mallory = scene.door.signed_in("home").await;
    let line = line_of(&scene, &mallory.visit(&scene.url("app", "/")).await).await;
    assert_eq!((&line["decision"], &line["reason"]), (&"deny".into(), &"domain-unauthorized".into()));
    assert_eq!((&line["rule"], &line["rule-line"]), (&"none".into(), &Value::Null), "{line}");

    let line = line_of(&scene, &Browser::new().fetch(&scene.url("app", "/")).await).await;
    assert_eq!((&line["decision"], &line["reason"]), (&"sign-in".into(), &"user-unauthenticated".into()));
    assert!(line["rule"].is_string() && line.get("shadow-decision").is_none(), "{line}");

    let line = line_of(&scene, &mallory.visit(&scene.url("home", "/")).await).await;
    assert_eq!((&line["decision"], &line["rule"]), (&"allow".into(), &Value::Null), "{line}");
}

#[tokio::test]
async fn the_denied_page_is_silent_about_the_rules() {
    let scene = Scene::with(|setup, upstream| {
        setup.route("home", upstream, ANYBODY_SIGNED_IN).route("app", upstream, &only("alice@example.com"))
    })
    .await;
    scene.provider.person(Person::new("eve@example.com"));
    let mut eve = scene.door.signed_in("home").await;
    let page = eve.visit(&scene.url("app", "/")).await.text();
    assert!(page.contains("eve@example.com") && page.contains("whoever runs this site"), "{page}");
    for accept in ["text/html", "application/json", "text/plain"] {
        let answer = eve.send(Ask::page(&scene.url("app", "/")).header("accept", accept)).await;
        assert_eq!(answer.status, 403);
        let text = answer.text();
        assert!(text.contains(answer.header("x-request-id").unwrap()), "{accept}: {text}");
        for word in ["alice", "email-", "unauthorized", "eason"] {
            assert!(!text.contains(word), "{accept}: {word} in {text}");
        }
    }
}

#[tokio::test]
async fn decisions_are_counted_and_go_on_over_a_reload() {
    let (scene, port) = measured(|setup, upstream| {
        setup
            .route("home", upstream, &format!("{ANYBODY_SIGNED_IN}\nname: Home"))
            .route("app", upstream, BUT_EVE)
            .route("open", upstream, &format!("{EVERYBODY}\nname: Open"))
    })
    .await;
    assert!(figures(port, "doorward_decisions_total").await.is_empty(), "nobody has asked yet");
    scene.provider.person(Person::new("eve@example.com"));
    let mut eve = scene.door.signed_in("home").await;
    for _ in 0..3 {
        assert_eq!(eve.visit(&scene.url("app", "/")).await.status, 403);
    }
    let mut stranger = Browser::new();
    assert_eq!(stranger.fetch(&scene.url("app", "/")).await.status, 401);
    assert_eq!(stranger.fetch(&scene.url("open", "/")).await.status, 200);
    // Not a decision of any policy.
    assert_eq!(stranger.fetch(&scene.url("open", "/a%2fb")).await.status, 400);
    let route = |line: &Value| line["route"].as_str().unwrap().to_owned();
    let app = route(&line_of(&scene, &eve.visit(&scene.url("app", "/")).await).await);
    let open = route(&line_of(&scene, &stranger.fetch(&scene.url("open", "/")).await).await);
    let counted = figures(port, "doorward_decisions_total").await;
    let has = |labels: &str, count: u64| {
        let line = format!("doorward_decisions_total{{{labels}}} {count}");
        assert!(counted.contains(&line), "{line}\n{counted:#?}");
    };
    has(&format!("route=\"{app}\",decision=\"deny\",reason=\"email-ok\""), 4);
    // The stranger, and Eve on her way in.
    has(&format!("route=\"{app}\",decision=\"sign-in\",reason=\"user-unauthenticated\""), 2);
    has(&format!("route=\"{open}\",decision=\"allow\",reason=\"accept\""), 2);
    assert!(counted.iter().all(|line| !line.contains("eve") && !line.contains("a%2f")), "{counted:#?}");

    let yaml = scene.door.setup.yaml();
    reload(&scene.door, &yaml.replace("eve@example.com", "nobody@example.com")).await;
    assert_eq!(eve.visit(&scene.url("app", "/")).await.status, 200);
    let after = figures(port, "doorward_decisions_total").await;
    assert!(counted.iter().all(|line| after.contains(line)), "{counted:#?}\n{after:#?}");
    let added: Vec<_> = after.iter().filter(|line| !counted.contains(line)).collect();
    assert_eq!(
        added,
        [&format!("doorward_decisions_total{{route=\"{app}\",decision=\"allow\",reason=\"domain-ok\"}} 1")]
    );
}
