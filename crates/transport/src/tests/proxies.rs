//! Behind proxies: whose word about an address is taken, and what becomes of everybody else's.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::clients::{exchange, get, get_once, response, shake_hands, silence, status, tcp};
use super::server::{HOST, Server, long, short};
use crate::{Admission, Limits, Reason, Terms};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n";
/// 192.0.2.7:4711 to 10.0.0.1:443.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x12\x67\x01\xbb";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// Behind the PROXY protocol, told by loopback.
fn behind_loopback(limits: Limits) -> Server {
    Server::behind(limits, "127.0.0.1", true)
}

#[tokio::test]
async fn the_address_told_is_the_clients() {
    let server = behind_loopback(long());
    for header in [V1, V2] {
        let mut stream = tcp(&server).await;
        let own = stream.local_addr().unwrap();
        let answer = exchange(&mut stream, &[header, &get_once("/from")].concat()).await;
        assert!(answer.ends_with(&format!("192.0.2.7:4711 via Some({own})")), "{answer}");
    }
    for header in [LOCAL, b"PROXY UNKNOWN\r\n"] {
        let mut stream = tcp(&server).await;
        let own = stream.local_addr().unwrap();
        let answer = exchange(&mut stream, &[header, &get_once("/from")].concat()).await;
        assert!(answer.ends_with(&format!("{own} via Some({own})")), "{answer}");
    }
}

#[tokio::test]
async fn tls_begins_right_behind_the_header() {
    let limits = long();
    let trusted = doorward_authorize::Networks::new(vec!["127.0.0.0/8".parse().unwrap()]);
    let admission = Admission::behind(&limits, trusted, true);
    let server = Server::tls_on_terms(Terms { admission, ..Terms::of(limits) });
    for header in [V1, V2] {
        let mut stream = tcp(&server).await;
        stream.write_all(header).await.unwrap();
        let mut stream = shake_hands(&server, stream, HOST, &[b"http/1.1"]).await.unwrap();
        let answer = exchange(&mut stream, &get_once("/from")).await;
        assert!(answer.contains("192.0.2.7:4711 via"), "{answer}");
    }
    // Without the header it is no TLS either.
    let stream = tcp(&server).await;
    assert!(shake_hands(&server, stream, HOST, &[b"http/1.1"]).await.is_err());
}

#[tokio::test]
async fn whoever_sends_no_good_header_is_closed_and_counted() {
    let server = behind_loopback(long());
    let bad: [&[u8]; 6] = [
        &get_once("/from"),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
        b"PROXY TCP9 192.0.2.7 10.0.0.1 4711 443\r\n",
        &[&V2[..12], b"\x31\x11\0\x0c", &V2[16..]].concat(),
        &[&V2[..12], b"\x21\x12\0\x0c", &V2[16..]].concat(),
        &[&V2[..12], b"\x21\x11\xff\xff", &vec![0; 65535]].concat(),
    ];
    for (number, bad) in bad.iter().enumerate() {
        assert!(exchange(&mut tcp(&server).await, bad).await.is_empty());
        assert_eq!(server.admission.counts().of(Reason::ProxyHeader), number as u64 + 1);
    }
    // A second header is no request.
    assert_eq!(status(&exchange(&mut tcp(&server).await, &[V1, V1, &get_once("/from")].concat()).await), "400");
}

#[tokio::test]
async fn somebody_who_is_not_trusted_is_closed_before_a_byte_is_read() {
    let server = Server::behind(long(), "10.0.0.0/8", true);
    assert!(exchange(&mut tcp(&server).await, &[V1, &get_once("/from")].concat()).await.is_empty());
    assert_eq!(server.admission.counts().of(Reason::ProxyHeader), 1);
    // Without `use_proxy_protocol` a header is no request.
    let server = Server::behind(long(), "127.0.0.1", false);
    assert_eq!(status(&exchange(&mut tcp(&server).await, &[V1, &get_once("/from")].concat()).await), "400");
}

#[tokio::test]
async fn a_header_has_to_come_in_time() {
    let server = behind_loopback(short());
    for beginning in [&b""[..], b"PROXY ", &V2[..14]] {
        let mut stream = tcp(&server).await;
        stream.write_all(beginning).await.unwrap();
        assert!(silence(&mut stream).await < Duration::from_secs(3));
    }
    assert_eq!(server.admission.counts().of(Reason::HandshakeTimeout), 3);
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_gets_them_back() {
    let one = Limits { connections_per_address: 1, ..long() };
    let server = Server::cleartext(one.clone());
    let mut first = tcp(&server).await;
    first.write_all(&get("/")).await.unwrap();
    assert_eq!(status(&response(&mut first).await), "200");
    assert!(exchange(&mut tcp(&server).await, &get_once("/")).await.is_empty());
    assert_eq!(server.admission.counts().of(Reason::ConnectionsPerAddress), 1);
    drop(first);
    let began = Instant::now();
    while exchange(&mut tcp(&server).await, &get_once("/")).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "the place did not come back");
    }
    // A trusted proxy has as many as it needs.
    let server = Server::behind(one, "127.0.0.1", false);
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut stream = tcp(&server).await;
        stream.write_all(&get("/")).await.unwrap();
        assert_eq!(status(&response(&mut stream).await), "200");
        held.push(stream);
    }
}

#[tokio::test]
async fn behind_the_protocol_the_address_told_is_the_one_that_is_limited() {
    let server = behind_loopback(Limits { connections_per_address: 1, ..long() });
    let other = b"PROXY TCP4 192.0.2.8 10.0.0.1 4711 443\r\n";
    let mut held = Vec::new();
    for header in [V1, other] {
        let mut stream = tcp(&server).await;
        stream.write_all(&[header, &get("/from")].concat()).await.unwrap();
        assert_eq!(status(&response(&mut stream).await), "200");
        held.push(stream);
    }
    for header in [V1, V2] {
        assert!(exchange(&mut tcp(&server).await, &[header, &get_once("/from")].concat()).await.is_empty());
    }
    assert_eq!(server.admission.counts().of(Reason::ConnectionsPerAddress), 2);
}
