//! Whoever breaks off is seen to break off by the other side, and by nobody else.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Pair, for_each_pair};
use crate::harness::scripted::{NONCE, Noted, bytes_of};
use crate::harness::visitor::{Protocol, Visitor, fed, nothing, whole};
use crate::harness::within;

/// "Within a second", and what a busy machine adds. Every time limit of ours is longer.
const PROMPT: Duration = Duration::from_secs(4);

/// Waits until the application saw that the request is no more, and looks at the clock.
async fn seen(pair: &Pair, nonce: &str) {
    let started = Instant::now();
    // Its library may drop what read the body before or after that read fails.
    pair.application().wait_for_any(nonce, &[Noted::Broke, Noted::GivenUp]).await;
    assert!(started.elapsed() < PROMPT, "only after {:?}", started.elapsed());
}

/// A request whose body has begun and goes on.
async fn uploading(pair: &Pair, visitor: &mut Visitor) -> (String, JoinHandle<()>, mpsc::Sender<Bytes>) {
    let nonce = pair.nonce();
    let (feed, body) = fed();
    let request = visitor.request("POST", "/report").header(NONCE, &nonce).body(body).unwrap();
    let answer = visitor.send(request);
    let sending = tokio::spawn(async move { drop(answer.await) });
    feed.send("the beginning".into()).await.unwrap();
    pair.application().wait_for(&nonce, Noted::Body).await;
    (nonce, sending, feed)
}

#[tokio::test]
async fn a_visitor_gone_during_an_upload_is_gone_for_the_application() {
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        let (nonce, _sending, _feed) = uploading(&pair, &mut visitor).await;
        drop(visitor);
        seen(&pair, &nonce).await;
        assert!(!pair.application().noted(&nonce).contains(&Noted::Read), "half an upload looked whole");
    })
    .await;
}

#[tokio::test]
async fn a_visitor_gone_during_a_download_is_gone_for_the_application() {
    for_each_pair("", |pair| async move {
        // One that pauses, and one that is held back by the visitor.
        for path in ["/events/0/5", "/events/0/0"] {
            let mut visitor = pair.visitor().await;
            let nonce = pair.nonce();
            let request = visitor.request("GET", path).header(NONCE, &nonce).body(nothing()).unwrap();
            let mut answer = within("a head", visitor.send(request)).await.unwrap();
            within("bytes", answer.body_mut().frame()).await.unwrap().unwrap();
            drop(visitor);
            seen(&pair, &nonce).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_visitor_gone_while_waiting_is_gone_for_the_application() {
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        let nonce = pair.nonce();
        let request = visitor.request("GET", "/hang").header(NONCE, &nonce).body(nothing()).unwrap();
        let _waiting = tokio::spawn(visitor.send(request));
        pair.application().wait_for(&nonce, Noted::Came).await;
        drop(visitor);
        seen(&pair, &nonce).await;
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_is_reset_takes_no_other_along() {
    for_each_pair("", |pair| async move {
        if pair.down == Protocol::Http1 {
            return;
        }
        let mut visitor = pair.visitor().await;
        let mut others = pair.visitor().await;
        for round in 0..5 {
            // One up, one down, one waiting; the visitor gives each up, and the connection stays.
            let (up, sending, feed) = uploading(&pair, &mut visitor).await;
            let down = pair.nonce();
            let request = visitor.request("GET", "/events/0/5").header(NONCE, &down).body(nothing()).unwrap();
            let mut answer = within("a head", visitor.send(request)).await.unwrap();
            within("bytes", answer.body_mut().frame()).await.unwrap().unwrap();
            let waiting = pair.nonce();
            let request = visitor.request("GET", "/hang").header(NONCE, &waiting).body(nothing()).unwrap();
            let hanging = tokio::spawn(visitor.send(request));
            pair.application().wait_for(&waiting, Noted::Came).await;
            // Somebody else's answer is under way meanwhile.
            let other = pair.nonce();
            let request = others.request("GET", "/events/40/20").header(NONCE, &other).body(nothing()).unwrap();
            let other_answer = within("a head", others.send(request)).await.unwrap();
            sending.abort();
            drop(answer);
            hanging.abort();
            for nonce in [&up, &down, &waiting] {
                seen(&pair, nonce).await;
            }
            assert!(!pair.application().noted(&up).contains(&Noted::Read), "half an upload looked whole");
            drop(feed);
            let other_answer = whole(other_answer).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
            let events = String::from_utf8(other_answer.body.to_vec()).unwrap();
            assert!(events.ends_with(&format!("data: {other} 39\n\n")), "round {round}: {events}");
            let nonce = pair.nonce();
            assert!(visitor.get("/bytes/1000/length", &nonce).await.unwrap().body == bytes_of(&nonce, 1000));
        }
        assert!(visitor.is_open() && others.is_open());
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    for_each_pair("", |pair| async move {
        for length in [0, 1, 20_000, 2 << 20] {
            for framing in ["length", "streamed"] {
                let case = format!("{length} bytes, {framing}");
                let nonce = pair.nonce();
                let answer = pair.exchange("GET", &format!("/break/{length}/{framing}"), &nonce, nothing()).await;
                // Before the head has left, it may still become a page of ours.
                let broken = answer.as_ref().map_or(true, |answer| answer.status == 502);
                assert!(broken, "{case} looks whole: {:?}", answer.map(|answer| (answer.status, answer.body.len())));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_disturbs_no_other() {
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        for _ in 0..5 {
            let nonce = pair.nonce();
            let request = visitor.request("GET", "/events/20/20").header(NONCE, &nonce).body(nothing()).unwrap();
            let answer = within("a head", visitor.send(request)).await.unwrap();
            let broken = pair.exchange("GET", "/break/20000/streamed", &pair.nonce(), nothing()).await;
            assert!(broken.is_err(), "{broken:?}");
            let answer = whole(answer).await.unwrap();
            assert!(String::from_utf8(answer.body.to_vec()).unwrap().ends_with(&format!("data: {nonce} 19\n\n")));
            if !visitor.is_open() {
                visitor = pair.visitor().await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_application_that_closes_without_an_answer_is_a_502() {
    for_each_pair("", |pair| async move {
        for method in ["GET", "POST", "HEAD"] {
            let body = if method == "POST" { crate::harness::visitor::full("some body") } else { nothing() };
            let answer = pair.exchange(method, "/close", &pair.nonce(), body).await.expect(method);
            assert_eq!(answer.status, 502, "{method}");
            assert_eq!(answer.headers["x-doorward-intercepted-response"], "true", "{method}");
        }
        let nonce = pair.nonce();
        assert!(pair.exchange("GET", "/bytes/9/length", &nonce, nothing()).await.unwrap().body == bytes_of(&nonce, 9));
    })
    .await;
}

#[tokio::test]
async fn an_application_that_never_answers_is_a_504() {
    for_each_pair("timeout: 1s", |pair| async move {
        let started = Instant::now();
        let nonce = pair.nonce();
        let answer = pair.exchange("GET", "/hang", &nonce, nothing()).await.unwrap();
        assert_eq!(answer.status, 504);
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        seen(&pair, &nonce).await;
    })
    .await;
}
