//! Tickets that are broken, stale, stolen from another host or tossed in: not signed in, and never an error.

use std::time::{Duration, Instant};

use crate::harness::browser::{Ask, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::eventually;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};

const NAME: &str = "__Host-doorward";

/// The status of a script's request with exactly this Cookie header.
async fn status_with(door: &Doorward, host: &str, cookie: &str) -> u16 {
    let request = format!("GET / HTTP/1.1\r\nHost: HOST\r\nSec-Fetch-Mode: cors\r\nCookie: {cookie}\r\n\r\n");
    door.exchange(host, &request).await.status
}

fn ticket(browser: &Browser, host: &str) -> String {
    browser.jar.get(&format!("{host}.example.test"), NAME).unwrap().value.clone()
}

#[tokio::test]
async fn a_broken_ticket_means_not_signed_in() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let good = ticket(&scene.door.signed_in("app").await, "app");
    assert_eq!(status_with(&scene.door, "app", &format!("{NAME}={good}")).await, 200);
    let before = scene.arrivals();

    let swap = |at: usize| {
        let mut text = good.clone().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(text).unwrap()
    };
    let mut broken = vec![String::new(), "x".into(), "=".into(), "null".into(), "\"".into(), "%00".into(), "ü".into()];
    broken.extend([good[1..].into(), good[..good.len() - 1].into(), format!("{good}A"), format!("{good}=")]);
    broken.extend([1, 5, 20, 24, 30, 50, 62].map(swap));
    broken.extend(["A".repeat(64), "_".repeat(64), "A".repeat(63), "A".repeat(10_000), ".".repeat(64)]);
    broken.extend([good.to_uppercase(), good.chars().rev().collect(), format!("\"{good}"), format!("{good} {good}")]);
    for value in broken {
        let status = status_with(&scene.door, "app", &format!("{NAME}={value}")).await;
        assert_eq!(status, 401, "{value:.100}");
    }
    // Under other names it is nothing.
    for name in ["doorward", "__Secure-doorward", "__host-doorward", "__Host-doorward2", "__Host-Doorward", " "] {
        assert_eq!(status_with(&scene.door, "app", &format!("{name}={good}")).await, 401, "{name}");
    }
    assert_eq!(scene.arrivals(), before, "something got through");
}

#[tokio::test]
async fn a_page_load_with_a_broken_ticket_signs_in_again() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let mut browser = Browser::new();
    browser.jar.plant("app.example.test", NAME, &"A".repeat(64));
    for number in 0..30 {
        browser.jar.plant("app.example.test", &format!("{NAME}-attempt-{number}"), "garbage");
    }
    let answer = browser.visit(&scene.url("app", "/x")).await;
    assert_eq!(answer.status, 200, "{}{}", browser.trail_as_text(), answer.text());
}

#[tokio::test]
async fn a_cookie_tossed_in_beside_the_ticket_does_not_lock_anybody_out() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let good = ticket(&scene.door.signed_in("app").await, "app");
    let bad = "A".repeat(64);
    for cookie in [
        format!("{NAME}={bad}; {NAME}={good}"),
        format!("{NAME}={good}; {NAME}={bad}"),
        format!("{NAME}; =; ;; {NAME}=; {NAME}={good}"),
        format!("a=b\r\nCookie: {NAME}={good}"),
    ] {
        assert_eq!(status_with(&scene.door, "app", &cookie).await, 200, "{cookie}");
        assert!(scene.upstream.last().all("cookie").iter().all(|line| !line.contains(NAME)));
    }
}

#[tokio::test]
async fn the_ticket_of_one_host_is_nothing_on_another() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    browser.visit(&scene.url("code", "/")).await;
    let (app, code) = (ticket(&browser, "app"), ticket(&browser, "code"));
    let before = scene.arrivals();
    assert_eq!(status_with(&scene.door, "code", &format!("{NAME}={app}")).await, 401);
    assert_eq!(status_with(&scene.door, "app", &format!("{NAME}={code}")).await, 401);
    assert_eq!(scene.arrivals(), before);
    assert_eq!(status_with(&scene.door, "code", &format!("{NAME}={code}")).await, 200);
}

#[tokio::test]
async fn sessions_survive_a_restart() {
    let Scene { provider, upstream, door } = Scene::with_two_hosts().await;
    let mut browser = door.signed_in("app").await;
    browser.visit(&door.url("code", "/")).await;
    let door = door.restarted().await;
    for host in ["app", "code"] {
        assert_eq!(browser.fetch(&door.url(host, "/again")).await.status, 200, "{host}");
    }
    assert_eq!(provider.requests("/authorize").len(), 1);
    assert_eq!(upstream.last().target(), "/again");
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_up_whatever_the_browser_keeps() {
    let scene =
        Scene::with(|setup, upstream| setup.with("cookie_expire: 6s").route("app", upstream, ANYBODY_SIGNED_IN)).await;
    let started = Instant::now();
    let mut browser = scene.door.signed_in("app").await;
    let kept = ticket(&browser, "app");
    let door = &scene.door;
    // Asked all the time: being used does not make it live longer.
    eventually("the session ends", || async { status_with(door, "app", &format!("{NAME}={kept}")).await == 401 }).await;
    let lived = started.elapsed();
    assert!((Duration::from_millis(5500)..Duration::from_secs(12)).contains(&lived), "{lived:?}");
    let line = &browser.jar.seen.iter().find(|(_, line)| line.starts_with("__Host-doorward=")).unwrap().1;
    assert!(line.contains("Max-Age=6") || line.contains("Max-Age=5"), "{line}");
    browser.jar.plant("app.example.test", NAME, &kept);
    assert_eq!(browser.visit(&scene.url("app", "/")).await.status, 200);
    assert_eq!(scene.provider.requests("/authorize").len(), 2);
}

#[tokio::test]
async fn a_ticket_never_shows_in_the_log() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    browser.visit(&scene.url("code", "/?token=from-the-query")).await;
    browser.send(Ask::page(&scene.url("code", "/.doorward/user"))).await;
    let log = scene.door.log.settled().await;
    let mut secrets = scene.provider.secrets();
    secrets.extend([ticket(&browser, "app"), ticket(&browser, "code"), "from-the-query".into()]);
    secrets.extend(browser.jar.seen.iter().filter_map(|(_, line)| {
        let value = line.split(['=', ';']).nth(1)?;
        (value.len() > 8).then(|| value.to_owned())
    }));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log:\n{log}");
    }
}
