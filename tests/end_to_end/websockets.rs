//! WebSockets: opened only for who may, by pages of the same origin, and closed when that is no longer so.

mod other_protocols;
mod over_http2;
mod switching;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::browser::Browser;
use crate::harness::eventually;
use crate::harness::hostile_provider::Person;
use crate::harness::raw::RawAnswer;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, WEBSOCKETS, only};
use crate::harness::upstream::Reply;
use crate::harness::websocket::{self, KEY, Socket, echo, ended, open};
use crate::harness::within;

/// What "within seconds" means for a tunnel that may not go on.
const SOON: Duration = Duration::from_secs(4);

async fn scene() -> Scene {
    Scene::with(|setup, upstream| {
        setup
            .route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}"))
            .route("code", upstream, &format!("{}\n{WEBSOCKETS}", only("alice@example.com")))
            .route("plain", upstream, ANYBODY_SIGNED_IN)
            .route("open", upstream, &format!("{EVERYBODY}\n{WEBSOCKETS}"))
            .route("spdy", upstream, &format!("{EVERYBODY}\nallow_spdy: true"))
    })
    .await
}

/// A handshake with the usual key.
fn handshake(scene: &Scene, host: &str, more: &str) -> String {
    format!(
        "GET /s HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n",
        scene.door.authority(host)
    )
}

/// The yes to it, with these lines too.
fn switched(more: &str) -> Vec<u8> {
    let accept = websocket::ACCEPT;
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n")
        .into_bytes()
}

/// Holds that a flood comes to a halt when nobody reads it, and that little of it is kept.
async fn stalls(scene: &Scene) {
    let before = scene.door.memory("VmRSS");
    let (door, upstream) = (&scene.door, &scene.upstream);
    eventually("the flood to begin", || async { upstream.flooded() > 0 }).await;
    // Between two looks long enough for a flood that goes on to be seen.
    eventually("the flood to come to a halt", || async {
        let taken = upstream.flooded();
        tokio::time::sleep(Duration::from_secs(1)).await;
        upstream.flooded() == taken
    })
    .await;
    // What the system keeps for its sockets is in it.
    assert!(upstream.flooded() < 40 << 20, "{} bytes were taken", upstream.flooded());
    assert!(door.memory("VmRSS") < before + 6_000, "from {before} kB to {} kB", door.memory("VmRSS"));
}

fn refused(result: Result<Socket, RawAnswer>) -> RawAnswer {
    result.expect_err("a tunnel where there should be none")
}

#[tokio::test]
async fn messages_pass_in_both_directions() {
    let scene = scene().await;
    let browser = scene.door.signed_in("app").await;
    let mut socket = open(&scene.door, &browser, "app").await.unwrap();
    for text in ["", "hello", &"x".repeat(200_000)] {
        assert!(echo(&mut socket, text).await, "{} bytes", text.len());
    }
    socket.send(Message::binary(vec![0, 255, 1])).await.unwrap();
    let back = within("the echo", socket.next()).await.unwrap().unwrap();
    assert_eq!(back, Message::binary(vec![0, 255, 1]));
    // Many at once: nothing is lost and nothing changes places.
    for number in 0..1000 {
        socket.feed(Message::text(number.to_string())).await.unwrap();
    }
    socket.flush().await.unwrap();
    for number in 0..1000 {
        let back = within("the echo", socket.next()).await.unwrap().unwrap();
        assert_eq!(back, Message::text(number.to_string()));
    }
    let arrived = scene.upstream.last();
    assert_eq!(arrived.line, "GET /socket HTTP/1.1");
    assert_eq!(arrived.all("host"), [scene.door.authority("app")]);
    assert_eq!(arrived.all("sec-websocket-key"), [KEY]);
    assert_eq!(arrived.header("cookie"), None);
    // A close of the visitor reaches the application.
    socket.close(None).await.unwrap();
    scene.upstream.wait_for_tunnels(0).await;
}

#[tokio::test]
async fn words_said_along_with_the_handshake_are_not_lost() {
    let scene = scene().await;
    let host = scene.door.authority("open");
    let handshake = format!(
        "GET /s HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    // The visitor does not wait for the 101: a masked frame that says "hello".
    let mut raw = scene.door.raw("open").await;
    raw.send([handshake.as_bytes(), b"\x81\x85\0\0\0\0hello"].concat()).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.exactly(7).await, b"\x81\x05hello");

    // The application speaks first, in one breath with its 101. Read raw: a WebSocket client may have read ahead.
    let accept = websocket::ACCEPT;
    let agreed = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    scene.upstream.reply_with(Reply::RawOpen([agreed.as_bytes(), b"\x81\x05hello"].concat()));
    let mut raw = scene.door.raw("open").await;
    raw.send(&handshake).await;
    assert_eq!(raw.answer().await.status, 101);
    assert_eq!(raw.exactly(7).await, b"\x81\x05hello");
}

