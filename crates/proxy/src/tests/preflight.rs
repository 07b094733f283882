//! What browsers ask before they let a page of another origin ask: let through where the route says so, and nothing
//! with it.

use bytes::Bytes;
use doorward_authorize::{Criterion, Rule};
use http_body_util::Full;

use super::support::*;

const ASKS: &str = "origin: https://other.example\r\naccess-control-request-method: PUT";

async fn front(more: Vec<Rule>) -> (Front, Seen) {
    let (address, seen) = upstream_saying(OK).await;
    let rules = only(ALICE).into_iter().chain(more).collect();
    let mut route = with_policy(route(upstream_at(address)), rules);
    route.upgrades.websocket = true;
    (Front::start(route).await, seen)
}

#[tokio::test]
async fn it_passes_without_a_sign_in_and_nothing_else_does() {
    let (front, seen) = front(allow(Criterion::CorsPreflight)).await;
    assert_eq!(front.ask(&format!("OPTIONS /api HTTP/1.1\r\n{ASKS}"), "").await.status, 200);
    assert!(seen.only().starts_with("OPTIONS /api HTTP/1.1\r\n"));
    for head in [
        "OPTIONS /api HTTP/1.1".to_owned(),
        "OPTIONS /api HTTP/1.1\r\norigin: https://other.example".to_owned(),
        "OPTIONS /api HTTP/1.1\r\naccess-control-request-method: PUT".to_owned(),
        format!("GET /api HTTP/1.1\r\n{ASKS}"),
        format!("POST /api HTTP/1.1\r\n{ASKS}"),
        format!("options /api HTTP/1.1\r\n{ASKS}"),
        format!("PUT /api HTTP/1.1\r\n{ASKS}\r\nx-http-method-override: OPTIONS"),
        // One that the upstream would not see any more.
        format!("OPTIONS /api HTTP/1.1\r\n{ASKS}\r\nconnection: origin"),
        format!("OPTIONS /api HTTP/1.1\r\n{ASKS}\r\nconnection: access-control-request-method"),
    ] {
        let status = front.ask(&head, "").await.status;
        assert!(matches!(status, 401 | 403), "{head}: {status}");
    }
    assert_eq!(seen.all().len(), 1, "{:?}", seen.all());
}

#[tokio::test]
async fn it_brings_no_body_and_opens_no_tunnel() {
    let (front, seen) = front(allow(Criterion::CorsPreflight)).await;
    assert_eq!(front.ask(&format!("OPTIONS / HTTP/1.1\r\n{ASKS}"), "a body").await.status, 400);
    let chunked = format!("OPTIONS / HTTP/1.1\r\n{ASKS}\r\ntransfer-encoding: chunked");
    let mut connection = front.connect().await;
    connection.send(&request(&chunked, "", true)).await;
    connection.send("3\r\nabc\r\n0\r\n\r\n").await;
    assert_eq!(connection.head().await.status, 400);
    let mut sender = http2_sender(&front).await;
    let options = http::Request::options("https://app.test/").header("origin", "https://other.example");
    let options =
        options.header("access-control-request-method", "PUT").body(Full::new(Bytes::from("a body"))).unwrap();
    assert_eq!(sender.send_request(options).await.unwrap().status(), 400);
    assert!(seen.all().is_empty(), "{:?}", seen.all());

    let handshake = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    let status = front.ask(&format!("OPTIONS / HTTP/1.1\r\n{ASKS}\r\n{handshake}"), "").await.status;
    assert_ne!(status, 101);
    for got in seen.all() {
        assert!(!got.to_lowercase().contains("upgrade"), "{got}");
    }
}

#[tokio::test]
async fn where_nothing_is_said_of_it_it_is_told_to_sign_in_and_not_sent_anywhere() {
    let (front, seen) = front(Vec::new()).await;
    let reply = front.ask(&format!("OPTIONS / HTTP/1.1\r\n{ASKS}\r\naccept: text/html"), "").await;
    assert_eq!((reply.status, reply.header("location")), (401, None));
    assert!(seen.all().is_empty());
}
