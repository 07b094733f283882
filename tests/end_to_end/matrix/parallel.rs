//! Many at once on one connection: each gets its own, and one who does not read keeps nobody else waiting.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http_body_util::BodyExt;

use super::{Pair, for_each_pair, for_each_pair_in_turn};
use crate::harness::scripted::{NONCE, bytes_of};
use crate::harness::visitor::{Protocol, Visitor, full, nothing, whole};
use crate::harness::within;

const STREAMS: usize = 100;
const EACH: usize = 100 * 1024;

/// One hundred downloads at once; each has its own bytes.
async fn hundred(pair: &Pair, visitor: &mut Visitor) {
    let answers: Vec<_> = (0..STREAMS)
        .map(|_| {
            let nonce = pair.nonce();
            let request = visitor.request("GET", &format!("/bytes/{EACH}/streamed")).header(NONCE, &nonce);
            let answer = visitor.send(request.body(nothing()).unwrap());
            async move {
                let answer = whole(answer.await.unwrap()).await.unwrap();
                assert_eq!(answer.status, 200);
                assert!(answer.body == bytes_of(&nonce, EACH), "{} bytes for {nonce}", answer.body.len());
            }
        })
        .collect();
    within("a hundred downloads", join_all(answers)).await;
}

#[tokio::test]
async fn a_hundred_downloads_on_one_connection() {
    for_each_pair_in_turn("", |pair| async move {
        if pair.down == Protocol::Http2 {
            hundred(&pair, &mut pair.visitor().await).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_hundred_uploads_on_one_connection() {
    for_each_pair_in_turn("", |pair| async move {
        if pair.down == Protocol::Http1 {
            return;
        }
        let mut visitor = pair.visitor().await;
        let answers: Vec<_> = (0..STREAMS)
            .map(|_| {
                let nonce = pair.nonce();
                let body = bytes_of(&nonce, EACH);
                let request = visitor.request("POST", "/echo").header(NONCE, &nonce);
                let answer = visitor.send(request.body(full(body.clone())).unwrap());
                async move { assert!(whole(answer.await.unwrap()).await.unwrap().body == body, "{nonce}") }
            })
            .collect();
        within("a hundred uploads", join_all(answers)).await;
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_keeps_nobody_waiting() {
    for_each_pair_in_turn("", |pair| async move {
        if pair.down == Protocol::Http1 {
            return;
        }
        let mut visitor = Visitor::try_connect(&pair.stage.door, pair.host(), pair.down, 65_535).await.unwrap();
        let slow_nonce = pair.nonce();
        let request = visitor.request("GET", "/bytes/8000000/length").header(NONCE, &slow_nonce);
        let slow = within("a head", visitor.send(request.body(nothing()).unwrap())).await.unwrap();
        let started = Instant::now();
        hundred(&pair, &mut visitor).await;
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        // And the slow one gets all of its own in the end.
        assert!(whole(slow).await.unwrap().body == bytes_of(&slow_nonce, 8_000_000));
    })
    .await;
}

/// One visitor who opens many downloads and reads none of them must not stop the application for everybody else,
/// whatever the connections to it share.
#[tokio::test]
async fn many_slow_readers_keep_nobody_else_waiting() {
    for_each_pair("", |pair| async move {
        let mut slow = Vec::new();
        let mut visitors = Vec::new();
        let connections = if pair.down == Protocol::Http2 { 1 } else { 20 };
        for _ in 0..connections {
            let mut visitor = Visitor::try_connect(&pair.stage.door, pair.host(), pair.down, 65_535).await.unwrap();
            for _ in 0..20 / connections {
                let request = visitor.request("GET", "/events/0/0").header(NONCE, pair.nonce());
                let mut answer = within("a head", visitor.send(request.body(nothing()).unwrap())).await.unwrap();
                within("the beginning", answer.body_mut().frame()).await.unwrap().unwrap();
                slow.push(answer);
            }
            visitors.push(visitor);
        }
        // Until what lies between is full.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let nonce = pair.nonce();
        let started = Instant::now();
        let answer = pair.exchange("GET", "/bytes/1000000/length", &nonce, nothing()).await.unwrap();
        assert!(answer.body == bytes_of(&nonce, 1_000_000));
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        drop((slow, visitors));
    })
    .await;
}
