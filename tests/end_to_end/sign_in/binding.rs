//! Codes and states belong to the browser that asked, to the host that asked, and work once.

use url::Url;

use super::{gave_session, gives_session};
use crate::harness::browser::{Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::Scene;

/// Follows from a URL until the next step would be `path`, and gives that step without taking it.
async fn until(browser: &mut Browser, start: &str, path: &str) -> Url {
    let mut next = Url::parse(start).unwrap();
    for _ in 0..20 {
        let answer = browser.send(Ask::page(next.as_str())).await;
        next = answer.location().unwrap_or_else(|| panic!("{} {}: {}", answer.status, answer.url, answer.text()));
        if next.path() == path {
            return next;
        }
    }
    panic!("never came to {path}");
}

const FROM_PROVIDER: &str = "/.doorward/oauth2/callback";
const HAND_OVER: &str = "/.doorward/callback";

/// Holds that opening `url` in this browser is answered by a page and gives no session.
async fn assert_refused(browser: &mut Browser, url: &Url, what: &str) {
    let answer = browser.send(Ask::page(url.as_str())).await;
    assert!((400..500).contains(&answer.status.as_u16()), "{what}: {} {}", answer.status, answer.text());
    assert!(!gives_session(&answer), "{what}: {:?}", answer.headers);
    assert!(answer.text().contains("<h1>"), "{what}: no page: {}", answer.text());
}

#[tokio::test]
async fn a_callback_from_the_provider_works_once() {
    let scene = Scene::with_app("allow_any_authenticated_user: true").await;
    let mut browser = Browser::new();
    let callback = until(&mut browser, &scene.url("app", "/"), FROM_PROVIDER).await;
    let first = browser.send(Ask::page(callback.as_str())).await;
    assert!(gives_session(&first), "{} {}", first.status, first.text());
    assert_refused(&mut browser, &callback, "the same browser again").await;
    assert_eq!(scene.provider.requests("/token").len(), 1, "the code was redeemed again");
}

#[tokio::test]
async fn another_browser_cannot_finish_what_one_began() {
    let scene = Scene::with_two_hosts().await;
    let mut victim = Browser::new();
    let callback = until(&mut victim, &scene.url("app", "/"), FROM_PROVIDER).await;
    assert_refused(&mut Browser::new(), &callback, "a stolen callback").await;
    assert_eq!(scene.provider.requests("/token").len(), 0, "the state has to be checked before the code is redeemed");
    assert!(gives_session(&victim.send(Ask::page(callback.as_str())).await));

    let hand_over = until(&mut victim, &scene.url("code", "/"), HAND_OVER).await;
    assert_refused(&mut Browser::new(), &hand_over, "a stolen hand-over").await;
}

#[tokio::test]
async fn a_hand_over_works_once_and_for_its_own_host() {
    let scene = Scene::with(|setup, upstream| {
        let keys = "allow_any_authenticated_user: true";
        setup.route("app", upstream, keys).route("code", upstream, keys).route("docs", upstream, keys)
    })
    .await;
    let mut browser = scene.door.signed_in("app").await;
    let hand_over = until(&mut browser, &scene.url("code", "/"), HAND_OVER).await;
    let mut elsewhere = hand_over.clone();
    elsewhere.set_host(Some("docs.example.test")).unwrap();
    assert_refused(&mut browser, &elsewhere, "on another host").await;

    let hand_over = until(&mut browser, &scene.url("code", "/"), HAND_OVER).await;
    assert!(gives_session(&browser.send(Ask::page(hand_over.as_str())).await));
    // Going back in the browser is no attack, and gives nothing either.
    let again = browser.send(Ask::page(hand_over.as_str())).await;
    assert!(again.status.as_u16() < 500 && !gives_session(&again), "{} {:?}", again.status, again.headers);
    assert!(again.location().is_none_or(|to| to.origin() == hand_over.origin()), "{:?}", again.headers);
    browser.jar.clear();
    assert_refused(&mut browser, &hand_over, "again, in an empty browser").await;
}

#[tokio::test]
async fn nobody_can_be_signed_in_as_somebody_else_by_a_link() {
    let scene = Scene::with_two_hosts().await;
    scene.provider.person(Person::new("attacker@example.com"));
    let mut attacker = Browser::new();
    let from_provider = until(&mut attacker, &scene.url("app", "/"), FROM_PROVIDER).await;
    let mut attacker_too = scene.door.signed_in("app").await;
    let hand_over = until(&mut attacker_too, &scene.url("code", "/"), HAND_OVER).await;

    // The victim has an attempt of their own under way, and none that fits.
    let mut victim = Browser::new();
    until(&mut victim, &scene.url("app", "/"), FROM_PROVIDER).await;
    until(&mut victim, &scene.url("code", "/"), FROM_PROVIDER).await;
    assert_refused(&mut victim, &from_provider, "the attacker's callback").await;
    assert_refused(&mut victim, &hand_over, "the attacker's hand-over").await;
    scene.provider.person(Person::new("victim@example.com"));
    victim.visit(&scene.url("app", "/")).await;
    let user = victim.fetch(&scene.url("app", "/.doorward/user")).await;
    assert!(user.text().contains("victim@example.com"), "{}", user.text());
}

#[tokio::test]
async fn a_state_that_was_touched_is_refused() {
    let scene = Scene::with_app("allow_any_authenticated_user: true").await;
    let mut browser = Browser::new();
    let good = until(&mut browser, &scene.url("app", "/"), FROM_PROVIDER).await;
    let with = |name: &str, value: Option<&str>| {
        let mut url = good.clone();
        let pairs: Vec<_> = good.query_pairs().into_owned().filter(|(key, _)| key != name).collect();
        url.query_pairs_mut().clear().extend_pairs(pairs).extend_pairs(value.map(|value| (name, value)));
        url
    };
    let state = good.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned();
    let mut flipped = state.clone().into_bytes();
    let last = flipped.len() - 2;
    flipped[last] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    let long = "s".repeat(5000);
    for value in
        [None, Some(""), Some("x"), Some(flipped.as_str()), Some(long.as_str()), Some("../../etc"), Some("\u{0}")]
    {
        assert_refused(&mut browser, &with("state", value), &format!("state {value:?}")).await;
    }
    assert_refused(&mut browser, &with("code", None), "no code").await;
    assert_eq!(scene.provider.requests("/token").len(), 0);
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn a_ticket_that_was_there_before_is_not_the_one_after() {
    let scene = Scene::with_app("allow_any_authenticated_user: true").await;
    let mut attacker = scene.browser_of("attacker@example.com").await;
    let planted = attacker.jar.get("app.example.test", "__Host-doorward").unwrap().value.clone();
    // Signed out, so that the planted ticket is one the server once knew.
    let question = attacker.visit(&scene.url("app", "/.doorward/sign_out")).await;
    attacker.submit(&question, &[]).await;

    let mut victim = Browser::new();
    victim.jar.plant("app.example.test", "__Host-doorward", &planted);
    scene.provider.person(Person::new("victim@example.com"));
    assert_eq!(victim.visit(&scene.url("app", "/")).await.status, 200);
    assert!(gave_session(&victim));
    assert_ne!(victim.jar.get("app.example.test", "__Host-doorward").unwrap().value, planted);
    attacker.jar.plant("app.example.test", "__Host-doorward", &planted);
    assert_eq!(attacker.fetch(&scene.url("app", "/")).await.status, 401);
}
