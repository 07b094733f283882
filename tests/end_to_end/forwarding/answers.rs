//! Answers pass as they are; those that are none become a page.

use super::{open_door, raw};
use crate::harness::browser::{Ask, Browser};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::upstream::Reply;

#[tokio::test]
async fn answers_without_a_body_stay_without() {
    let (upstream, door) = open_door("").await;
    for protocol in ["h2", "http/1.1"] {
        let mut browser = Browser::speaking(protocol);
        upstream.reply_with(Reply::Bytes(1234));
        let mut ask = Ask::fetch(&door.url("app", "/"));
        ask.method = http::Method::HEAD;
        let answer = browser.send(ask).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{protocol}");
        assert_eq!(answer.header("content-length"), Some("1234"), "{protocol}");
        raw(&upstream, "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n");
        let answer = browser.fetch(&door.url("app", "/")).await;
        assert_eq!((answer.status.as_u16(), answer.body.len(), answer.header("x-a")), (204, 0, Some("b")));
        raw(&upstream, "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n");
        let answer = browser.send(Ask::fetch(&door.url("app", "/")).header("if-none-match", "\"x\"")).await;
        assert_eq!((answer.status.as_u16(), answer.body.len(), answer.header("etag")), (304, 0, Some("\"x\"")));
    }
}

#[tokio::test]
async fn statuses_headers_and_ends_pass() {
    let (upstream, door) = open_door("").await;
    for (sent, status, body) in [
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end"),
        ("HTTP/1.0 200 OK\r\n\r\nold", 200, "old"),
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        ("HTTP/1.1 201 Made\r\nLocation: /made\r\nContent-Length: 0\r\n\r\n", 201, ""),
        ("HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/x\r\nContent-Length: 0\r\n\r\n", 302, ""),
        ("HTTP/1.1 418 Teapot\r\nContent-Length: 3\r\n\r\ntea", 418, "tea"),
        ("HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\ntheir", 500, "their"),
        ("HTTP/1.1 599 What\r\nContent-Length: 0\r\n\r\n", 599, ""),
        ("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
    ] {
        raw(&upstream, sent);
        for protocol in ["h2", "http/1.1"] {
            let answer = Browser::speaking(protocol).fetch(&door.url("app", "/")).await;
            assert_eq!((answer.status.as_u16(), answer.text().as_str()), (status, body), "{protocol}: {sent:?}");
            assert_eq!(answer.header("x-doorward-intercepted-response"), None, "{sent:?}");
        }
    }
}

#[tokio::test]
async fn what_is_no_answer_becomes_a_page() {
    let (upstream, door) = open_door("").await;
    for sent in [
        &b""[..],
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200",
        b"\x15\x03\x01\x00\x02\x02\x16",
    ] {
        raw(&upstream, sent);
        let what = sent.escape_ascii().to_string();
        let answer = Browser::new().visit(&door.url("app", "/")).await;
        assert_eq!(answer.status, 502, "{what}: {}", answer.text());
        assert_eq!(answer.header("x-doorward-intercepted-response"), Some("true"), "{what}");
        assert!(answer.text().contains("<h1>") && answer.text().contains(answer.header("x-request-id").unwrap()));
        assert!(!answer.text().contains("127.0.0.1"), "{what}: the page names the upstream");
    }
    upstream.reply_with(Reply::HangUp);
    assert_eq!(Browser::new().visit(&door.url("app", "/")).await.status, 502);
    upstream.reply_with(Reply::Echo);
    assert_eq!(Browser::new().visit(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let (upstream, door) = open_door("").await;
    for sent in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ] {
        raw(&upstream, sent);
        let mut raw = door.raw("app").await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
        let answer = raw.answer_to("GET").await;
        assert!(answer.is_err(), "{sent:?} looks whole: {answer:?}");
    }
}

#[tokio::test]
async fn what_was_only_for_one_visitor_stays_out_of_shared_caches() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let mut browser = scene.door.signed_in("app").await;
    scene.upstream.reply_with(Reply::EchoWith(vec![("Cache-Control", "public, max-age=31536000".into())]));
    let answer = browser.fetch(&scene.url("app", "/static.js")).await;
    let rules = answer.header("cache-control").unwrap();
    assert!(rules.contains("private") && rules.contains("max-age=31536000") && !rules.contains("public"), "{rules}");
}

#[tokio::test]
async fn connections_to_the_application_are_used_again() {
    let (upstream, door) = open_door("").await;
    let mut raw = door.raw("app").await;
    for number in 0..10 {
        raw.send(format!("GET /{number} HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
        assert_eq!(raw.answer().await.status, 200);
    }
    assert!(upstream.connections() <= 2, "{} connections for ten requests in a row", upstream.connections());
    // One that the application closed meanwhile is not held against the next visitor.
    super::raw(&upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    for _ in 0..5 {
        assert_eq!(Browser::new().fetch(&door.url("app", "/")).await.status, 200);
    }
}
