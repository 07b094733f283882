//! Rules about the request itself, as real clients send it; and what the clock ends.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::measured;
use crate::harness::browser::Ask;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, WEBSOCKETS};
use crate::harness::websocket;

/// Everybody, but for what this criterion holds for.
fn all_but(criterion: &str) -> String {
    format!("policy:\n  - {{allow: {{or: [accept: true]}}}}\n  - {{deny: {{or: [{criterion}]}}}}")
}

async fn status(scene: &Scene, head: &str) -> u16 {
    let request = format!("{head}\r\nHost: {}\r\nConnection: close\r\n\r\n", scene.door.authority("app"));
    scene.door.exchange("app", &request).await.status
}

#[tokio::test]
async fn paths_queries_and_headers_are_not_walked_around() {
    for (criterion, denied, allowed) in [
        (
            "http_path: {starts_with: /admin}",
            vec![
                "GET /admin HTTP/1.1",
                "GET //admin HTTP/1.1",
                "GET /%61dmin HTTP/1.1",
                "GET /;/admin HTTP/1.1",
                "GET /./admin HTTP/1.1",
            ],
            vec!["GET /other HTTP/1.1", "GET /?/admin HTTP/1.1"],
        ),
        (
            "http_query/debug: \"1\"",
            vec!["GET /?debug=1 HTTP/1.1", "GET /?debug=0&debug=1 HTTP/1.1", "GET /?%64ebug=%31 HTTP/1.1"],
            vec!["GET /?debug=0 HTTP/1.1", "GET / HTTP/1.1"],
        ),
        (
            "http_header/X-Debug: \"1\"",
            vec!["GET / HTTP/1.1\r\nx-debug: 1", "GET / HTTP/1.1\r\nX-Debug: 0\r\nX-DEBUG: 1"],
            vec!["GET / HTTP/1.1\r\nx-debug: 0", "GET / HTTP/1.1\r\nx-debug: 1\r\nConnection: x-debug"],
        ),
        ("http_method: POST", vec!["POST / HTTP/1.1\r\nContent-Length: 0"], vec!["GET / HTTP/1.1"]),
        ("source_ip: 127.0.0.0/8", vec!["GET / HTTP/1.1", "GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1"], vec![]),
        ("source_ip: 192.0.2.0/24", vec![], vec!["GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1"]),
    ] {
        let scene = Scene::with_app(&all_but(criterion)).await;
        for head in denied {
            assert!(matches!(status(&scene, head).await, 400 | 403), "{criterion}: {head:?}");
        }
        assert_eq!(scene.arrivals(), 0, "{criterion}");
        for head in allowed {
            assert_eq!(status(&scene, head).await, 200, "{criterion}: {head:?}");
        }
    }
}

#[tokio::test]
async fn what_a_connection_line_takes_away_opens_nothing() {
    let scene = Scene::with_app("policy: [{allow: {or: [http_header/X-Tenant: a]}}]").await;
    assert_eq!(status(&scene, "GET / HTTP/1.1\r\nX-Tenant: a").await, 200);
    assert_eq!(status(&scene, "GET / HTTP/1.1\r\nX-Tenant: a\r\nConnection: x-tenant").await, 403);
    assert_eq!(scene.arrivals(), 1);
}

#[tokio::test]
async fn the_clock_ends_a_tunnel() {
    let end = Timestamp::try_from(SystemTime::now() + Duration::from_secs(10)).unwrap();
    let until =
        format!("policy: [{{allow: {{and: [authenticated_user: true, date: {{before: \"{end}\"}}]}}}}]\n{WEBSOCKETS}");
    let (scene, _) = measured(|setup, upstream| {
        setup
            .route("home", upstream, ANYBODY_SIGNED_IN)
            .route("app", upstream, &until)
            .route("open", upstream, EVERYBODY)
    })
    .await;
    let mut browser = scene.door.signed_in("home").await;
    assert_eq!(browser.visit(&scene.url("app", "/")).await.status, 200, "the test took too long to get here");
    let mut socket = websocket::open(&scene.door, &browser, "app").await.expect("a WebSocket");
    assert!(websocket::echo(&mut socket, "still here").await);
    // Ten seconds until it is over, fifteen until that is noticed.
    let took = websocket::ended(&mut socket).await;
    assert!(took < Duration::from_secs(30), "{took:?}");
    scene.door.log.wait_for_line("why", |line| line.contains("tunnel closed") && line.contains("policy changed")).await;
    assert_eq!(browser.send(Ask::page(&scene.url("app", "/"))).await.status, 403);
}