#[tokio::test]
async fn extensions_and_protocols_pass_untouched() {
    let scene = scene().await;
    scene.upstream.reply_with(Reply::EchoWith(vec![
        ("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover".into()),
        ("Sec-WebSocket-Protocol", "chat".into()),
    ]));
    let mut raw = scene.door.raw("open").await;
    raw.send(format!(
        "GET /s HTTP/1.1\r\nHost: {}\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: chat, superchat\r\n\r\n",
        scene.door.authority("open")
    ))
    .await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-extensions"), Some("permessage-deflate; server_no_context_takeover"));
    assert_eq!(answer.header("sec-websocket-protocol"), Some("chat"));
    assert_eq!(answer.header("content-length"), None);
    let arrived = scene.upstream.last();
    assert_eq!(arrived.header("sec-websocket-extensions"), Some("permessage-deflate; client_max_window_bits"));
    assert_eq!(arrived.header("sec-websocket-protocol"), Some("chat, superchat"));
}

#[tokio::test]
async fn only_who_may_gets_a_tunnel() {
    let scene = scene().await;
    let stranger = Browser::new();
    assert_eq!(refused(open(&scene.door, &stranger, "app").await).status, 401);
    let mut bob = scene.browser_of("bob@example.com").await;
    bob.visit(&scene.url("code", "/")).await;
    bob.visit(&scene.url("plain", "/")).await;
    let before = scene.arrivals();
    assert_eq!(refused(open(&scene.door, &bob, "code").await).status, 403);
    assert_eq!(refused(open(&scene.door, &bob, "plain").await).status, 403, "a route without allow_websockets");
    assert_eq!(scene.arrivals(), before);
    assert!(open(&scene.door, &stranger, "open").await.is_ok());
}

#[tokio::test]
async fn pages_of_other_origins_get_none() {
    let scene = scene().await;
    let browser = scene.door.signed_in("app").await;
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let host = scene.door.authority("app");
    let same = scene.door.setup.origin("app");
    let before = scene.arrivals();
    for origin in [
        "https://evil.example",
        "null",
        "",
        "https://app.example.test",
        &format!("http://{host}"),
        &scene.door.setup.origin("code"),
        &format!("{same}.evil.example"),
        &format!("https://evil.example/{host}"),
        &format!("https://{host}@evil.example"),
        "file://",
        "chrome-extension://abc",
        &format!("{same}, https://evil.example"),
    ] {
        let headers = [("Origin", origin), ("Cookie", cookie.as_str())];
        let answer = refused(websocket::over(scene.door.raw("app").await, &host, "/", &headers).await);
        assert_eq!(answer.status, 403, "{origin:?}");
    }
    for more in [
        vec![("Origin", same.as_str()), ("Origin", "https://evil.example")],
        vec![
            ("Origin", "https://evil.example"),
            ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", "host=evil.example"),
        ],
    ] {
        let mut headers = more.clone();
        headers.push(("Cookie", cookie.as_str()));
        let answer = refused(websocket::over(scene.door.raw("app").await, &host, "/", &headers).await);
        assert!(matches!(answer.status, 400 | 403), "{more:?}: {}", answer.status);
    }
    assert_eq!(scene.arrivals(), before);
    // A program that is no browser sends no Origin.
    assert!(websocket::over(scene.door.raw("app").await, &host, "/", &[("Cookie", &cookie)]).await.is_ok());
    // Capitals and the same port are the same origin.
    let capitals = [("Origin", same.replace("app", "APP")), ("Cookie", cookie.clone())];
    let capitals: Vec<_> = capitals.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert!(websocket::over(scene.door.raw("app").await, &host, "/", &capitals).await.is_ok());
}

