//! Several addresses behind a route, each of them a process of its own that is killed and started again.

mod choosing;
mod outliers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::authority::Authority;
use crate::harness::browser::{Ask, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::eventually;
use crate::harness::ports::free_port;
use crate::harness::raw::Raw;
use crate::harness::scene::{EVERYBODY, WEBSOCKETS};
use crate::harness::setup::Setup;
use crate::harness::upstream::{Reply, Upstream};
use crate::harness::websocket;

/// The header by which an application says its number.
const WHICH: &str = "x-which";

/// What the application with this number answers.
fn told(number: usize) -> Reply {
    Reply::EchoWith(vec![(WHICH, number.to_string())])
}

/// So many applications that say their numbers, and their addresses.
async fn numbered(count: usize) -> (Vec<Upstream>, Vec<String>) {
    let mut upstreams = Vec::new();
    for number in 0..count {
        upstreams.push(Upstream::replying(told(number)).await);
    }
    let urls = upstreams.iter().map(Upstream::url).collect();
    (upstreams, urls)
}

/// What a route's `to` says for these addresses.
fn list(urls: &[String]) -> String {
    format!("[\"{}\"]", urls.join("\", \""))
}

/// An application: this very program, with a route that answers by itself.
async fn application(of: &Setup) -> Doorward {
    let keys = format!("response: {{status: 200, body: well}}\n{EVERYBODY}");
    Setup::new().cleartext().seen_at(of.port).route_without_upstream("app", &keys).start().await
}

fn url(application: &Doorward) -> String {
    format!("http://127.0.0.1:{}", application.setup.port)
}

fn route(setup: Setup, applications: &[&Doorward], more: &str) -> Setup {
    let urls: Vec<_> = applications.iter().map(|application| url(application)).collect();
    setup.route("app", &list(&urls), &format!("preserve_host_header: true\n{EVERYBODY}\n{more}"))
}

#[tokio::test]
async fn applications_that_are_killed_under_load_lose_no_page() {
    let setup = Setup::new();
    let (mut first, mut second) = (application(&setup).await, application(&setup).await);
    let door = Arc::new(route(setup, &[&first, &second], "").start().await);
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let visitors: Vec<_> = ["h2", "http/1.1", "http/1.1"]
        .into_iter()
        .map(|protocol| {
            let (door, stop, answered) = (Arc::clone(&door), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut browser = Browser::speaking(protocol);
                let mut failed = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let answer = browser.send(Ask::fetch(&door.url("app", "/"))).await;
                    if answer.status == 200 && answer.text() == "well" {
                        answered.fetch_add(1, Ordering::SeqCst);
                    } else {
                        failed.push((answer.status, answer.text()));
                    }
                }
                failed
            })
        })
        .collect();
    let more = async |count: usize| {
        let before = answered.load(Ordering::SeqCst);
        eventually("pages", || async { answered.load(Ordering::SeqCst) >= before + count }).await;
    };
    for round in 0..3 {
        more(30).await;
        first = first.restarted_after("KILL").await;
        more(30).await;
        door.replace_config(
            &door.setup.yaml().replace(EVERYBODY, &format!("{EVERYBODY}\n    timeout: {}s", 60 + round)),
        );
        second = second.restarted_after("KILL").await;
    }
    more(30).await;
    stop.store(true, Ordering::SeqCst);
    for visitor in visitors {
        let failed = visitor.await.unwrap();
        assert!(failed.is_empty(), "{failed:?}");
    }
    drop((first, second));
}

