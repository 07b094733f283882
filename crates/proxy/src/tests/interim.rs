//! Interim answers of an upstream (1xx): none but 100 and 101 reach anybody, and however many there are, nothing grows and
//! no clock starts again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_config::Limit;
use http::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::support::*;

#[tokio::test]
async fn no_interim_answer_is_passed_on_however_many_there_are() {
    for status in [100, 102, 103, 104, 199] {
        for count in [1, 1000] {
            let said = format!("HTTP/1.1 {status} Wait\r\nlink: </x>; rel=preload\r\nset-cookie: early=1\r\n\r\n")
                .repeat(count);
            let (address, connections) = raw_upstream(move |mut connection, _| {
                let said = said.clone();
                async move {
                    while connection.request().await.is_some() {
                        connection.send(&said).await;
                        connection.send(OK).await;
                    }
                }
            })
            .await;
            let front = Front::start(route(upstream_at(address))).await;
            for _ in 0..2 {
                let reply = front.get("/").await;
                assert_eq!((reply.status, reply.body.as_str()), (200, "ok"), "{count} of {status}");
                assert_eq!((reply.header("link"), reply.header("set-cookie")), (None, None), "{status}");
            }
            assert_eq!(connections.load(Ordering::SeqCst), 1, "the connection is as good as before");
        }
    }
}

#[tokio::test]
async fn interim_answers_without_end_are_no_answer() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let (address, _) = raw_upstream(move |mut connection, _| {
        let sent = Arc::clone(&counted);
        async move {
            connection.request().await;
            let piece = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(1000);
            while connection.stream.write_all(piece.as_bytes()).await.is_ok() {
                sent.fetch_add(piece.len(), Ordering::SeqCst);
            }
            sent.store(usize::MAX, Ordering::SeqCst);
        }
    })
    .await;
    let mut route = route(upstream_at(address));
    route.timeout = Limit::After(Duration::from_millis(500));
    let front = Front::start(route).await;
    let started = Instant::now();
    assert_eq!(front.get("/").await.status, 504);
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert!(sent.load(Ordering::SeqCst) > 0, "none was taken");
    eventually("the upstream is hung up on", || sent.load(Ordering::SeqCst) == usize::MAX).await;
}

#[tokio::test]
async fn over_http2_neither() {
    let (address, _) = super::http2_upstreams::answering(100, |request, mut respond, _| async move {
        let early = || http::Response::builder().status(103).header("link", "</x>").body(()).unwrap();
        if request.uri().path() == "/flood" {
            while respond.send_informational(early()).is_ok() {
                tokio::task::yield_now().await;
            }
        }
        for _ in 0..1000 {
            respond.send_informational(early()).unwrap();
        }
        super::http2_upstreams::say(respond, "ok");
    })
    .await;
    let mut route = route(doorward_config::Target::Upstream(super::http2_upstreams::h2c(address)));
    route.timeout = Limit::After(Duration::from_millis(1500));
    let front = Front::start(route).await;
    let reply = front.get("/").await;
    assert_eq!((reply.status, reply.header("link"), reply.body.contains("ok")), (200, None, true), "{reply:?}");
    assert_eq!(front.get("/flood").await.status, StatusCode::GATEWAY_TIMEOUT.as_u16());
    assert_eq!(front.get("/").await.status, 200, "others are not held up");
}
