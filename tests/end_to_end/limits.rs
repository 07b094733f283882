//! What is more than may be is refused at once, in words, with a reason and a count; and what attackers hold open costs
//! little, keeps nobody else waiting, and is taken from them.

mod connections;
mod held_open;
mod sign_ins;
mod unread_streams;

use crate::harness::browser::{Ask, Browser};
use crate::harness::ports::free_port;
use crate::harness::raw::Raw;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, WEBSOCKETS};
use crate::harness::setup::Setup;
use crate::harness::visitor::{self, Protocol};
use crate::harness::websocket;
use crate::policy::figures;

/// The usual stage with these keys at the top and these in the route, and where it is measured.
async fn stage(top: &str, route: &str) -> (Scene, u16) {
    let port = free_port();
    let make = |setup: Setup, upstream: &str| {
        setup.route("app", upstream, route).with(top).with(&format!("metrics_address: 127.0.0.1:{port}"))
    };
    (Scene::with(make).await, port)
}

/// What is counted of one reason, by route or without one.
async fn refused(port: u16, reason: &str) -> u64 {
    let lines = figures(port, &format!("doorward_refused_total{{reason=\"{reason}\"")).await;
    lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn a_rate_is_held_and_the_access_line_and_the_metrics_say_so() {
    let (scene, port) = stage("rate_limit: {requests: 1, per: 1h, burst: 3}", EVERYBODY).await;
    for _ in 0..3 {
        assert_eq!(scene.door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status, 200);
    }
    let answer = scene.door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\nAccept: text/html\r\n\r\n").await;
    assert_eq!(answer.status, 429);
    assert!(answer.text().contains("Too many requests"), "{}", answer.text());
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&seconds), "{seconds}");
    let line = scene.door.log.access_line(answer.header("x-request-id").unwrap()).await;
    assert_eq!((&line["reason"], &line["status"]), (&"rate-limited".into(), &429.into()), "{line}");
    assert_eq!(scene.arrivals(), 3);
    assert_eq!(refused(port, "rate-limited").await, 1);
    let by = figures(port, "doorward_rate_limited_total").await;
    assert!(by.len() == 1 && by[0].contains("by=\"address\"") && by[0].ends_with(" 1"), "{by:?}");
}