#[tokio::test]
async fn an_address_that_is_down_is_named_and_comes_back() {
    let metrics = free_port();
    let setup = Setup::new().with(&format!("metrics_address: 127.0.0.1:{metrics}"));
    let (first, second) = (application(&setup).await, application(&setup).await);
    let checks = "health_checks:\n  - interval: 100ms\n    unhealthy_threshold: 1\n    healthy_threshold: 1\n    tcp_health_check: {}";
    let door = route(setup, &[&first, &second], checks).start().await;
    let unhealthy = async || {
        let status: serde_json::Value = serde_json::from_str(&door.health("/status").await.text()).unwrap();
        status["upstreams"].clone()
    };
    assert_eq!(unhealthy().await, serde_json::json!({"addresses": 2, "unhealthy": []}));
    let name = url(&first);
    first.signal("KILL");
    eventually("it is named", || async { unhealthy().await["unhealthy"] == serde_json::json!([name]) }).await;
    door.log.wait_for("is unwell by its health check").await;
    for _ in 0..4 {
        assert_eq!(Browser::new().fetch(&door.url("app", "/")).await.status, 200);
    }
    let page = async || {
        let mut raw = Raw::plain(([127, 0, 0, 1], metrics).into()).await;
        raw.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        raw.answer().await.text()
    };
    let down = page().await;
    assert!(down.contains(&format!("doorward_upstream_healthy{{upstream=\"{name}\"}} 0")), "{down}");
    assert!(down.contains("outcome=\"answered\"} 4"), "{down}");
    // None of them was tried on the address that is down.
    assert!(!down.contains("unreachable"), "{down}");
    let first = first.started_again().await;
    eventually("it is well again", || async { unhealthy().await["unhealthy"] == serde_json::json!([]) }).await;
    assert!(page().await.contains(&format!("doorward_upstream_healthy{{upstream=\"{name}\"}} 1")));
    drop((first, second));
}

#[tokio::test]
async fn nobody_waits_when_all_are_down() {
    let setup = Setup::new();
    let first = application(&setup).await;
    let checks = "healthy_panic_threshold: 0\nhealth_checks:\n  - interval: 100ms\n    tcp_health_check: {}\n    unhealthy_threshold: 1";
    let door = route(setup, &[&first], checks).start().await;
    assert_eq!(Browser::new().fetch(&door.url("app", "/")).await.status, 200);
    first.signal("KILL");
    door.log.wait_for("is unwell by its health check").await;
    let started = std::time::Instant::now();
    let answer = Browser::new().fetch(&door.url("app", "/")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")));
    assert!(started.elapsed() < Duration::from_secs(5));
    let line = door.log.access_line(answer.header("x-request-id").unwrap()).await;
    assert_eq!(line["reason"], "upstream-unhealthy");
}

#[tokio::test]
async fn checks_use_the_tls_settings_of_the_route() {
    let authority = Authority::new("Their own");
    let upstream = Upstream::with_tls(&authority.issue(&["localhost"])).await;
    let checks = "health_checks:\n  - interval: 100ms\n    http_health_check: {path: /healthz}";
    let setup = Setup::new();
    let file = setup.file("their-authority.pem", &authority.pem());
    let keys = format!("{EVERYBODY}\n{checks}");
    let door = setup
        .route("app", &upstream.url_as("localhost"), &format!("{keys}\ntls_custom_ca_file: {}", file.display()))
        .start()
        .await;
    upstream.wait_for_arrivals(3).await;
    assert_eq!(upstream.last().target(), "/healthz");
    assert!(!door.log.text().contains("unwell"), "{}", door.log.text());
    drop(door);
    // Of the same address another route believes nothing, and says why.
    let door = Setup::new().route("app", &upstream.url_as("localhost"), &keys).start().await;
    let line = door.log.wait_for("is unwell by its health check").await;
    assert!(line.contains("an authority not known here; set tls_custom_ca_file"), "{line}");
}

#[tokio::test]
async fn tunnels_are_no_requests_once_they_are_open() {
    let upstream = Upstream::start().await;
    let keys =
        format!("{EVERYBODY}\n{WEBSOCKETS}\ncircuit_breaker_thresholds: {{max_requests: 1, max_connections: 1}}");
    let door = Setup::new().route("app", &upstream.url(), &keys).start().await;
    let browser = Browser::new();
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(websocket::open(&door, &browser, "app").await.unwrap());
    }
    upstream.wait_for_tunnels(3).await;
    let url = door.url("app", "/");
    assert_eq!(Browser::new().fetch(&url).await.status, 200);
    // One request that is not answered yet, and there is no room for another.
    upstream.reply_with(Reply::Late(Duration::from_secs(3)));
    let slow = tokio::spawn({
        let url = url.clone();
        async move { Browser::new().fetch(&url).await.status }
    });
    upstream.wait_for_arrivals(5).await;
    let refused = Browser::new().fetch(&url).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, Some("5")));
    assert_eq!(slow.await.unwrap(), 200);
    for socket in &mut sockets {
        assert!(websocket::echo(socket, "still there").await);
    }
}
