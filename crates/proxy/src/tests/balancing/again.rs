//! What is sent again, and what never is.

use std::sync::atomic::Ordering;

use doorward_config::{Balancing, Breakers};

use super::{dead, spread};
use crate::tests::support::{Front, OK, Seen, raw_upstream, upstream_saying};

/// An application that closes every connection on its second request, and from the connection numbered `silent` on
/// already on its first.
async fn closing(silent: usize) -> (std::net::SocketAddr, std::sync::Arc<std::sync::atomic::AtomicUsize>, Seen) {
    let seen = Seen::default();
    let notes = seen.clone();
    let (address, connections) = raw_upstream(move |mut connection, number| {
        let notes = notes.clone();
        async move {
            let Some(first) = connection.request().await else { return };
            notes.push(first);
            if number >= silent {
                return;
            }
            connection.send(OK).await;
            if let Some(second) = connection.request().await {
                notes.push(second);
            }
        }
    })
    .await;
    (address, connections, seen)
}

#[tokio::test]
async fn a_safe_request_on_a_kept_connection_that_breaks_is_sent_once_more() {
    for method in ["GET", "OPTIONS"] {
        let (address, connections, seen) = closing(usize::MAX).await;
        let front = Front::start(spread(&[address], Balancing::default())).await;
        let head = format!("{method} /page HTTP/1.1\r\nx-a: b");
        for _ in 0..2 {
            assert_eq!(front.ask(&head, "").await.status, 200, "{method}");
        }
        let seen = seen.all();
        assert_eq!((connections.load(Ordering::SeqCst), seen.len()), (2, 3), "{method}");
        assert_eq!(seen[1], seen[2], "the very same");
        assert_eq!(front.snapshot.load().upstreams()[0].retries, 1);
    }
}

#[tokio::test]
async fn it_is_not_sent_a_third_time() {
    let (address, connections, seen) = closing(1).await;
    let front = Front::start(spread(&[address], Balancing::default())).await;
    assert_eq!(front.get("/").await.status, 200);
    assert_eq!(front.get("/").await.status, 502);
    assert_eq!((connections.load(Ordering::SeqCst), seen.all().len()), (2, 3));
}

#[tokio::test]
async fn what_may_have_been_done_is_not_asked_for_again() {
    let websocket = "GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    for (head, body) in [
        ("POST / HTTP/1.1", "x"),
        ("POST / HTTP/1.1\r\ncontent-length: 0", ""),
        ("PUT / HTTP/1.1", "x"),
        ("DELETE / HTTP/1.1", ""),
        ("PATCH / HTTP/1.1", "x"),
        ("GET / HTTP/1.1", "a body"),
        (websocket, ""),
    ] {
        let (address, _, seen) = closing(1).await;
        let mut route = spread(&[address], Balancing::default());
        route.upgrades.websocket = true;
        let front = Front::start(route).await;
        assert_eq!(front.get("/").await.status, 200);
        let mut connection = front.connect().await;
        connection.send(&crate::tests::support::request(head, body, head != websocket)).await;
        assert_eq!(connection.head().await.status, 502, "{head}");
        assert_eq!(seen.all().len(), 2, "{head}");
    }
}

#[tokio::test]
async fn an_answer_that_has_begun_is_not_asked_for_again() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send(OK).await;
        connection.request().await;
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    })
    .await;
    let front = Front::start(spread(&[address], Balancing::default())).await;
    assert_eq!(front.get("/").await.status, 200);
    let cut = front.get("/").await;
    assert_eq!((cut.status, cut.body.as_str()), (200, "half"));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn without_a_budget_nothing_is_sent_twice() {
    let (address, _, seen) = closing(usize::MAX).await;
    let breakers = Breakers { max_retries: 0, ..Breakers::default() };
    let front = Front::start(spread(&[address], Balancing { breakers, ..Balancing::default() })).await;
    assert_eq!(front.get("/").await.status, 200);
    assert_eq!(front.get("/").await.status, 502);
    assert_eq!(seen.all().len(), 2);
}

#[tokio::test]
async fn what_reached_nobody_goes_on_with_its_body_untouched() {
    let (good, seen) = upstream_saying(OK).await;
    let breakers = Breakers { max_retries: 0, ..Breakers::default() };
    let addresses = [dead().await, dead().await, good, dead().await];
    let front = Front::start(spread(&addresses, Balancing { breakers, ..Balancing::default() })).await;
    for number in 0..8 {
        assert_eq!(front.ask("POST / HTTP/1.1", &format!("body {number}")).await.status, 200);
    }
    let seen = seen.all();
    assert_eq!(seen.len(), 8);
    for (number, got) in seen.iter().enumerate() {
        assert!(got.ends_with(&format!("\r\n\r\nbody {number}")), "{got}");
    }
    let nobody = Front::start(spread(&[dead().await, dead().await], Balancing::default())).await;
    assert_eq!(nobody.get("/").await.status, 502);
}
