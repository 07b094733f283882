//! WebSockets on the streams of an HTTP/2 connection (RFC 8441): as many rules as over HTTP/1.1, and those of streams.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use hyper::ext::Protocol;
use tokio_tungstenite::tungstenite::Message;

use super::{SOON, scene};
use crate::harness::eventually;
use crate::harness::http2_client::Http2;
use crate::harness::raw_http2::{Outcome, RawHttp2};
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, WEBSOCKETS};
use crate::harness::upstream::Reply;
use crate::harness::websocket::{echo, ended};
use crate::harness::within;

#[tokio::test]
async fn messages_pass_in_both_directions() {
    let scene = scene().await;
    let mut connection = Http2::connect(&scene.door, "open").await;
    let mut socket = connection.websocket("/s?x=1", &[("x-mine", "yes")]).await.unwrap();
    for text in ["", "hello", &"x".repeat(300_000)] {
        assert!(echo(&mut socket, text).await, "{} bytes", text.len());
    }
    let arrived = scene.upstream.last();
    assert_eq!(arrived.line, "GET /s?x=1 HTTP/1.1");
    assert_eq!(arrived.all("host"), [scene.door.authority("open")]);
    assert_eq!((arrived.all("upgrade"), arrived.all("connection")), (vec!["websocket"], vec!["Upgrade"]));
    assert_eq!(arrived.all("sec-websocket-version"), ["13"]);
    assert_eq!(arrived.header("x-mine"), Some("yes"));
    let key = arrived.header("sec-websocket-key").unwrap().to_owned();
    assert_eq!(key.len(), 24);
    assert!(arrived.headers.iter().all(|(name, _)| !name.starts_with(':')), "{:?}", arrived.headers);
    // Nobody could have known the key.
    let mut other = connection.websocket("/s", &[]).await.unwrap();
    assert!(echo(&mut other, "as well").await);
    assert_ne!(scene.upstream.last().header("sec-websocket-key"), Some(key.as_str()));
    socket.close(None).await.unwrap();
    scene.upstream.wait_for_tunnels(1).await;
    let door = &scene.door;
    eventually("the access line of the tunnel", || async {
        door.log.entries().iter().any(|line| {
            line["path"] == "/s" && line["status"] == 200 && line["websocket"] == true && line["method"] == "GET"
        })
    })
    .await;
}

#[tokio::test]
async fn extensions_and_protocols_pass_untouched() {
    let scene = scene().await;
    scene.upstream.reply_with(Reply::EchoWith(vec![
        ("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover".into()),
        // One that nobody offered is for the client to turn down.
        ("Sec-WebSocket-Protocol", "unheard-of".into()),
    ]));
    let mut connection = Http2::connect(&scene.door, "open").await;
    let offer = [("sec-websocket-extensions", "permessage-deflate"), ("sec-websocket-protocol", "chat, superchat")];
    let request = connection.handshake("/s", &offer);
    let answer = connection.send(request).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["sec-websocket-extensions"], "permessage-deflate; server_no_context_takeover");
    assert_eq!(answer.headers()["sec-websocket-protocol"], "unheard-of");
    let arrived = scene.upstream.last();
    assert_eq!(arrived.header("sec-websocket-extensions"), Some("permessage-deflate"));
    assert_eq!(arrived.header("sec-websocket-protocol"), Some("chat, superchat"));
}

#[tokio::test]
async fn several_on_one_connection_live_and_end_apart() {
    let scene = scene().await;
    let mut connection = Http2::connect(&scene.door, "open").await;
    let mut sockets = Vec::new();
    for number in 0..5 {
        sockets.push(connection.websocket(&format!("/{number}"), &[]).await.unwrap());
    }
    scene.upstream.wait_for_tunnels(5).await;
    // One closes in good order, one is dropped, which resets its stream.
    let mut closed = sockets.remove(0);
    closed.close(None).await.unwrap();
    ended(&mut closed).await;
    drop(sockets.remove(0));
    scene.upstream.wait_for_tunnels(3).await;
    for socket in &mut sockets {
        assert!(echo(socket, "still here").await);
    }
    assert_eq!(connection.get("/page", &[]).await.0, 200);
    assert_eq!(scene.upstream.connections(), 6);
}

