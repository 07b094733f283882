//! Bodies stream both ways and are never kept whole.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use super::open_door;
use crate::harness::browser::{Ask, Browser};
use crate::harness::upstream::Reply;
use crate::harness::wire::hex;
use crate::harness::within;

const SIZE: usize = 64 << 20;
/// What the program may need besides, in kilobytes, for a body a thousand times its buffers.
const ROOM: u64 = 24_000;

#[tokio::test]
async fn every_method_passes_with_its_body() {
    let (upstream, door) = open_door("").await;
    for protocol in ["h2", "http/1.1"] {
        let mut browser = Browser::speaking(protocol);
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"] {
            for body in ["", "some body"] {
                let answer = browser.send(Ask::new(method, &door.url("app", "/x?y")).body(body)).await;
                assert_eq!(answer.status, 200, "{protocol} {method} {body:?}");
                let arrived = upstream.last();
                assert_eq!(arrived.line, format!("{method} /x?y HTTP/1.1"));
                assert_eq!(arrived.body_length, body.len() as u64, "{protocol} {method}: {:?}", arrived.headers);
            }
        }
    }
}

#[tokio::test]
async fn an_upload_of_64_megabytes_needs_no_memory() {
    let (upstream, door) = open_door("").await;
    let mut browser = Browser::new();
    browser.fetch(&door.url("app", "/")).await;
    let before = door.memory("VmRSS");
    for protocol in ["h2", "http/1.1"] {
        let body: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let mut digest = Context::new(&SHA256);
        digest.update(&body);
        let expected = hex(digest.finish().as_ref());
        let answer = Browser::speaking(protocol).send(Ask::new("POST", &door.url("app", "/")).body(body)).await;
        assert_eq!(answer.status, 200, "{protocol}");
        let arrived = upstream.last();
        assert_eq!((arrived.body_length, arrived.body_sha256), (SIZE as u64, expected), "{protocol}");
    }
    let peak = door.memory("VmHWM");
    assert!(peak < before + ROOM, "from {before} kB to {peak} kB");
}

#[tokio::test]
async fn a_download_of_64_megabytes_needs_no_memory() {
    let (upstream, door) = open_door("").await;
    upstream.reply_with(Reply::Bytes(1));
    Browser::new().fetch(&door.url("app", "/")).await;
    let before = door.memory("VmRSS");
    upstream.reply_with(Reply::Bytes(SIZE as u64));
    for protocol in ["h2", "http/1.1"] {
        let answer = Browser::speaking(protocol).fetch(&door.url("app", "/")).await;
        assert_eq!(answer.body.len(), SIZE, "{protocol}");
        assert_eq!(answer.header("content-length"), Some(SIZE.to_string().as_str()), "{protocol}");
    }
    let peak = door.memory("VmHWM");
    assert!(peak < before + ROOM, "from {before} kB to {peak} kB");
}

#[tokio::test]
async fn a_visitor_who_does_not_read_holds_the_application_back() {
    let (upstream, door) = open_door("").await;
    upstream.reply_with(Reply::Bytes(512 << 20));
    let mut slow = door.raw("app").await;
    let before = door.memory("VmRSS");
    slow.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    slow.head().await;
    // Half a gigabyte waits at the application; while nobody reads, it must not come over here.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        assert!(door.memory("VmRSS") < before + ROOM, "from {before} kB to {} kB", door.memory("VmRSS"));
    }
}

#[tokio::test]
async fn the_application_sees_an_upload_while_it_is_still_coming() {
    let (upstream, door) = open_door("").await;
    let mut raw = door.raw("app").await;
    let host = door.authority("app");
    raw.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")).await;
    upstream.wait_for_body(5).await;
    raw.send("6\r\nsecond\r\n").await;
    upstream.wait_for_body(11).await;
    assert_eq!(upstream.arrived().len(), 0, "the request is not over yet");
    raw.send("0\r\n\r\n").await;
    assert_eq!(raw.answer().await.status, 200);
    assert_eq!(upstream.last().body_length, 11);
}

#[tokio::test]
async fn a_visitor_sees_an_answer_while_it_is_still_coming() {
    let (upstream, door) = open_door("").await;
    upstream.reply_with(Reply::Stream { chunks: 3, every: Duration::from_secs(2) });
    let mut raw = door.raw("app").await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    raw.head().await;
    let mut text = String::new();
    while !text.contains("data: 0") {
        text += &String::from_utf8_lossy(&raw.some().await);
    }
    assert!(!text.contains("data: 2"), "{text}");
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_whole() {
    let (upstream, door) = open_door("").await;
    super::raw(&upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut raw = door.raw("app").await;
    raw.send(format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n", door.authority("app"))).await;
    assert_eq!(raw.answer().await.text(), "ok");
}

#[tokio::test]
async fn expecting_100_is_answered_and_the_body_comes_through() {
    let (upstream, door) = open_door("").await;
    let mut raw = door.raw("app").await;
    raw.send(format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
        door.authority("app")
    ))
    .await;
    assert_eq!(raw.any_answer_to("POST").await.unwrap().status, 100);
    raw.send("hello").await;
    assert_eq!(raw.answer().await.status, 200);
    assert_eq!(upstream.last().body_length, 5);
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let (upstream, door) = open_door("").await;
    let host = door.authority("app");
    let mut raw = door.raw("app").await;
    raw.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\nTE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"))
        .await;
    assert_eq!(raw.answer().await.status, 200);
    let trailers: Vec<_> =
        upstream.last().trailers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    assert_eq!(trailers, [("x-sum".into(), "6".into())]);

    let answer = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\nX-Doorward-Evil: 1\r\n\r\n";
    super::raw(&upstream, answer);
    let mut raw = door.raw("app").await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nTE: trailers\r\n\r\n")).await;
    let answer = raw.answer().await;
    let trailers: Vec<_> = answer.trailers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    assert_eq!(trailers, [("x-sum".into(), "6".into())]);
    let answer = Browser::new().fetch(&door.url("app", "/")).await;
    assert_eq!(answer.trailers.unwrap()["x-sum"], "6");
}

#[tokio::test]
async fn a_visitor_who_goes_away_takes_the_request_along() {
    let (upstream, door) = open_door("").await;
    upstream.reply_with(Reply::Stream { chunks: 100_000, every: Duration::from_millis(5) });
    let mut raw = door.raw("app").await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    raw.head().await;
    drop(raw);
    upstream.wait_for_quiet(0).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_no_whole_request() {
    let (upstream, door) = open_door("").await;
    let mut raw = door.raw("app").await;
    raw.send(format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\nhalf", door.authority("app"))).await;
    upstream.wait_for_body(4).await;
    drop(raw);
    // The next request shows that the program went on, and what it made of the first.
    let answer = within("another request", async { Browser::new().fetch(&door.url("app", "/next")).await }).await;
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.arrived().len(), 1, "{:?}", upstream.arrived());
}
