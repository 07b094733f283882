//! Upgrades to what is no WebSocket: only where a route names them, only to just that, and decided on as either.

use super::{SOON, handshake, scene};
use crate::harness::raw::Raw;
use crate::harness::scene::{EVERYBODY, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::Reply;

const SWITCHED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n";

/// What `kubectl exec` sends.
fn exec(scene: &Scene, host: &str, method: &str, more: &str) -> String {
    format!(
        "{method} /api/v1/namespaces/default/pods/web/exec?command=sh HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nContent-Length: 0\r\n{more}\r\n",
        scene.door.authority(host)
    )
}

async fn opened(scene: &Scene, host: &str) -> Raw {
    let mut raw = scene.door.raw(host).await;
    raw.send(exec(scene, host, "POST", "")).await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 101);
    assert_eq!((answer.header("upgrade"), answer.header("connection")), (Some("SPDY/3.1"), Some("Upgrade")));
    assert_eq!(answer.header("x-stream-protocol-version"), Some("v4.channel.k8s.io"));
    raw
}

#[tokio::test]
async fn a_protocol_that_the_route_names_is_passed_on() {
    let scene = scene().await;
    scene.upstream.reply_with(Reply::Switch([SWITCHED, b"\x80\x03first"].concat()));
    let mut raw = opened(&scene, "spdy").await;
    assert_eq!(raw.exactly(7).await, b"\x80\x03first");
    raw.send(b"\x80\x03\0\x01any bytes").await;
    assert_eq!(raw.exactly(13).await, b"\x80\x03\0\x01any bytes");
    let arrived = scene.upstream.last();
    assert!(arrived.line.starts_with("POST /api/v1/"), "{}", arrived.line);
    assert_eq!((arrived.all("upgrade"), arrived.all("connection")), (vec!["SPDY/3.1"], vec!["Upgrade"]));
}

#[tokio::test]
async fn a_protocol_that_the_route_does_not_name_is_not() {
    let scene = scene().await;
    for (host, upgrade) in [("open", "SPDY/3.1"), ("spdy", "spdy/3"), ("spdy", "SPDY/3.1, websocket2"), ("spdy", "h2c")]
    {
        let request = exec(&scene, host, "POST", "").replace("SPDY/3.1", upgrade);
        let answer = scene.door.exchange(host, &request).await;
        assert_eq!(answer.status, 200, "{host} {upgrade}");
        assert_eq!(scene.upstream.last().header("upgrade"), None, "{host} {upgrade}");
    }
    // And what switches all the same is not believed.
    scene.upstream.reply_with(Reply::Raw(SWITCHED.to_vec()));
    assert_eq!(scene.door.exchange("open", &exec(&scene, "open", "POST", "")).await.status, 502);
}

#[tokio::test]
async fn the_101_has_to_name_the_same_protocol() {
    let scene = scene().await;
    let switched = String::from_utf8(SWITCHED.to_vec()).unwrap();
    for (what, head) in [
        ("another", switched.replace("SPDY/3.1", "tcp")),
        ("a WebSocket", switched.replace("SPDY/3.1", "websocket")),
        ("two", switched.replace("SPDY/3.1", "SPDY/3.1, tcp")),
        ("none", switched.replace("Upgrade: SPDY/3.1\r\n", "")),
        ("it, and no Connection", switched.replace("Connection: Upgrade\r\n", "")),
    ] {
        scene.upstream.reply_with(Reply::Raw(head.into_bytes()));
        assert_eq!(scene.door.exchange("spdy", &exec(&scene, "spdy", "POST", "")).await.status, 502, "{what}");
    }
    scene.upstream.reply_with(Reply::Echo);
    let plain = scene.door.exchange("spdy", &exec(&scene, "spdy", "POST", "")).await;
    assert_eq!((plain.status, plain.header("connection")), (200, Some("close")));
    let foreign = exec(&scene, "spdy", "POST", "Origin: https://evil.example\r\n");
    assert_eq!(scene.door.exchange("spdy", &foreign).await.status, 403);
}