#[tokio::test]
async fn a_handshake_that_is_not_whole_is_refused() {
    let scene = scene().await;
    let host = scene.door.authority("open");
    let good = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", KEY),
    ];
    let with = |changes: &[(&str, Option<&str>)]| {
        let mut lines: Vec<(String, String)> = Vec::new();
        for (name, value) in good {
            match changes.iter().find(|(changed, _)| *changed == name) {
                Some((_, None)) => {}
                Some((_, Some(value))) => lines.push((name.into(), (*value).into())),
                None => lines.push((name.into(), value.into())),
            }
        }
        for (name, value) in changes.iter().filter(|(name, _)| !good.iter().any(|(known, _)| known == name)) {
            lines.push(((*name).into(), value.unwrap_or_default().into()));
        }
        lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>()
    };
    for (what, method, lines, expected) in [
        ("version 8", "GET", with(&[("Sec-WebSocket-Version", Some("8"))]), &[426][..]),
        ("no version", "GET", with(&[("Sec-WebSocket-Version", None)]), &[400, 426]),
        ("no key", "GET", with(&[("Sec-WebSocket-Key", None)]), &[400]),
        ("a short key", "GET", with(&[("Sec-WebSocket-Key", Some("AAAA"))]), &[400]),
        ("a key that is none", "GET", with(&[("Sec-WebSocket-Key", Some("!!!!!!!!!!!!!!!!!!!!!!!!"))]), &[400]),
        ("two keys", "GET", with(&[]) + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", &[400]),
        ("a POST", "POST", with(&[]), &[400, 405]),
        ("a body", "GET", with(&[("Content-Length", Some("5"))]), &[400]),
        ("a chunked body", "GET", with(&[("Transfer-Encoding", Some("chunked"))]), &[400]),
    ] {
        let answer = scene.door.exchange("open", &format!("{method} / HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")).await;
        assert!(expected.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        if answer.status == 426 {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        }
        assert_eq!(scene.arrivals(), 0, "{what}");
    }
}

#[tokio::test]
async fn other_upgrades_are_no_upgrades() {
    let scene = scene().await;
    let host = scene.door.authority("open");
    for upgrade in ["h2c", "TLS/1.0", "spdy/3.1", "foo, websocket/2", "WebSocketX"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nUpgrade: {upgrade}\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        );
        let answer = scene.door.exchange("open", &request).await;
        assert_ne!(answer.status, 101, "{upgrade}");
        if answer.status == 200 {
            let arrived = scene.upstream.last();
            assert_eq!((arrived.header("upgrade"), arrived.header("http2-settings")), (None, None), "{upgrade}");
        }
    }
}

