//! The end in good order.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::clients::{ask, get, http2, https, response, silence, status, tcp, tls, until_closed};
use super::server::{HOST, Server, long};

const SOON: Duration = Duration::from_secs(5);

async fn until_asked(server: &Server, times: usize) {
    let began = Instant::now();
    while server.app.asked.load(Ordering::SeqCst) < times {
        assert!(began.elapsed() < SOON, "the requests did not arrive");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn requests_underway_are_answered_then_their_connections_close() {
    let server = Server::tls(long());
    let mut stream = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
    stream.write_all(&get("/slow")).await.unwrap();
    let (mut sender, connection) = http2(&server).await;
    let asked = tokio::spawn(async move { ask(&mut sender, https("/slow")).await });
    until_asked(&server, 2).await;

    server.drain.begin();
    assert!(!server.drain.finished(Duration::from_millis(100)).await, "did not wait for the requests");
    server.app.gate.add_permits(2);

    let answer = String::from_utf8_lossy(&until_closed(&mut stream).await).to_lowercase();
    assert!(answer.contains("connection: close") && answer.ends_with("slow"), "{answer}");
    assert_eq!(asked.await.unwrap().unwrap().1, "slow");
    drop(stream);
    connection.await.unwrap().expect("a graceful end");
    assert!(server.drain.finished(SOON).await);
}

#[tokio::test]
async fn connections_without_a_request_close_at_once() {
    let server = Server::tls(long());
    let mut idle = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
    idle.write_all(&get("/")).await.unwrap();
    assert_eq!(status(&response(&mut idle).await), "200");
    let mut silent = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
    let mut unopened = tcp(&server).await;
    let (mut sender, connection) = http2(&server).await;
    ask(&mut sender, https("/")).await.unwrap();

    server.drain.begin();
    for waited in [silence(&mut idle).await, silence(&mut silent).await, silence(&mut unopened).await] {
        assert!(waited < SOON, "{waited:?}");
    }
    connection.await.unwrap().expect("a graceful end");
    assert!(server.drain.finished(SOON).await);
}

#[tokio::test]
async fn nobody_new_is_let_in() {
    let server = Server::cleartext(long());
    drop(tcp(&server).await);
    server.drain.begin();
    assert!(server.drain.finished(SOON).await);
    let began = Instant::now();
    while TcpStream::connect(server.address).await.is_ok() {
        assert!(began.elapsed() < SOON, "the listener is still open");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
