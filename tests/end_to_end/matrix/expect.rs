//! `Expect: 100-continue`: the visitor is told to go on when somebody wants the body, and not otherwise.

use super::{Stage, on_stage};
use crate::harness::scripted::{NONCE, Report};
use crate::harness::visitor::{Protocol, full};
use crate::harness::wire;

/// A request that waits to be told, by hand: libraries do not wait.
fn head(pair: &super::Pair, path: &str, nonce: &str) -> String {
    let authority = pair.stage.door.authority(pair.host());
    format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\n{NONCE}: {nonce}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
}

#[tokio::test]
async fn who_waits_for_100_gets_it_and_the_body_comes_through() {
    let stage = Stage::start("").await;
    on_stage(&stage, |pair| async move {
        if pair.down == Protocol::Http2 {
            return;
        }
        let mut raw = pair.stage.door.raw(pair.host()).await;
        raw.send(head(&pair, "/report", &pair.nonce())).await;
        assert_eq!(raw.any_answer_to("POST").await.unwrap().status, 100);
        raw.send("hello").await;
        let answer = raw.any_answer_to("POST").await.unwrap();
        let report: Report = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, report.length), (200, 5));
        // Over HTTP/2 nobody would hear the application's 100, so it is not asked.
        let asked = wire::first(&report.headers, "expect") == Some("100-continue");
        assert_eq!(asked, !pair.application().speaks().is_http2());
    })
    .await;
}

#[tokio::test]
async fn who_does_not_wait_for_100_is_served_all_the_same() {
    let stage = Stage::start("").await;
    on_stage(&stage, |pair| async move {
        let mut visitor = pair.visitor().await;
        for _ in 0..3 {
            let request = visitor.request("POST", "/report").header(NONCE, pair.nonce());
            let request = request.header("expect", "100-continue").body(full("hello")).unwrap();
            let answer = visitor.exchange(request).await.unwrap();
            let report: Report = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((answer.status, report.length), (200, 5));
            let both = pair.down == Protocol::Http1 && !pair.application().speaks().is_http2();
            assert_eq!(wire::first(&report.headers, "expect").is_some(), both);
        }
        assert!(visitor.is_open(), "the body came, so the connection goes on");
    })
    .await;
}

#[tokio::test]
async fn an_upload_nobody_wants_is_not_asked_for() {
    let stage = Stage::start("").await;
    on_stage(&stage, |pair| async move {
        if pair.down == Protocol::Http2 {
            return;
        }
        for status in [401, 413, 417] {
            let mut raw = pair.stage.door.raw(pair.host()).await;
            raw.send(head(&pair, &format!("/early/{status}/10/hold"), &pair.nonce())).await;
            let answer = raw.any_answer_to("POST").await.unwrap();
            assert_eq!(answer.status, status, "the visitor is told to send what nobody wants");
            assert_eq!(answer.header("connection"), Some("close"), "who was not asked may send it or not");
            // Nor is what stands in the body's place a request.
            let smuggled = pair.nonce();
            let authority = pair.stage.door.authority(pair.host());
            let request = format!("GET /report HTTP/1.1\r\nHost: {authority}\r\n{NONCE}: {smuggled}\r\n\r\n");
            let _closed_already = raw.try_send(&request).await;
            assert!(raw.rest().await.is_empty());
            assert!(pair.application().noted(&smuggled).is_empty(), "it arrived as a request");
        }
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_policy_refuses_is_not_asked_for() {
    use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let mut raw = scene.door.raw("app").await;
    let host = scene.door.authority("app");
    raw.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")).await;
    assert_eq!(raw.any_answer_to("POST").await.unwrap().status, 401);
    assert_eq!(scene.arrivals(), 0);
}