#[tokio::test]
async fn what_the_application_answers_is_checked() {
    let scene = scene().await;
    let stranger = Browser::new();
    scene.upstream.reply_with(Reply::WrongAccept);
    assert_eq!(refused(open(&scene.door, &stranger, "open").await).status, 502);
    scene.upstream.wait_for_tunnels(0).await;
    scene.upstream.reply_with(Reply::RefuseUpgrade);
    assert_eq!(refused(open(&scene.door, &stranger, "open").await).status, 403);
    scene.upstream.reply_with(Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno".to_vec()));
    assert_eq!(refused(open(&scene.door, &stranger, "open").await).text(), "no");
    for head in [
        "Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Connection: Upgrade\r\nUpgrade: websocket",
    ] {
        scene
            .upstream
            .reply_with(Reply::Raw(format!("HTTP/1.1 101 Switching Protocols\r\n{head}\r\n\r\n").into_bytes()));
        assert_eq!(refused(open(&scene.door, &stranger, "open").await).status, 502, "{head}");
    }
}

#[tokio::test]
async fn a_tunnel_ends_when_its_person_signs_out() {
    let scene = scene().await;
    let mut browser = scene.door.signed_in("app").await;
    browser.visit(&scene.url("code", "/")).await;
    let mut other = scene.door.signed_in("app").await;
    let mut on_app = open(&scene.door, &browser, "app").await.unwrap();
    let mut on_code = open(&scene.door, &browser, "code").await.unwrap();
    let mut others = open(&scene.door, &other, "app").await.unwrap();
    scene.upstream.wait_for_tunnels(3).await;

    let question = browser.visit(&scene.url("code", "/.doorward/sign_out")).await;
    browser.submit(&question, &[]).await;
    for socket in [&mut on_app, &mut on_code] {
        let took = ended(socket).await;
        assert!(took <= SOON, "{took:?} after signing out");
    }
    assert!(scene.upstream.wait_for_tunnels(1).await <= SOON);
    assert!(echo(&mut others, "still here").await, "somebody else's tunnel was cut");
    assert_eq!(other.fetch(&scene.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn a_tunnel_ends_when_its_session_does() {
    let scene = Scene::with(|setup, upstream| {
        setup.with("cookie_expire: 8s").route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}"))
    })
    .await;
    let started = std::time::Instant::now();
    let browser = scene.door.signed_in("app").await;
    let mut socket = open(&scene.door, &browser, "app").await.unwrap();
    assert!(echo(&mut socket, "while it lives").await);
    ended(&mut socket).await;
    let lived = started.elapsed();
    assert!((Duration::from_millis(7500)..Duration::from_secs(14)).contains(&lived), "{lived:?}");
    scene.upstream.wait_for_tunnels(0).await;
}

#[tokio::test]
async fn a_quiet_tunnel_ends_of_idleness_and_one_in_use_goes_on() {
    let scene = Scene::with(|setup, upstream| {
        setup.with("session_idle_timeout: 6s").route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}"))
    })
    .await;
    let (alice, mut bob) = (scene.browser_of("alice@example.com").await, scene.browser_of("bob@example.com").await);
    let mut busy = open(&scene.door, &alice, "app").await.unwrap();
    let mut quiet = open(&scene.door, &bob, "app").await.unwrap();
    let working = async {
        let end = tokio::time::Instant::now() + Duration::from_secs(14);
        while tokio::time::Instant::now() < end {
            assert!(echo(&mut busy, "at work").await, "somebody at work was signed out");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let (lived, ()) = tokio::join!(ended(&mut quiet), working);
    assert!(lived > Duration::from_secs(4), "{lived:?}");
    assert_eq!(bob.fetch(&scene.url("app", "/")).await.status, 401, "it was the session that ended");
    ended(&mut busy).await;
}

#[tokio::test]
async fn a_tunnel_lives_through_a_reload_that_still_allows_it_and_ends_with_one_that_does_not() {
    let scene = Scene::with(|setup, upstream| {
        let keys = format!(
            "policy: [{{allow: {{or: [{{email: {{in: [alice@example.com, bob@example.com]}}}}]}}}}]\n{WEBSOCKETS}"
        );
        setup.route("app", upstream, &keys).route("open", upstream, EVERYBODY)
    })
    .await;
    let alice = scene.browser_of("alice@example.com").await;
    let bob = scene.browser_of("bob@example.com").await;
    let mut of_alice = open(&scene.door, &alice, "app").await.unwrap();
    let mut of_bob = open(&scene.door, &bob, "app").await.unwrap();

    let without_bob = scene.door.setup.yaml().replace(", bob@example.com", "");
    scene.door.replace_config(&without_bob);
    scene.door.signal("HUP");
    let took = ended(&mut of_bob).await;
    assert!(took <= SOON, "{took:?} after the reload");
    for _ in 0..3 {
        assert!(echo(&mut of_alice, "still here").await, "a tunnel that is still allowed was cut");
    }

    // A reload that takes the route away, or its WebSockets, takes the tunnel as well.
    scene.door.replace_config(&without_bob.replace("    allow_websockets: true\n", ""));
    scene.door.signal("HUP");
    let took = ended(&mut of_alice).await;
    assert!(took <= SOON, "{took:?} after WebSockets were taken away");
}

#[tokio::test]
async fn a_tunnel_that_is_busy_in_one_direction_is_not_cut() {
    let scene = Scene::with(|setup, upstream| {
        setup.route("app", upstream, &format!("{EVERYBODY}\n{WEBSOCKETS}\nidle_timeout: 1s\ntimeout: 1s"))
    })
    .await;
    let mut socket = open(&scene.door, &Browser::new(), "app").await.unwrap();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(echo(&mut socket, "tick").await);
    }
    let took = ended(&mut socket).await;
    assert!(took < Duration::from_secs(5), "idle for {took:?} with a limit of one second");
}

#[tokio::test]
async fn a_long_answer_is_held_to_the_same_rules_as_a_tunnel() {
    let scene = scene().await;
    scene.upstream.reply_with(Reply::Echo);
    let mut browser = scene.door.signed_in("app").await;
    scene.upstream.reply_with(Reply::Stream { chunks: 1000, every: Duration::from_millis(100) });
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let mut stream = scene.door.raw("app").await;
    stream
        .send(format!("GET /events HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", scene.door.authority("app")))
        .await;
    stream.head().await;
    stream.some().await;
    scene.upstream.reply_with(Reply::Echo);
    let question = browser.visit(&scene.url("app", "/.doorward/sign_out")).await;
    browser.submit(&question, &[]).await;
    let started = std::time::Instant::now();
    stream.rest().await;
    assert!(started.elapsed() <= SOON, "{:?} after signing out", started.elapsed());
}

#[tokio::test]
async fn a_tunnel_is_in_the_access_log() {
    let scene = scene().await;
    scene.provider.person(Person::new("alice@example.com"));
    let browser = scene.door.signed_in("app").await;
    let mut socket = open(&scene.door, &browser, "app").await.unwrap();
    echo(&mut socket, "secret words").await;
    socket.close(None).await.unwrap();
    let door = &scene.door;
    eventually("the tunnel's access line", || async {
        door.log.entries().iter().any(|line| {
            line["path"] == "/socket"
                && line["status"] == 101
                && line["user"] == "alice@example.com"
                && line["decision"] == "allow"
        })
    })
    .await;
    assert!(!scene.door.log.text().contains("secret words"));
}
