//! Answers without a body stay without, heads pass whole, and interim answers do not get in the way.

use super::{Stage, for_each_pair};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::scripted::{NONCE, bytes_of};
use crate::harness::visitor::{Protocol, Visitor, nothing};

#[tokio::test]
async fn answers_without_a_body_stay_without() {
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        for (method, path, status, length) in [
            ("HEAD", "/length/1234", 200, Some("1234")),
            ("HEAD", "/length/0", 200, Some("0")),
            ("HEAD", "/empty/404", 404, None),
            ("GET", "/empty/204", 204, None),
            ("DELETE", "/empty/204", 204, None),
            ("GET", "/empty/304", 304, None),
            ("HEAD", "/empty/304", 304, None),
            ("POST", "/empty/205", 205, None),
            ("GET", "/empty/200", 200, Some("0")),
        ] {
            let case = format!("{method} {path}");
            let nonce = pair.nonce();
            let request = visitor.request(method, path).header(NONCE, &nonce).body(nothing()).unwrap();
            let answer = visitor.exchange(request).await.expect(&case);
            assert_eq!((answer.status, answer.body.len()), (status, 0), "{case}");
            assert_eq!(answer.headers[NONCE], nonce.as_str(), "{case}");
            let said = answer.headers.get("content-length").map(|value| value.to_str().unwrap());
            if let Some(length) = length {
                assert_eq!(said.unwrap_or("0"), length, "{case}");
            } else {
                assert!(said.is_none() || said == Some("0"), "{case}: {said:?}");
            }
            // The connection goes on where it should.
            let nonce = pair.nonce();
            let answer = visitor.get("/bytes/10/length", &nonce).await.expect(&case);
            assert!(answer.body == bytes_of(&nonce, 10), "after {case}: {:?}", answer.body);
        }
    })
    .await;
}

#[tokio::test]
async fn our_own_pages_have_no_body_for_head() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    for protocol in Protocol::ALL {
        let mut visitor = Visitor::connect(&scene.door, "app", protocol).await;
        for (path, status) in [("/", 401), ("/.doorward/user", 401), ("/.doorward/nothing", 404), ("/a/../b", 400)] {
            let request = visitor.request("HEAD", path).header("accept", "*/*").body(nothing()).unwrap();
            let answer = visitor.exchange(request).await;
            let answer = answer.unwrap_or_else(|error| panic!("{}: {path}: {error:?}", protocol.name()));
            assert_eq!((answer.status, answer.body.len()), (status, 0), "{}: {path}", protocol.name());
            if !visitor.is_open() {
                visitor = Visitor::connect(&scene.door, "app", protocol).await;
            }
        }
    }
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn a_head_answer_with_bytes_behind_it_is_no_answer_of_the_next() {
    for_each_pair("", |pair| async move {
        // What an application answers to HEAD as if it were GET: its library leaves the body out, or should.
        let mut visitor = pair.visitor().await;
        for _ in 0..5 {
            let request = visitor.request("HEAD", "/bytes/5000/length").header(NONCE, pair.nonce());
            let answer = visitor.exchange(request.body(nothing()).unwrap()).await.unwrap();
            assert_eq!((answer.status, answer.body.len()), (200, 0));
            let nonce = pair.nonce();
            let answer = visitor.get("/bytes/100/streamed", &nonce).await.unwrap();
            assert!(answer.body == bytes_of(&nonce, 100));
        }
    })
    .await;
}

#[tokio::test]
async fn big_heads_pass() {
    for_each_pair("", |pair| async move {
        let mut visitor = pair.visitor().await;
        for (count, length) in [(1, 8000), (40, 200), (4, 5000)] {
            let answer = visitor.get(&format!("/heads/{count}/{length}"), &pair.nonce()).await.unwrap();
            assert_eq!((answer.status, answer.body.as_ref()), (200, &b"heads"[..]), "{count} of {length}");
            let there = answer
                .headers
                .iter()
                .filter(|(name, value)| name.as_str().starts_with("x-head-") && value.len() == length);
            assert_eq!(there.count(), count, "{count} of {length}");
        }
        // Upwards: what a browser may well send arrives.
        let big = "y".repeat(8000);
        let request = visitor.request("GET", "/report").header(NONCE, pair.nonce()).header("x-big", &big);
        let answer = visitor.exchange(request.body(nothing()).unwrap()).await.unwrap();
        let report: crate::harness::scripted::Report = serde_json::from_slice(&answer.body).unwrap();
        assert!(report.headers.contains(&("x-big".to_owned(), big)));
    })
    .await;
}

#[tokio::test]
async fn a_huge_head_is_no_answer_and_the_next_one_is() {
    // One pair after the other: a library may give up a whole connection of HTTP/2 over it.
    let stage = Stage::start("").await;
    for pair in stage.pairs() {
        let name = pair.name();
        let mut visitor = pair.visitor().await;
        let answer = visitor.get("/heads/8/100000", &pair.nonce()).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(answer.status, 502, "{name}");
        let nonce = pair.nonce();
        let answer = visitor.get("/bytes/10/length", &nonce).await;
        let answer = answer.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert!(answer.status == 200 && answer.body == bytes_of(&nonce, 10), "{name}: {}", answer.status);
    }
}