#[tokio::test]
async fn who_may_not_gets_none() {
    let scene = scene().await;
    let mut app = Http2::connect(&scene.door, "app").await;
    assert_eq!(app.websocket("/", &[]).await.unwrap_err().0, 401, "nobody is signed in");
    let mut plain = Http2::connect(&scene.door, "plain").await;
    let browser = scene.door.signed_in("app").await;
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    for origin in ["https://evil.example", "null", &scene.door.setup.origin("code")] {
        let refused = app.websocket("/", &[("cookie", &cookie), ("origin", origin)]).await;
        assert_eq!(refused.unwrap_err().0, 403, "{origin}");
    }
    assert_eq!(plain.websocket("/", &[]).await.unwrap_err().0, 401);
    let before = scene.arrivals();
    // A success would be taken for an open WebSocket: our own pages are none.
    assert_eq!(app.get("/.doorward/user", &[("cookie", &cookie)]).await.0, 200);
    assert_eq!(app.websocket("/.doorward/user", &[("cookie", &cookie)]).await.unwrap_err().0, 400);
    assert_eq!(scene.arrivals(), before);
    let same = scene.door.setup.origin("app");
    let mut socket = app.websocket("/", &[("cookie", &cookie), ("origin", &same)]).await.unwrap();
    assert!(echo(&mut socket, "let in").await);
}

