//! Behind balancers: where a visitor comes from, over the PROXY protocol and `X-Forwarded-For`; several listeners; and
//! sockets that a service manager hands over.

use std::net::SocketAddr;

use crate::harness::counterpart::{Counterpart, of_the_system};
use crate::harness::doorward::Doorward;
use crate::harness::ports::free_port;
use crate::harness::raw::{Raw, RawAnswer};
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;
use crate::harness::{eventually, skip};

const APP: &str = "app.example.test";
const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n";

async fn behind(keys: &str) -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let door = Setup::new().with(keys).route("app", &upstream.url(), EVERYBODY).start().await;
    (upstream, door)
}

/// Asks for the application with this header line, from this address of loopback.
async fn ask(to: SocketAddr, from: [u8; 4], before: &[u8], authority: &str, line: &str) -> RawAnswer {
    let mut raw = Raw::from(from, to, before, Some(APP)).await.unwrap();
    raw.send(format!("GET / HTTP/1.1\r\nHost: {authority}\r\n{line}Connection: close\r\n\r\n")).await;
    raw.answer().await
}

/// What the application was told of the visitor, and what the access log says.
async fn seen(upstream: &Upstream, door: &Doorward, answer: &RawAnswer) -> (Option<String>, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let line = door.log.access_line(answer.header("x-request-id").unwrap()).await;
    (upstream.last().header("x-forwarded-for").map(str::to_owned), line["client"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_listed_proxy_is_believed_about_its_visitor_and_nobody_else_is() {
    let (upstream, door) = behind("trusted_proxies: [127.0.0.1, 10.0.0.0/8]").await;
    let (to, authority) = (door.setup.address(), door.authority("app"));
    for (from, line, told, client) in [
        ([127, 0, 0, 1], "", "127.0.0.1", "127.0.0.1"),
        ([127, 0, 0, 1], "X-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9, 127.0.0.1", "203.0.113.9"),
        (
            [127, 0, 0, 1],
            "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9, 10.1.1.1\r\n",
            "203.0.113.9, 10.1.1.1, 127.0.0.1",
            "203.0.113.9",
        ),
        ([127, 0, 0, 1], "X-Forwarded-For: 6.6.6.6, unknown\r\n", "127.0.0.1", "127.0.0.1"),
        ([127, 0, 0, 2], "X-Forwarded-For: 203.0.113.9\r\n", "127.0.0.2", "127.0.0.2"),
        ([127, 0, 0, 2], "Forwarded: for=203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n", "127.0.0.2", "127.0.0.2"),
    ] {
        let answer = ask(to, from, b"", &authority, line).await;
        let seen = seen(&upstream, &door, &answer).await;
        assert_eq!(seen, (Some(told.to_owned()), client.to_owned()), "{from:?} {line}");
    }
}

#[tokio::test]
async fn policy_decides_by_the_visitors_address_and_not_by_the_claimed_one() {
    let upstream = Upstream::start().await;
    let inside = "policy: [{allow: {and: [{accept: true}, {source_ip: 203.0.113.0/24}]}}]";
    let door = Setup::new().with("trusted_proxies: 127.0.0.1").route("app", &upstream.url(), inside).start().await;
    let (to, authority) = (door.setup.address(), door.authority("app"));
    for (from, line, allowed) in [
        ([127, 0, 0, 1], "X-Forwarded-For: 203.0.113.9\r\n", true),
        ([127, 0, 0, 1], "X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n", false),
        ([127, 0, 0, 2], "X-Forwarded-For: 203.0.113.9\r\n", false),
        ([127, 0, 0, 1], "", false),
    ] {
        let status = ask(to, from, b"", &authority, line).await.status;
        assert_eq!(status == 200, allowed, "{from:?} {line} {status}");
    }
}

#[tokio::test]
async fn hops_alone_count_from_the_right_and_with_a_list_they_only_limit() {
    const ONE: &str = "X-Forwarded-For: 203.0.113.9\r\n";
    const TWO: &str = "X-Forwarded-For: 203.0.113.9, 10.1.1.1\r\n";
    const THREE: &str = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.9, 10.1.1.1\r\n";
    let listed = "xff_num_trusted_hops: 1\ntrusted_proxies: [127.0.0.1, 10.0.0.0/8]";
    for (keys, from, line, client) in [
        // The second entry from the right, whoever sends it; with fewer entries it is the connection.
        ("xff_num_trusted_hops: 2", [127, 0, 0, 2], THREE, "203.0.113.9"),
        ("xff_num_trusted_hops: 2", [127, 0, 0, 2], TWO, "203.0.113.9"),
        ("xff_num_trusted_hops: 2", [127, 0, 0, 2], ONE, "127.0.0.2"),
        ("xff_num_trusted_hops: 2", [127, 0, 0, 2], "", "127.0.0.2"),
        ("xff_num_trusted_hops: 1", [127, 0, 0, 2], THREE, "10.1.1.1"),
        ("xff_num_trusted_hops: 0", [127, 0, 0, 2], THREE, "127.0.0.2"),
        // One hop is the listed proxy that connects; the next one is listed too, and one too many.
        (listed, [127, 0, 0, 1], TWO, "10.1.1.1"),
        (listed, [127, 0, 0, 1], ONE, "203.0.113.9"),
        (listed, [127, 0, 0, 2], ONE, "127.0.0.2"),
    ] {
        let (upstream, door) = behind(keys).await;
        let answer = ask(door.setup.address(), from, b"", &door.authority("app"), line).await;
        assert_eq!(seen(&upstream, &door, &answer).await.1, client, "{keys}, {from:?}: {line}");
    }
}

#[tokio::test]
async fn what_is_trusted_changes_with_a_reload() {
    let (upstream, door) = behind("trusted_proxies: 10.0.0.1").await;
    let (to, authority) = (door.setup.address(), door.authority("app"));
    let line = "X-Forwarded-For: 203.0.113.9\r\n";
    let answer = ask(to, [127, 0, 0, 1], b"", &authority, line).await;
    assert_eq!(seen(&upstream, &door, &answer).await.1, "127.0.0.1");
    door.replace_config(&door.setup.yaml().replace("10.0.0.1", "127.0.0.1\nskip_xff_append: true"));
    door.log.wait_for("configuration reloaded").await;
    let answer = ask(to, [127, 0, 0, 1], b"", &authority, line).await;
    assert_eq!(seen(&upstream, &door, &answer).await, (Some("203.0.113.9".to_owned()), "203.0.113.9".to_owned()));
    let answer = ask(to, [127, 0, 0, 2], b"", &authority, line).await;
    assert_eq!(seen(&upstream, &door, &answer).await, (None, "127.0.0.2".to_owned()));
}

#[tokio::test]
async fn the_proxy_protocol_says_who_connects() {
    let (upstream, door) = behind("use_proxy_protocol: true\ntrusted_proxies: 127.0.0.1").await;
    let (to, authority) = (door.setup.address(), door.authority("app"));
    // The address told is the next hop: a visitor who is not trusted, so their own claim is worth nothing.
    let line = "X-Forwarded-For: 6.6.6.6\r\n";
    let answer = ask(to, [127, 0, 0, 1], V1, &authority, line).await;
    assert_eq!(seen(&upstream, &door, &answer).await, (Some("192.0.2.7".to_owned()), "192.0.2.7".to_owned()));
    // The balancer's own connection speaks for nobody.
    let answer = ask(to, [127, 0, 0, 1], b"PROXY UNKNOWN\r\n", &authority, line).await;
    assert_eq!(seen(&upstream, &door, &answer).await, (Some("127.0.0.1".to_owned()), "127.0.0.1".to_owned()));
    let arrived = upstream.arrived().len();
    for (from, before) in [
        ([127, 0, 0, 2], V1),
        ([127, 0, 0, 2], b""),
        ([127, 0, 0, 1], b""),
        ([127, 0, 0, 1], b"PROXY TCP4 x y 1 2\r\n"),
    ] {
        assert!(Raw::from(from, to, before, Some(APP)).await.is_err(), "{from:?} {before:?}");
    }
    assert_eq!(upstream.arrived().len(), arrived);
}

#[tokio::test]
async fn every_address_is_served_and_named() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().route("app", &upstream.url(), EVERYBODY);
    let ports = [setup.port, free_port()];
    let addresses = ports.map(|port| format!("127.0.0.1:{port}"));
    let door = setup.environment("ADDRESS", &addresses.join(",")).start().await;
    for port in ports {
        let answer = ask(([127, 0, 0, 1], port).into(), [127, 0, 0, 1], b"", &door.authority("app"), "").await;
        assert_eq!(answer.status, 200);
    }
    door.log.wait_for(&format!("listens on {} and {}", addresses[0], addresses[1])).await;
}

#[tokio::test]
async fn a_restart_on_a_socket_that_was_handed_over_refuses_nobody() {
    let upstream = Upstream::start().await;
    for name in ["https", "doorward.socket"] {
        let setup = Setup::new().inheriting(name).route("app", &upstream.url(), EVERYBODY);
        let mut door = setup.start().await;
        let (to, authority) = (door.setup.address(), door.authority("app"));
        assert_eq!(ask(to, [127, 0, 0, 1], b"", &authority, "").await.status, 200);
        door.signal("TERM");
        assert_eq!(door.ended().await.code(), Some(0), "{}", door.log.text());
        // Nobody serves, and whoever comes now waits.
        let waiting: Vec<_> = (0..5)
            .map(|_| {
                let authority = authority.clone();
                tokio::spawn(async move { ask(to, [127, 0, 0, 1], b"", &authority, "").await.status })
            })
            .collect();
        let door = door.started_again().await;
        for waited in waiting {
            assert_eq!(waited.await.unwrap(), 200);
        }
        drop(door);
    }
}

#[tokio::test]
async fn a_socket_that_nothing_wants_is_an_error() {
    let setup = Setup::new().inheriting("other").with("metrics_address: 127.0.0.1:0").route(
        "app",
        "http://127.0.0.1:1",
        EVERYBODY,
    );
    let elsewhere =
        setup.yaml().replace(&format!("127.0.0.1:{}\"", setup.port), &format!("127.0.0.1:{}\"", free_port()));
    std::fs::write(setup.config_file(), elsewhere).unwrap();
    let said = crate::harness::doorward::handed_over(&setup).await;
    assert_ne!(said.code, Some(0));
    let port = setup.port.to_string();
    assert!(said.err.contains("LISTEN_FDS") && said.err.contains(&port) && said.err.contains("`other`"), "{said:?}");
}

/// HAProxy with these sections, once it listens on `port`.
async fn haproxy(door: &Doorward, port: u16, sections: &str) -> Option<Counterpart> {
    let Some(program) = of_the_system("haproxy") else {
        skip("HAProxy is not installed: scripts/install.sh haproxy");
        return None;
    };
    let defaults = "defaults\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n";
    let file = door.setup.file("haproxy.cfg", &format!("{defaults}{sections}"));
    let haproxy = Counterpart::start(&program, ["-db".as_ref(), "-f".as_ref(), file.as_os_str()], &[]);
    eventually("HAProxy listens", || async move { tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() })
        .await;
    Some(haproxy)
}

#[tokio::test]
async fn haproxy_tells_the_visitor_by_the_proxy_protocol() {
    let (upstream, door) = behind("use_proxy_protocol: true\ntrusted_proxies: 127.0.0.1").await;
    for send in ["send-proxy", "send-proxy-v2"] {
        let (port, to) = (free_port(), door.setup.port);
        let sections = format!(
            "listen door\n  mode tcp\n  bind 127.0.0.1:{port}\n  server door 127.0.0.1:{to} source 127.0.0.1 {send} check\n"
        );
        let Some(_haproxy) = haproxy(&door, port, &sections).await else { return };
        let answer = ask(([127, 0, 0, 1], port).into(), [127, 0, 0, 3], b"", &door.authority("app"), "").await;
        assert_eq!(
            seen(&upstream, &door, &answer).await,
            (Some("127.0.0.3".to_owned()), "127.0.0.3".to_owned()),
            "{send}"
        );
    }
}

#[tokio::test]
async fn haproxy_ends_tls_and_speaks_http2_in_the_clear() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().cleartext().with("trusted_proxies: 127.0.0.1").route("app", &upstream.url(), EVERYBODY);
    let door = setup.start().await;
    for proto in ["", "proto h2"] {
        let (port, to) = (free_port(), door.setup.port);
        let sections = format!(
            "listen door\n  mode http\n  bind 127.0.0.1:{port}\n  option forwardfor\n  server door 127.0.0.1:{to} source 127.0.0.1 {proto}\n"
        );
        let Some(_haproxy) = haproxy(&door, port, &sections).await else { return };
        let mut raw = Raw::from([127, 0, 0, 3], ([127, 0, 0, 1], port).into(), b"", None).await.unwrap();
        let claim = "X-Forwarded-For: 6.6.6.6\r\n";
        raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n{claim}Connection: close\r\n\r\n", door.authority("app")))
            .await;
        let answer = raw.answer().await;
        let (told, client) = seen(&upstream, &door, &answer).await;
        assert_eq!((told.as_deref(), client.as_str()), (Some("127.0.0.3, 127.0.0.1"), "127.0.0.3"), "{proto}");
        let line = door.log.access_line(answer.header("x-request-id").unwrap()).await;
        assert_eq!(line["protocol"] == "HTTP/2", !proto.is_empty(), "{line}");
    }
}
