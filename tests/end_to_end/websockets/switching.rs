//! The moment of the 101: what comes before it, with it, or instead of it (RFC 9110 §7.8, RFC 6455 §4).

use super::{SOON, handshake, refused, scene, switched};
use crate::harness::browser::Browser;
use crate::harness::scene::{EVERYBODY, Scene, WEBSOCKETS};
use crate::harness::upstream::Reply;
use crate::harness::websocket::{ACCEPT, open};

#[tokio::test]
async fn nothing_is_passed_of_a_101_that_is_none() {
    let scene = scene().await;
    let stranger = Browser::new();
    let good = format!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n");
    for (what, head) in [
        ("bytes before it", format!("\x01\x02HTTP/1.1 101 Switching Protocols\r\n{good}")),
        ("a frame before it", format!("\u{1}\u{5}helloHTTP/1.1 101 Switching Protocols\r\n{good}")),
        ("two Accepts", format!("HTTP/1.1 101 S\r\nSec-WebSocket-Accept: {ACCEPT}\r\n{good}")),
        ("another Accept beside it", format!("HTTP/1.1 101 S\r\nSec-WebSocket-Accept: AAAA\r\n{good}")),
        ("two protocols", format!("HTTP/1.1 101 S\r\nUpgrade: h2c\r\n{good}")),
        ("a protocol too many", format!("HTTP/1.1 101 S\r\n{}", good.replace("websocket", "websocket, h2c"))),
        ("an Accept of other case", format!("HTTP/1.1 101 S\r\n{}", good.replace(ACCEPT, &ACCEPT.to_lowercase()))),
        ("no line end", format!("HTTP/1.1 101 S\r\n{}", good.trim_end())),
    ] {
        scene.upstream.reply_with(Reply::Raw([head.as_bytes(), b"\x81\x05hello"].concat()));
        let answer = refused(open(&scene.door, &stranger, "open").await);
        assert_eq!(answer.status, 502, "{what}: {}", answer.text());
        assert!(!answer.text().contains("hello"), "{what}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_101_that_speaks_of_a_body_has_none() {
    let scene = scene().await;
    for line in ["Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n"] {
        scene.upstream.reply_with(Reply::RawOpen([switched(line), b"\x81\x05hello".to_vec()].concat()));
        let mut raw = scene.door.raw("open").await;
        raw.send(handshake(&scene, "open", "")).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 101, "{line}");
        assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (None, None), "{line}");
        assert_eq!(raw.exactly(7).await, b"\x81\x05hello", "{line}");
    }
}

#[tokio::test]
async fn a_101_that_nobody_asked_for_is_refused() {
    let scene = scene().await;
    let host = scene.door.authority("open");
    scene.upstream.reply_with(Reply::Raw([switched(""), b"\x81\x05hello".to_vec()].concat()));
    for request in [
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\nx"),
        // HTTP/1.0 has no upgrades, so this is a plain request.
        handshake(&scene, "open", "").replace("HTTP/1.1", "HTTP/1.0"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
    ] {
        let answer = scene.door.exchange("open", &request).await;
        assert_eq!(answer.status, 502, "{request}: {}", answer.text());
        assert_eq!(scene.upstream.last().header("upgrade"), None, "{request}");
    }
}

#[tokio::test]
async fn what_was_sent_behind_a_refused_handshake_is_no_request() {
    let scene = scene().await;
    let page = Reply::RawOpen(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno".to_vec());
    let smuggled = format!("GET /smuggled HTTP/1.1\r\nHost: {}\r\n\r\n", scene.door.authority("open"));
    let evil = "Origin: https://evil.example\r\n";
    for (what, host, more, reply, status) in [
        ("the application refuses", "open", "", Reply::RefuseUpgrade, 403),
        ("the application answers with a page", "open", "", page, 200),
        ("the application's 101 is wrong", "open", "", Reply::WrongAccept, 502),
        ("the application hangs up", "open", "", Reply::HangUp, 502),
        ("nobody is signed in", "app", "", Reply::Echo, 401),
        ("the page is of another site", "open", evil, Reply::Echo, 403),
        ("the route has no WebSockets", "spdy", "", Reply::Echo, 403),
    ] {
        scene.upstream.reply_with(reply);
        let mut raw = scene.door.raw(host).await;
        let smuggled = smuggled.replace("open.", &format!("{host}."));
        raw.send(format!("{}{smuggled}", handshake(&scene, host, more))).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(answer.header("connection"), Some("close"), "{what}");
        assert_eq!(raw.rest().await, b"", "{what}: an answer too many");
        let smuggled = scene.upstream.arrived().iter().any(|arrived| arrived.line.contains("smuggled"));
        assert!(!smuggled, "{what}: it reached the application");
    }
}

#[tokio::test]
async fn a_direction_that_is_closed_leaves_the_other_open() {
    let scene = scene().await;
    scene.upstream.reply_with(Reply::Switch(switched("")));
    let mut raw = scene.door.raw("open").await;
    raw.send([handshake(&scene, "open", "").as_bytes(), b"first"].concat()).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.exactly(5).await, b"first");
    raw.send("last").await;
    let (mut stream, read) = raw.into_parts();
    assert!(read.is_empty() || read == b"last");
    // The visitor is done; the application hears of it only after all that was said, and its answer still comes.
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let mut rest = read;
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await.unwrap();
    assert_eq!(rest, b"last");
    assert!(scene.upstream.wait_for_tunnels(0).await <= SOON);
}

#[tokio::test]
async fn a_reader_that_stalls_holds_its_writer_up() {
    let scene = Scene::with_app(&format!("{EVERYBODY}\n{WEBSOCKETS}")).await;
    scene.upstream.reply_with(Reply::Flood);
    let mut raw = scene.door.raw("app").await;
    raw.send(handshake(&scene, "app", "")).await;
    raw.head().await;
    super::stalls(&scene).await;
    drop(raw);
    scene.upstream.wait_for_tunnels(0).await;
}