#[tokio::test]
async fn a_person_has_one_rate_in_all_their_browsers() {
    let rate = "rate_limit: {requests: 1, per: 1h, burst: 4, by: identity}";
    let (scene, _) = stage("", &format!("{ANYBODY_SIGNED_IN}\n{rate}")).await;
    // Signing in ends at the application: one each.
    let mut one = scene.browser_of("ann@example.com").await;
    let mut other = scene.browser_of("ann@example.com").await;
    assert_eq!(one.fetch(&scene.url("app", "/")).await.status, 200);
    assert_eq!(other.fetch(&scene.url("app", "/")).await.status, 200);
    assert_eq!(one.fetch(&scene.url("app", "/")).await.status, 429);
    assert_eq!(other.fetch(&scene.url("app", "/")).await.status, 429);
    let mut bob = scene.browser_of("bob@example.com").await;
    assert_eq!(bob.fetch(&scene.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn a_body_too_long_is_413_whichever_way_it_comes() {
    let (scene, port) = stage("limits: {max_request_bytes: 64KiB}", EVERYBODY).await;
    for protocol in ["h2", "http/1.1"] {
        for (bytes, expected) in [(65_536, 200), (65_537, 413)] {
            let ask = Ask::new("POST", &scene.url("app", "/")).body(vec![b'x'; bytes]);
            assert_eq!(Browser::speaking(protocol).send(ask).await.status, expected, "{protocol}, {bytes}");
        }
    }
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let head =
        format!("POST / HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", scene.door.authority("app"));
    let mut raw = scene.door.raw("app").await;
    raw.send(format!("{head}{chunk}{chunk}")).await;
    raw.send("1\r\nx\r\n").await;
    assert_eq!(raw.answer_to("POST").await.unwrap().status, 413);
    assert_eq!(refused(port, "request-too-large").await, 3);
    scene.upstream.wait_for_quiet(2).await;
    assert_eq!(scene.arrivals(), 2, "nothing that was cut counts as arrived");
}

#[tokio::test]
async fn a_flood_of_unknown_cookies_is_held_off_and_who_is_signed_in_feels_nothing() {
    let (scene, port) = stage("limits: {unknown_sessions_per_address: 1}", ANYBODY_SIGNED_IN).await;
    let mut signed_in = scene.browser_of("ann@example.com").await;
    let mut statuses = Vec::new();
    for number in 0..30 {
        let junk = format!("GET / HTTP/1.1\r\nHost: HOST\r\nCookie: __Host-doorward={number:064x}\r\n\r\n");
        let answer = scene.door.exchange("app", &junk).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some() && answer.text().contains("session cookies"));
        }
        statuses.push(answer.status);
        assert_eq!(signed_in.fetch(&scene.url("app", "/")).await.status, 200, "after {number}");
    }
    let refused_here = statuses.iter().filter(|status| **status == 429).count();
    assert!(statuses[..5].iter().all(|status| *status == 401), "a handful is nothing: {statuses:?}");
    assert!(refused_here >= 1 && statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
    assert_eq!(refused(port, "too-many-unknown-sessions").await, refused_here as u64);
}

#[tokio::test]
async fn sign_ins_begun_from_one_address_have_a_limit_with_a_page() {
    let (scene, port) = stage("limits: {sign_ins_per_address: 3}", ANYBODY_SIGNED_IN).await;
    let url = scene.url("app", "/.doorward/sign_in");
    for _ in 0..3 {
        assert_eq!(Browser::new().send(Ask::page(&url)).await.status, 302);
    }
    let answer = Browser::new().send(Ask::page(&url)).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("retry-after").is_some() && answer.text().contains("Too many sign-ins"), "{}", answer.text());
    let line = scene.door.log.access_line(answer.header("x-request-id").unwrap()).await;
    assert_eq!(line["reason"], "too-many-sign-ins", "{line}");
    assert_eq!(refused(port, "too-many-sign-ins").await, 1);
}

#[tokio::test]
async fn beyond_so_many_requests_at_once_it_is_503_and_health_is_answered_all_the_same() {
    use crate::harness::upstream::Reply;
    let (scene, port) = stage("limits: {requests: 4}", EVERYBODY).await;
    scene.upstream.reply_with(Reply::Bytes(64 << 20));
    let mut held: Vec<Raw> = Vec::new();
    for _ in 0..4 {
        let mut raw = scene.door.raw("app").await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", scene.door.authority("app"))).await;
        raw.head().await;
        held.push(raw);
    }
    let answer = scene.door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(scene.door.health("/readyz").await.status, 200);
    assert_eq!(refused(port, "overloaded").await, 1);
    assert_eq!(figures(port, "doorward_requests_under_way").await, ["doorward_requests_under_way 4"]);
    drop(held);
    scene.upstream.reply_with(Reply::Echo);
    crate::harness::eventually("room again", || async {
        scene.door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn tunnels_of_a_session_have_a_limit_in_all_its_windows_and_over_both_protocols() {
    let keys = format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}");
    let (scene, port) = stage("limits: {tunnels_per_session: 2}", &keys).await;
    let ann = scene.browser_of("ann@example.com").await;
    let cookies = ann.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let over_http2 = async || visitor::socket(&scene.door, "app", Protocol::Http2, &[("cookie", &cookies)]).await;
    let first = websocket::open(&scene.door, &ann, "app").await.unwrap();
    let mut second = over_http2().await.unwrap();
    let refusal = websocket::open(&scene.door, &ann, "app").await.unwrap_err();
    assert_eq!((refusal.status, refusal.header("retry-after")), (429, Some("5")));
    let line = scene.door.log.access_line(refusal.header("x-request-id").unwrap()).await;
    assert_eq!(line["reason"], "too-many-tunnels", "{line}");
    assert_eq!(over_http2().await.unwrap_err(), 429);
    assert_eq!(refused(port, "too-many-tunnels").await, 2);
    // Requests are none, another session of the same person has its own, and what ends makes room.
    let elsewhere = scene.browser_of("ann@example.com").await;
    websocket::open(&scene.door, &elsewhere, "app").await.unwrap();
    assert!(websocket::echo(&mut second, "still there").await);
    drop(first);
    let (door, ann) = (&scene.door, &ann);
    crate::harness::eventually("room again", || async move { websocket::open(door, ann, "app").await.is_ok() }).await;
}
