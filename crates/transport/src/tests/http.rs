//! Panics, tunnels and what is offered.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::clients::{ask, exchange, get, get_once, http2, https, response, status, tcp, tls, until_closed};
use super::server::{HOST, Server, long};

#[tokio::test]
async fn a_panic_ends_one_request_and_its_connection() {
    let server = Server::tls(long());
    let mut stream = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
    stream.write_all(&get("/panic")).await.unwrap();
    let answer = String::from_utf8_lossy(&until_closed(&mut stream).await).to_lowercase();
    assert_eq!(status(&answer), "500");
    assert!(answer.contains("connection: close") && !answer.contains("asked for"), "{answer}");

    let (mut sender, _connection) = http2(&server).await;
    let mut other = sender.clone();
    let slow = tokio::spawn(async move { ask(&mut other, https("/slow")).await });
    assert_eq!(ask(&mut sender, https("/panic")).await.unwrap().0, 500);
    server.app.gate.add_permits(1);
    assert_eq!(slow.await.unwrap().unwrap().1, "slow");
}

#[tokio::test]
async fn a_tunnel_keeps_its_bytes_its_place_and_its_freedom_from_our_limits() {
    let mut limits = super::server::short();
    limits.connections = 1;
    let server = Server::cleartext(limits.clone());
    let mut stream = tcp(&server).await;
    let request = format!("GET /tunnel HTTP/1.1\r\nHost: {HOST}\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(status(&response(&mut stream).await), "101");
    let mut hello = Vec::new();
    stream.read_to_end(&mut hello).await.unwrap();
    assert_eq!(hello, b"hello");

    tokio::time::sleep(limits.idle * 2).await;
    assert!(exchange(&mut tcp(&server).await, &get_once("/")).await.is_empty(), "the tunnel gave its place up");
    stream.write_all(&vec![b'x'; 1_000_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let began = std::time::Instant::now();
    while exchange(&mut tcp(&server).await, &get_once("/")).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "the tunnel never ended");
    }
    assert_eq!(server.app.tunnelled.load(Ordering::SeqCst), 1_000_000);
}

#[tokio::test]
async fn extended_connect_is_offered() {
    let server = Server::tls(long());
    let mut stream = tls(&server, HOST, &[b"h2"]).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "the first frame is SETTINGS");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let ids: Vec<u8> = settings.chunks(6).map(|setting| setting[1]).collect();
    assert!(ids.contains(&8), "{ids:?}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::cleartext(long());
    let mut stream = tcp(&server).await;
    let requests = [get("/1"), get("/2"), get_once("/3")].concat();
    let answers = exchange(&mut stream, &requests).await;
    let order: Vec<_> = ["/1", "/2", "/3"].iter().map(|path| answers.find(path).unwrap()).collect();
    assert!(order.is_sorted());
}
