//! Whoever is silent, slow or too many is sent away, and whoever is not is left alone.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::clients::{ask, exchange, get, get_once, http2, https, response, silence, status, tcp, tls, until_closed};
use super::server::{HOST, Server, long, short};
use crate::Limits;

#[tokio::test]
async fn a_silent_client_is_closed_in_time() {
    let (secure, plain) = (Server::tls(short()), Server::cleartext(short()));
    let mut streams = tls(&secure, HOST, &[b"http/1.1"]).await.unwrap();
    let mut plain = tcp(&plain).await;
    for waited in [silence(&mut streams).await, silence(&mut plain).await] {
        assert!(waited < Duration::from_secs(3), "{waited:?}");
    }
}

#[tokio::test]
async fn a_slow_head_is_closed_in_time_however_busily_it_drips() {
    let server = Server::cleartext(short());
    let (mut read, mut write) = tcp(&server).await.into_split();
    let dripping = tokio::spawn(async move {
        for byte in get("/").iter().cycle().filter(|byte| **byte != b'\n') {
            if write.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    let waited = silence(&mut read).await;
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    dripping.await.unwrap();
}

#[tokio::test]
async fn a_slow_second_head_is_closed_as_well() {
    let server = Server::cleartext(short());
    let mut stream = tcp(&server).await;
    stream.write_all(&get("/1")).await.unwrap();
    assert_eq!(status(&response(&mut stream).await), "200");
    stream.write_all(b"GET / HT").await.unwrap();
    let waited = silence(&mut stream).await;
    assert!(waited < short().idle, "took the idle limit for a head: {waited:?}");
}

#[tokio::test]
async fn between_requests_the_idle_limit_holds_not_the_one_for_heads() {
    let server = Server::cleartext(short());
    let mut stream = tcp(&server).await;
    for _ in 0..2 {
        stream.write_all(&get("/")).await.unwrap();
        assert_eq!(status(&response(&mut stream).await), "200");
        sleep(short().head * 2).await;
    }
    let waited = silence(&mut stream).await;
    assert!(waited < short().idle * 3, "{waited:?}");
}

#[tokio::test]
async fn an_idle_http2_connection_is_told_and_closed() {
    let server = Server::tls(short());
    let (mut sender, connection) = http2(&server).await;
    ask(&mut sender, https("/")).await.unwrap();
    sleep(short().head * 2).await;
    ask(&mut sender, https("/")).await.unwrap();
    let began = Instant::now();
    connection.await.unwrap().expect("a graceful end");
    assert!(began.elapsed() < Duration::from_secs(5));

    let (_silent, connection) = http2(&server).await;
    let began = Instant::now();
    let _ = connection.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_request_that_takes_long_is_left_alone() {
    let server = Server::tls(short());
    let mut stream = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
    stream.write_all(&get_once("/slow")).await.unwrap();
    let (mut sender, _connection) = http2(&server).await;
    let asked = tokio::spawn(async move { ask(&mut sender, https("/slow")).await });
    sleep(short().idle * 2).await;
    server.app.gate.add_permits(2);
    assert!(String::from_utf8_lossy(&until_closed(&mut stream).await).ends_with("slow"));
    assert_eq!(asked.await.unwrap().unwrap().1, "slow");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed() {
    let server = Server::cleartext(Limits { stalled_write_timeout: Duration::from_millis(300), ..long() });
    let mut stream = tcp(&server).await;
    stream.write_all(&get("/big")).await.unwrap();
    stream.read_u8().await.unwrap();
    server.drain.begin();
    // Ends although the body is far from sent: nothing else could end it.
    assert!(server.drain.finished(Duration::from_secs(10)).await);
    let received = until_closed(&mut stream).await.len();
    assert!(received < 64 * 1024 * 1024);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_at_once_and_places_come_back() {
    let server = Server::cleartext(Limits { connections: 2, ..long() });
    let mut first = tcp(&server).await;
    let mut second = tcp(&server).await;
    for stream in [&mut first, &mut second] {
        stream.write_all(&get("/")).await.unwrap();
        assert_eq!(status(&response(stream).await), "200");
    }
    assert!(exchange(&mut tcp(&server).await, &get_once("/")).await.is_empty());
    drop(first);
    let began = Instant::now();
    while exchange(&mut tcp(&server).await, &get_once("/")).await.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "the place did not come back");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_head_over_its_size_gets_431() {
    let server = Server::tls(long());
    let with_header = |size: usize| {
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nX-Big: {}\r\n\r\n", "x".repeat(size))
            .into_bytes()
    };
    for (size, expected) in [(60 * 1024, "200"), (66 * 1024, "431"), (300 * 1024, "431")] {
        let mut stream = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
        assert_eq!(status(&exchange(&mut stream, &with_header(size)).await), expected, "{size}");
    }
    let many = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n", "X: 1\r\n".repeat(200));
    let mut stream = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
    assert_eq!(status(&exchange(&mut stream, many.as_bytes()).await), "431");

    let (mut sender, _connection) = http2(&server).await;
    for (size, expected) in [(60 * 1024, 200), (66 * 1024, 431)] {
        let mut request: ::http::Request<Full<Bytes>> = https("/");
        request.headers_mut().insert("x-big", "x".repeat(size).parse().unwrap());
        assert_eq!(ask(&mut sender, request).await.unwrap().0, expected, "{size}");
    }
}

#[tokio::test]
async fn lines_and_their_number_have_one_limit_in_both_versions() {
    let server = Server::tls(Limits { header_count: 50, request_line_bytes: 1000, ..long() });
    for (lines, path, expected) in [(49, 900, "200"), (50, 900, "431"), (0, 1100, "414"), (0, 40_000, "414")] {
        let path = "x".repeat(path);
        let mut stream = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
        let more = (1..lines).map(|line| format!("X-{line}: y\r\n")).collect::<Vec<_>>().concat();
        let head = format!("GET /{path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{more}\r\n");
        let answer = exchange(&mut stream, head.as_bytes()).await;
        assert_eq!(status(&answer), expected, "{lines} {answer}");

        let (mut sender, _connection) = http2(&server).await;
        let mut request = https(&format!("/{path}"));
        for line in 0..=lines {
            let name: ::http::HeaderName = format!("x-{line}").parse().unwrap();
            request.headers_mut().insert(name, "y".parse().unwrap());
        }
        assert_eq!(ask(&mut sender, request).await.unwrap().0.as_str(), expected, "{lines}");
    }
    assert_eq!(server.admission.counts().of(crate::Reason::HeadTooLarge), 6);
}

#[tokio::test]
async fn who_is_refused_while_still_sending_gets_to_read_the_refusal() {
    let server = Server::cleartext(long());
    let mut stream = tcp(&server).await;
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Big: {}", "x".repeat(70 * 1024));
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(status(&response(&mut stream).await), "431");
    // Were the connection closed by now, the first of these would have it reset, and the second fail.
    for _ in 0..3 {
        stream.write_all(&[b'x'; 1024]).await.expect("no reset");
        sleep(Duration::from_millis(50)).await;
    }
}