#[tokio::test]
async fn a_policy_about_websockets_has_to_allow_it_either_way() {
    let policies = [
        ("reading", "policy: [{allow: {and: [{http_method: {is: GET}}, {websocket: false}]}}]", 403),
        ("sockets", "policy: [{allow: {and: [{websocket: true}]}}]", 403),
        ("never", "policy: [{allow: {and: [{accept: true}]}}, {deny: {or: [{websocket: true}]}}]", 403),
        ("any", "policy: [{allow: {and: [{http_method: {is: GET}}]}}]", 101),
    ];
    let scene = Scene::with(|mut setup, upstream| {
        for (host, policy, _) in policies {
            setup = setup.route(host, upstream, &format!("{policy}\nallow_spdy: true\nallow_websockets: true"));
        }
        setup.route("app", upstream, EVERYBODY)
    })
    .await;
    scene.upstream.reply_with(Reply::Switch(SWITCHED.to_vec()));
    for (host, policy, status) in policies {
        let before = scene.arrivals();
        let mut raw = scene.door.raw(host).await;
        raw.send(exec(&scene, host, "GET", "")).await;
        let answer = raw.answer().await;
        let refused = matches!(answer.status, 401 | 403);
        assert_eq!(refused, status == 403, "{policy}: {}", answer.status);
        assert_eq!(scene.arrivals() == before, refused, "{policy}");
    }
}

#[tokio::test]
async fn a_reload_that_takes_the_protocol_away_takes_its_tunnels() {
    let scene = scene().await;
    scene.upstream.reply_with(Reply::Switch(SWITCHED.to_vec()));
    let mut raw = opened(&scene, "spdy").await;
    raw.send("hello").await;
    assert_eq!(raw.exactly(5).await, b"hello");
    scene.door.replace_config(&scene.door.setup.yaml().replace("allow_spdy: true", "allow_spdy: false"));
    scene.door.signal("HUP");
    let started = std::time::Instant::now();
    raw.rest().await;
    assert!(started.elapsed() <= SOON, "{:?} after the reload", started.elapsed());
}

/// What a request to switch to this protocol is answered, by an application that switches whether it was asked or not.
async fn switched_to(scene: &Scene, host: &str, protocol: &str) -> u16 {
    let before = scene.arrivals();
    let request = if protocol == "websocket" {
        scene.upstream.reply_with(Reply::Echo);
        handshake(scene, host, &format!("Origin: {}\r\n", scene.door.setup.origin(host)))
    } else {
        let head = format!("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n");
        scene.upstream.reply_with(Reply::Switch(head.into()));
        exec(scene, host, "GET", "").replace("SPDY/3.1", protocol)
    };
    let mut raw = scene.door.raw(host).await;
    raw.send(request).await;
    let status = raw.answer().await.status;
    let asked = scene.arrivals() > before && scene.upstream.last().header("upgrade").is_some();
    assert_eq!(asked, status == 101, "{host}, {protocol}: {status}");
    status
}

#[tokio::test]
async fn allow_upgrades_names_them_for_all_routes_or_for_one() {
    // 502 is the application's 101 that nobody asked it for.
    let rows = [
        ("inherits", "", [("websocket", 101), ("example/2", 101), ("SPDY/3.1", 502), ("example", 502)]),
        ("own", "allow_upgrades: [Chat]", [("websocket", 403), ("example/2", 502), ("chat", 101), ("CHAT", 101)]),
        ("none", "allow_upgrades: []", [("websocket", 403), ("example/2", 502), ("SPDY/3.1", 502), ("chat", 502)]),
        ("less", "allow_websockets: false", [("websocket", 403), ("example/2", 101), ("SPDY/3.1", 502), ("chat", 502)]),
        ("more", "allow_spdy: true", [("websocket", 101), ("example/2", 101), ("SPDY/3.1", 101), ("chat", 502)]),
    ];
    let scene = Scene::with(|mut setup: Setup, upstream| {
        setup = setup.with("allow_upgrades: [websocket, example/2]");
        for (host, keys, _) in rows {
            setup = setup.route(host, upstream, &format!("{EVERYBODY}\n{keys}"));
        }
        setup
    })
    .await;
    for (host, keys, expected) in rows {
        for (protocol, status) in expected {
            assert_eq!(switched_to(&scene, host, protocol).await, status, "{keys}: {protocol}");
        }
    }
}
