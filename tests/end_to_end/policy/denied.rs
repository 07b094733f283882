//! What a denied visitor is told: nothing of the rules, or in one sentence what it would have taken.

use super::measured;
use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};

const SECRETS: [&str; 5] = ["alice@example.com", "bob@example.com", "the-house", "s3cret", "10.9."];

/// Everything that names somebody or something in particular.
const RULES: &str = "policy:
  - allow:
      or:
        - email: {in: [alice@example.com, bob@example.com]}
        - email: {in_people: the-house}
        - groups: {has: wheel}
        - source_ip: 10.9.0.0/16
        - http_header/X-Key: s3cret";

async fn scene(more: &str) -> Scene {
    let (scene, _) = measured(|setup, upstream| {
        setup
            .with("people:\n  the-house: [alice@example.com]\nsupport_contact: it@example.com")
            .route("home", upstream, ANYBODY_SIGNED_IN)
            .route("silent", upstream, RULES)
            .route("told", upstream, &format!("{RULES}\nshow_error_details: true"))
            .route("more", upstream, &format!("show_error_details: true\n{more}"))
    })
    .await;
    scene
}

async fn eve(scene: &Scene) -> Browser {
    scene.provider.person(Person::new("eve@example.org").in_groups(&["staff"]));
    scene.door.signed_in("home").await
}

async fn denied(browser: &mut Browser, url: &str, accept: &str) -> Answer {
    // Once for the sign-in on the way there.
    browser.visit(url).await;
    let answer = browser.send(Ask::page(url).header("accept", accept)).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    for secret in SECRETS {
        assert!(!answer.text().contains(secret), "{secret} in {}", answer.text());
    }
    answer
}

#[tokio::test]
async fn by_default_only_who_they_are_the_request_and_whom_to_ask() {
    let scene = scene(RULES).await;
    let mut eve = eve(&scene).await;
    for accept in ["text/html", "application/json", "text/plain"] {
        let text = denied(&mut eve, &scene.url("silent", "/"), accept).await.text();
        assert!(!text.contains("need") && !text.contains("wheel") && !text.contains("unauthorized"), "{text}");
        assert!(text.contains("it@example.com"), "{text}");
    }
    let page = denied(&mut eve, &scene.url("silent", "/"), "text/html").await.text();
    assert!(page.contains("eve@example.org") && page.contains("href=\"mailto:it@example.com\""), "{page}");
}

#[tokio::test]
async fn with_details_one_sentence_of_what_was_needed() {
    let scene = scene(RULES).await;
    let mut eve = eve(&scene).await;
    let json = denied(&mut eve, &scene.url("told", "/"), "application/json").await.json();
    let needed = json["needed"].as_str().expect("what was needed").to_owned();
    for part in ["an e-mail address that is on the list", "the group wheel", "yours is 127.0.0.1"] {
        assert!(needed.contains(part), "{part}: {needed}");
    }
    assert!(needed.chars().count() <= 200, "{needed}");
    assert!(denied(&mut eve, &scene.url("told", "/"), "text/html").await.text().contains(&needed));
}

#[tokio::test]
async fn whom_a_rule_turns_away_is_told_what_of_theirs_it_looked_at() {
    let deny = "policy:\n  - {allow: {or: [accept: true]}}\n  - {deny: {or: [source_ip: [10.9.0.0/16, 127.0.0.0/8]]}}";
    let scene = scene(deny).await;
    let mut stranger = Browser::new();
    let json = denied(&mut stranger, &scene.url("more", "/"), "application/json").await.json();
    assert_eq!(json["needed"], "A rule turns away requests from your address (127.0.0.1).");
}
