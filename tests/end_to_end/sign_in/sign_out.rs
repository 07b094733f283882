//! Signing out: asked for by the person alone, and then thorough.

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::Scene;

const SIGN_OUT: &str = "/.doorward/sign_out";

async fn is_signed_in(scene: &Scene, browser: &mut Browser, host: &str) -> bool {
    browser.fetch(&scene.url(host, "/")).await.status == 200
}

/// A person signed in on both hosts.
async fn on_both_hosts(scene: &Scene) -> Browser {
    let mut browser = scene.door.signed_in("app").await;
    assert_eq!(browser.visit(&scene.url("code", "/")).await.status, 200);
    browser
}

#[tokio::test]
async fn signing_out_ends_every_host_for_good() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = on_both_hosts(&scene).await;
    let kept: Vec<_> = browser.jar.all().cloned().collect();

    let question = browser.visit(&scene.url("code", SIGN_OUT)).await;
    assert_eq!(question.status, 200);
    assert!(is_signed_in(&scene, &mut browser, "code").await, "a GET alone has signed out");
    let page = browser.submit(&question, &[]).await;
    assert_eq!(page.status, 200, "{}{}", browser.trail_as_text(), page.text());
    assert!(page.text().contains("You are signed out"), "{}", page.text());

    // What a thief kept is worth nothing, now and after a restart.
    for cookie in &kept {
        browser.jar.plant(&cookie.domain, &cookie.name, &cookie.value);
    }
    for host in ["app", "code"] {
        assert!(!is_signed_in(&scene, &mut browser, host).await, "{host}");
    }
    let door = scene.door.restarted().await;
    for host in ["app", "code"] {
        assert_eq!(browser.fetch(&door.url(host, "/")).await.status, 401, "{host} after a restart");
    }
}

#[tokio::test]
async fn the_provider_is_told_and_sends_the_person_back() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = on_both_hosts(&scene).await;
    let question = browser.visit(&scene.url("app", SIGN_OUT)).await;
    let page = browser.submit(&question, &[]).await;
    let told = scene.provider.requests("/end_session");
    assert_eq!(told.len(), 1, "{}", browser.trail_as_text());
    assert!(told[0].parameter("id_token_hint").is_some_and(|token| token.split('.').count() == 3), "{told:?}");
    assert!(told[0].parameter("post_logout_redirect_uri").unwrap().starts_with(&scene.url("app", "/")), "{told:?}");
    assert!(page.url.as_str().starts_with(&scene.url("app", "/")), "{}", page.url);
}

#[tokio::test]
async fn only_that_persons_session_ends() {
    let scene = Scene::with_two_hosts().await;
    let mut leaving = on_both_hosts(&scene).await;
    let mut same_person_elsewhere = on_both_hosts(&scene).await;
    scene.provider.person(Person::new("bob@example.com"));
    let mut bob = on_both_hosts(&scene).await;
    let question = leaving.visit(&scene.url("app", SIGN_OUT)).await;
    leaving.submit(&question, &[]).await;
    assert!(!is_signed_in(&scene, &mut leaving, "app").await);
    assert!(is_signed_in(&scene, &mut same_person_elsewhere, "app").await);
    assert!(is_signed_in(&scene, &mut bob, "code").await);
}

#[tokio::test]
async fn nobody_is_signed_out_by_another_site() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = on_both_hosts(&scene).await;
    let other = on_both_hosts(&scene).await;
    let question = browser.visit(&scene.url("app", SIGN_OUT)).await;
    let form = question.form();
    let csrf = form.value("csrf").unwrap().to_owned();
    assert!(csrf.len() >= 16, "{csrf}");
    let good = form.filled(&question.url, &[]);
    let url = scene.url("app", SIGN_OUT);
    let theirs = {
        let mut other = other;
        other.visit(&url).await.form().value("csrf").unwrap().to_owned()
    };
    let of_code = browser.visit(&scene.url("code", SIGN_OUT)).await.form().value("csrf").unwrap().to_owned();

    let tries: Vec<(&str, Ask)> = vec![
        ("no csrf", Ask::post(&url, &[])),
        ("empty csrf", Ask::post(&url, &[("csrf", "")])),
        ("wrong csrf", Ask::post(&url, &[("csrf", "x")])),
        ("somebody else's csrf", Ask::post(&url, &[("csrf", &theirs)])),
        ("csrf in the query", Ask::post(&format!("{url}?csrf={csrf}"), &[])),
        ("a longer csrf", Ask::post(&url, &[("csrf", &format!("{csrf}x"))])),
        ("Origin of another site", good.clone().header("origin", "https://evil.example")),
        ("Origin of a sibling", good.clone().header("origin", &scene.door.setup.origin("code"))),
        ("opaque Origin", good.clone().header("origin", "null")),
        ("from another site", good.clone().header("sec-fetch-site", "cross-site")),
        ("from a sibling site", good.clone().header("sec-fetch-site", "same-site")),
        ("another content type", good.clone().header("content-type", "text/plain")),
        ("not a form", good.clone().body("\u{0}\u{1}")),
        ("a huge form", good.clone().body(format!("pad={}&csrf={csrf}", "x".repeat(1 << 20)))),
    ];
    for (what, ask) in tries {
        let answer: Answer = browser.send(ask).await;
        assert!((400..500).contains(&answer.status.as_u16()), "{what}: {} {}", answer.status, answer.text());
        assert!(is_signed_in(&scene, &mut browser, "app").await, "{what} has signed out");
    }
    for method in ["GET", "HEAD"] {
        let mut ask = Ask::page(&format!("{url}?csrf={csrf}"));
        ask.method = method.parse().unwrap();
        browser.send(ask).await;
        assert!(is_signed_in(&scene, &mut browser, "app").await, "{method} has signed out");
    }
    // The form of another host of ours is the same person's.
    assert_ne!(of_code, "");
    assert!(browser.send(good).await.status.as_u16() < 400);
    assert!(!is_signed_in(&scene, &mut browser, "app").await);
}

#[tokio::test]
async fn signing_out_without_being_signed_in_is_no_error() {
    let scene = Scene::with_two_hosts().await;
    for path in [SIGN_OUT, "/.doorward/signed_out"] {
        let mut browser = Browser::new();
        let answer = browser.visit(&scene.url("code", path)).await;
        assert!(answer.status.as_u16() < 500, "{path}: {}", answer.status);
        let answer = browser.send(Ask::post(&scene.url("code", path), &[("csrf", "x")])).await;
        assert!(answer.status.as_u16() < 500, "POST {path}: {}", answer.status);
    }
}
