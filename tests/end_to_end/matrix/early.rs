//! An answer may come before the upload is read: the visitor gets it whole, and nobody hangs.

use std::time::{Duration, Instant};

use super::for_each_pair;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::scripted::{NONCE, bytes_of};
use crate::harness::visitor::{Protocol, Visitor, fed, streamed, whole};
use crate::harness::within;

const UPLOAD: usize = 5 << 20;
/// Far less than an upload is held for.
const PROMPT: Duration = Duration::from_secs(25);

#[tokio::test]
async fn an_early_answer_arrives_whole() {
    for_each_pair("", |pair| async move {
        for (status, length) in [(200, 0), (200, 300_000), (401, 10), (413, 70_000)] {
            for rest in ["read", "hold", "drop"] {
                let case = format!("{status} with {length} bytes, then {rest} the upload");
                let started = Instant::now();
                let nonce = pair.nonce();
                let mut visitor = pair.visitor().await;
                let request = visitor
                    .request("POST", &format!("/early/{status}/{length}/{rest}"))
                    .header(NONCE, &nonce)
                    .body(streamed(vec![b'u'; UPLOAD], None))
                    .unwrap();
                let answer = match within(&case, visitor.send(request)).await {
                    Ok(answer) => whole(answer).await,
                    Err(error) => Err(error),
                };
                if rest == "drop" && !pair.application().speaks().is_http2() {
                    // The application's reset of the connection may be faster than the answer. It must not look like one, then.
                    if answer.as_ref().map_or(true, |answer| answer.status == 502) {
                        continue;
                    }
                }
                let answer = answer.expect(&case);
                assert_eq!(usize::from(answer.status), status, "{case}");
                assert!(answer.body == bytes_of(&nonce, length), "{case}: {} bytes", answer.body.len());
                assert!(started.elapsed() < PROMPT, "{case}: {:?}", started.elapsed());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_does_not_wait_for_an_upload_that_never_goes_on() {
    for_each_pair("", |pair| async move {
        let nonce = pair.nonce();
        let mut visitor = pair.visitor().await;
        let (feed, body) = fed();
        let request = visitor.request("POST", "/early/403/5000/hold").header(NONCE, &nonce).body(body).unwrap();
        let answer = visitor.send(request);
        feed.send("the beginning".into()).await.unwrap();
        let started = Instant::now();
        let answer = whole(within("an early answer", answer).await.unwrap()).await.unwrap();
        assert_eq!(answer.status, 403);
        assert!(answer.body == bytes_of(&nonce, 5000));
        assert!(started.elapsed() < PROMPT, "{:?}", started.elapsed());
        drop(feed);
    })
    .await;
}

#[tokio::test]
async fn an_early_answer_disturbs_no_other_stream() {
    for_each_pair("", |pair| async move {
        if pair.down == Protocol::Http1 {
            return;
        }
        let mut visitor = pair.visitor().await;
        for _ in 0..10 {
            let nonce = pair.nonce();
            let request = visitor
                .request("POST", "/early/413/10/hold")
                .header(NONCE, &nonce)
                .body(streamed(vec![b'u'; UPLOAD], None))
                .unwrap();
            let early = visitor.send(request);
            let other = pair.nonce();
            let other_answer = visitor.get("/bytes/100000/length", &other).await.unwrap();
            assert!(other_answer.body == bytes_of(&other, 100_000));
            let answer = whole(within("an early answer", early).await.unwrap()).await.unwrap();
            assert_eq!((answer.status, answer.body.len()), (413, 10));
        }
        assert!(visitor.is_open(), "the connection of the others lives");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_reaches_who_is_still_uploading() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    for protocol in Protocol::ALL {
        for round in 0..5 {
            let mut visitor = Visitor::connect(&scene.door, "app", protocol).await;
            let request = visitor.request("POST", "/").header("accept", "application/json");
            let request = request.body(streamed(vec![b'u'; UPLOAD], None)).unwrap();
            let answer = match within("a refusal", visitor.send(request)).await {
                Ok(answer) => whole(answer).await,
                Err(error) => Err(error),
            };
            let answer = answer.unwrap_or_else(|error| panic!("{} {round}: {error:?}", protocol.name()));
            assert_eq!(answer.status, 401, "{}", protocol.name());
            assert!(answer.body.ends_with(b"}") || answer.body.ends_with(b"}\n"), "{:?}", answer.body);
        }
    }
    assert_eq!(scene.arrivals(), 0);
}