#[tokio::test]
async fn what_is_no_handshake_is_refused() {
    let scene = scene().await;
    let mut connection = Http2::connect(&scene.door, "open").await;
    let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
    for (what, status, change) in [
        ("version 8", 426, ("sec-websocket-version", HeaderValue::from_static("8"))),
        ("a key", 400, ("sec-websocket-key", key)),
    ] {
        let mut request = connection.handshake("/", &[]);
        request.headers_mut().insert(change.0, change.1);
        assert_eq!(connection.send(request).await.status(), status, "{what}");
    }
    let mut bare = connection.handshake("/", &[]);
    bare.headers_mut().remove("sec-websocket-version");
    assert_eq!(connection.send(bare).await.status(), 426);
    for protocol in ["connect-udp", "webtransport", "WebSocket"] {
        let mut request = connection.handshake("/", &[]);
        request.extensions_mut().insert(Protocol::from_static(protocol));
        assert_eq!(connection.send(request).await.status(), 501, "{protocol}");
    }
    let authority = scene.door.authority("open");
    let mut raw = RawHttp2::connect(scene.door.setup.address(), "open.example.test").await;
    let outcome = raw.request(&[(":method", "CONNECT"), (":authority", &authority)]).await;
    assert!(matches!(outcome, Outcome::Answered(405, _)), "{outcome:?}");
    for missing in [":scheme", ":path", ":authority"] {
        let mut lines = vec![
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", "/"),
            (":authority", authority.as_str()),
            ("sec-websocket-version", "13"),
        ];
        lines.retain(|(name, _)| *name != missing);
        let mut raw = RawHttp2::connect(scene.door.setup.address(), "open.example.test").await;
        let outcome = raw.request(&lines).await;
        assert!(outcome.is_refusal(), "without {missing}: {outcome:?}");
    }
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn what_the_application_answers_is_checked() {
    let scene = scene().await;
    let mut connection = Http2::connect(&scene.door, "open").await;
    for (what, reply, status) in [
        ("a wrong Accept", Reply::WrongAccept, 502),
        ("a refusal", Reply::RefuseUpgrade, 403),
        ("a page", Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno".to_vec()), 400),
        ("nothing", Reply::HangUp, 502),
        ("a page that is not there", Reply::Raw(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno".to_vec()), 404),
        ("the Accept of another key", Reply::RawOpen(super::switched("")), 502),
    ] {
        scene.upstream.reply_with(reply);
        let (answered, body) = connection.websocket("/", &[]).await.unwrap_err();
        assert_eq!(answered, status, "{what}: {body}");
    }
    scene.upstream.wait_for_tunnels(0).await;
    scene.upstream.reply_with(Reply::Echo);
    let mut socket = connection.websocket("/", &[]).await.unwrap();
    assert!(echo(&mut socket, "the connection is none the worse").await);
}

#[tokio::test]
async fn a_session_that_ends_takes_its_streams_and_leaves_the_connection() {
    let scene = scene().await;
    let mut browser = scene.door.signed_in("app").await;
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let mut connection = Http2::connect(&scene.door, "app").await;
    let mut one = connection.websocket("/", &[("cookie", &cookie)]).await.unwrap();
    let mut two = connection.websocket("/", &[("cookie", &cookie)]).await.unwrap();
    let other = scene.door.signed_in("app").await;
    let others = other.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let mut three = connection.websocket("/", &[("cookie", &others)]).await.unwrap();
    let question = browser.visit(&scene.url("app", "/.doorward/sign_out")).await;
    browser.submit(&question, &[]).await;
    for socket in [&mut one, &mut two] {
        let took = ended(socket).await;
        assert!(took <= SOON, "{took:?} after signing out");
    }
    assert!(echo(&mut three, "still here").await, "somebody else's tunnel was cut");
    assert_eq!(connection.get("/", &[("cookie", &cookie), ("accept", "application/json")]).await.0, 401);
}

#[tokio::test]
async fn a_connection_with_a_tunnel_is_not_idle_and_one_without_is() {
    let scene = Scene::with(|setup, upstream| {
        setup.with("timeout_idle: 1s").route("app", upstream, &format!("{EVERYBODY}\n{WEBSOCKETS}"))
    })
    .await;
    let mut connection = Http2::connect(&scene.door, "app").await;
    let mut socket = connection.websocket("/", &[]).await.unwrap();
    // Nothing tells that a limit has passed without effect.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(echo(&mut socket, "still here").await);
    drop(socket);
    connection.ended().await;
}

#[tokio::test]
async fn a_drain_ends_a_connection_with_tunnels() {
    let mut scene = scene().await;
    let mut connection = Http2::connect(&scene.door, "open").await;
    let mut socket = connection.websocket("/", &[]).await.unwrap();
    assert!(echo(&mut socket, "open").await);
    scene.door.signal("TERM");
    // What is open may go on until its client is done.
    assert!(echo(&mut socket, "still here").await);
    socket.close(None).await.unwrap();
    ended(&mut socket).await;
    connection.ended().await;
    assert!(scene.door.ended().await.success());
}

#[tokio::test]
async fn a_reader_that_stalls_holds_its_writer_up() {
    let scene = scene().await;
    scene.upstream.reply_with(Reply::Flood);
    let mut connection = Http2::connect(&scene.door, "open").await;
    let socket = connection.websocket("/", &[]).await.unwrap();
    super::stalls(&scene).await;
    // The others on the connection are not held up.
    scene.upstream.reply_with(Reply::Echo);
    let mut other = connection.websocket("/", &[]).await.unwrap();
    assert!(echo(&mut other, "hello").await);
    drop(socket);
    scene.upstream.wait_for_tunnels(1).await;
}

#[tokio::test]
async fn many_words_at_once_keep_their_order() {
    let scene = Scene::with_app(&format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}")).await;
    let browser = scene.door.signed_in("app").await;
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let mut connection = Http2::connect(&scene.door, "app").await;
    let mut socket = connection.websocket("/", &[("cookie", &cookie)]).await.unwrap();
    for number in 0..1000 {
        socket.feed(Message::text(number.to_string())).await.unwrap();
    }
    socket.flush().await.unwrap();
    for number in 0..1000 {
        let back = within("the echo", socket.next()).await.unwrap().unwrap();
        assert_eq!(back, Message::text(number.to_string()));
    }
}
