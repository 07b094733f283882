//! What is written down of a request: enough to answer "who, what, why", and nothing secret or forged.

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, only};

async fn scene() -> Scene {
    Scene::with(|setup, upstream| {
        setup
            .route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\nname: The app"))
            .route("code", upstream, &only("alice@example.com"))
            .route("open", upstream, EVERYBODY)
    })
    .await
}

async fn line_of(scene: &Scene, answer: &Answer) -> serde_json::Value {
    scene.door.log.access_line(answer.header("x-request-id").unwrap()).await
}

#[tokio::test]
async fn every_request_has_its_line() {
    let scene = scene().await;
    scene.provider.person(Person::new("bob@example.com"));
    let mut bob = scene.door.signed_in("app").await;
    let mut stranger = Browser::new();

    let answer = bob.send(Ask::fetch(&scene.url("app", "/a/b?secret=1")).header("user-agent", "tests/1")).await;
    let line = line_of(&scene, &answer).await;
    assert_eq!((&line["status"], &line["method"], &line["path"]), (&200.into(), &"GET".into(), &"/a/b".into()));
    assert_eq!(
        (&line["user"], &line["decision"], &line["client"]),
        (&"bob@example.com".into(), &"allow".into(), &"127.0.0.1".into())
    );
    assert_eq!((&line["user-agent"], &line["host"]), (&"tests/1".into(), &scene.door.authority("app").into()));
    assert!(line["route"].is_string() && line["upstream"].is_string() && line["duration-ms"].is_number(), "{line}");
    assert!(!line.to_string().contains("secret"), "{line}");

    let answer = bob.visit(&scene.url("code", "/")).await;
    let line = line_of(&scene, &answer).await;
    assert_eq!(
        (&line["status"], &line["decision"], &line["user"]),
        (&403.into(), &"deny".into(), &"bob@example.com".into())
    );
    assert_eq!(line["reason"], "email-unauthorized");

    let answer = stranger.fetch(&scene.url("code", "/")).await;
    let line = line_of(&scene, &answer).await;
    assert_eq!((&line["status"], &line["decision"]), (&401.into(), &"sign-in".into()));
    assert!(line["user"].is_null() && line["reason"].is_string(), "{line}");

    let answer = stranger.fetch(&scene.url("open", "/a%2fb")).await;
    let line = line_of(&scene, &answer).await;
    assert_eq!(line["status"], 400, "{line}");
}

#[tokio::test]
async fn signing_in_and_out_is_on_record() {
    let scene = scene().await;
    let mut browser = scene.browser_of("alice@example.com").await;
    let question = browser.visit(&scene.url("app", "/.doorward/sign_out")).await;
    browser.submit(&question, &[]).await;
    for event in ["signed-in", "signed-out"] {
        let line = scene.door.log.wait_for(&format!("\"event\":\"{event}\"")).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["user"], &line["target"]), (&"alice@example.com".into(), &"audit".into()), "{line}");
    }
}

#[tokio::test]
async fn nobody_can_write_a_line_of_their_own() {
    let scene = scene().await;
    let before = scene.door.log.entries().len();
    for (name, value) in [
        ("User-Agent", "x\\n{\"forged\":1}"),
        ("User-Agent", "\u{1b}[2Jx"),
        ("User-Agent", "\u{ff}\u{fe}"),
        ("Referer", "x\ty"),
    ] {
        let answer = scene
            .door
            .exchange("open", &format!("GET /\"{{\"forged\":2 HTTP/1.1\r\nHost: HOST\r\n{name}: {value}\r\n\r\n"))
            .await;
        assert!(answer.status < 500, "{value:?}: {}", answer.status);
        let answer = scene
            .door
            .exchange("open", &format!("GET /\"forged\":3 HTTP/1.1\r\nHost: HOST\r\n{name}: {value}\r\n\r\n"))
            .await;
        assert!(answer.status < 500, "{value:?}: {}", answer.status);
    }
    let log = scene.door.log.settled().await;
    assert!(!log.contains('\u{1b}'), "a terminal would obey: {log:?}");
    let entries = scene.door.log.entries();
    assert!(entries.len() > before);
    assert!(entries.iter().all(|entry| entry.get("forged").is_none()), "{log}");
    let stray =
        log.lines().find(|line| line.starts_with('{') && serde_json::from_str::<serde_json::Value>(line).is_err());
    assert_eq!(stray, None);
}
