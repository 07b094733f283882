//! Applications that are away, slow, or long in telling.

use std::time::{Duration, Instant};

use super::open_door;
use crate::harness::browser::{Ask, Browser};
use crate::harness::ports::free_port;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::{Reply, Upstream};

#[tokio::test]
async fn an_application_that_is_down_is_a_502_with_a_page() {
    let port = free_port();
    let door = Setup::new().route("app", &format!("http://127.0.0.1:{port}"), EVERYBODY).start().await;
    let started = Instant::now();
    let page = Browser::new().visit(&door.url("app", "/")).await;
    assert_eq!(page.status, 502);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(page.text().contains("<h1>") && !page.text().contains("127.0.0.1"), "{}", page.text());
    let json = Browser::new().send(Ask::fetch(&door.url("app", "/")).header("accept", "application/json")).await.json();
    assert_eq!(json["error"], "bad-gateway");
    // The log says which one, and why.
    door.log.wait_for_line("the upstream", |line| line.contains(&port.to_string()) && line.contains("refused")).await;
    let line = door.log.access_line(page.header("x-request-id").unwrap()).await;
    assert_eq!(line["status"], 502);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_502_too() {
    let door = Setup::new().route("app", "http://nowhere.invalid:8080", EVERYBODY).start().await;
    let page = Browser::new().visit(&door.url("app", "/")).await;
    assert!(matches!(page.status.as_u16(), 502 | 504), "{}", page.status);
    assert!(!page.text().contains("nowhere.invalid"), "{}", page.text());
    door.log.wait_for("nowhere.invalid").await;
}

#[tokio::test]
async fn an_application_that_does_not_answer_in_time_is_a_504() {
    let (upstream, door) = open_door("timeout: 2s").await;
    upstream.reply_with(Reply::Late(Duration::from_secs(30)));
    let started = Instant::now();
    let page = Browser::new().visit(&door.url("app", "/")).await;
    assert_eq!(page.status, 504, "{}", page.text());
    assert!((1900..9000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
    assert_eq!(page.header("x-doorward-intercepted-response"), Some("true"));
    upstream.reply_with(Reply::Late(Duration::from_millis(50)));
    assert_eq!(Browser::new().visit(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn the_default_timeout_is_for_routes_that_say_nothing() {
    let upstream = Upstream::replying(Reply::Late(Duration::from_millis(900))).await;
    let door = Setup::new()
        .with("default_upstream_timeout: 300ms")
        .route("app", &upstream.url(), EVERYBODY)
        .route("code", &upstream.url(), &format!("{EVERYBODY}\ntimeout: 10s"))
        .route("docs", &upstream.url(), &format!("{EVERYBODY}\ntimeout: 0s"))
        .start()
        .await;
    for (host, expected) in [("app", 504), ("code", 200), ("docs", 200)] {
        assert_eq!(Browser::new().visit(&door.url(host, "/")).await.status.as_u16(), expected, "{host}");
    }
}

#[tokio::test]
async fn a_timeout_does_not_cut_what_has_begun() {
    let (upstream, door) = open_door("timeout: 2s").await;
    upstream.reply_with(Reply::Stream { chunks: 6, every: Duration::from_millis(300) });
    for protocol in ["h2", "http/1.1"] {
        let answer = Browser::speaking(protocol).fetch(&door.url("app", "/")).await;
        assert!(answer.text().ends_with("data: 5\n\n"), "{protocol}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_slow_upload_is_not_the_applications_fault() {
    let (upstream, door) = open_door("timeout: 2s").await;
    let mut raw = door.raw("app").await;
    let host = door.authority("app");
    raw.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 8\r\n\r\n")).await;
    for piece in ["ab", "cd", "ef", "gh"] {
        tokio::time::sleep(Duration::from_millis(250)).await;
        raw.send(piece).await;
    }
    let answer = raw.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(upstream.last().body_length, 8);
}

#[tokio::test]
async fn a_silent_stream_ends_when_the_route_says_so() {
    let (upstream, door) = open_door("idle_timeout: 500ms").await;
    upstream.reply_with(Reply::Stream { chunks: 2, every: Duration::from_secs(15) });
    let started = Instant::now();
    let mut raw = door.raw("app").await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    raw.head().await;
    raw.rest().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
