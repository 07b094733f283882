//! Which version of HTTP is spoken where, and how that is told apart in the clear.

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::clients::{ask, exchange, get_once, https, status, tcp, tls, until_closed};
use super::server::{HOST, Server, long, short};
use crate::{Kind, Terms, Versions};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn cleartext(versions: Versions) -> Server {
    Server::on_terms(Kind::Cleartext, Terms { versions, ..Terms::of(long()) }, Vec::new().into())
}

async fn first_frame(server: &Server) -> Option<u8> {
    let mut stream = tcp(server).await;
    // Byte by byte: it is told apart all the same.
    for byte in PREFACE {
        stream.write_all(&[*byte]).await.ok()?;
    }
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    Some(head[3])
}

#[tokio::test]
async fn both_are_spoken_in_the_clear_behind_something_that_ends_tls() {
    let server = cleartext(Versions::Both);
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(tcp(&server).await)).await.unwrap();
    tokio::spawn(connection);
    let (code, text) = ask(&mut sender, https("/x")).await.unwrap();
    assert_eq!((code.as_u16(), text), (200, format!("Http2 Cleartext {HOST} /x")));
    assert_eq!(first_frame(&server).await, Some(4));
    let answer = exchange(&mut tcp(&server).await, &get_once("/x")).await;
    assert!(answer.ends_with(&format!("Http1 Cleartext {HOST} /x")), "{answer}");
    // What only begins like the preface is a request like any other, and a bad one.
    let answer = exchange(&mut tcp(&server).await, b"PRI * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&answer), "400");
}

#[tokio::test]
async fn one_alone_can_be_asked_for_in_the_clear() {
    let server = cleartext(Versions::Http1);
    assert_ne!(first_frame(&server).await, Some(4));
    assert_eq!(status(&exchange(&mut tcp(&server).await, &get_once("/")).await), "200");
    let server = cleartext(Versions::Http2);
    assert_eq!(first_frame(&server).await, Some(4));
    assert!(!exchange(&mut tcp(&server).await, &get_once("/")).await.contains("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_alone_can_be_asked_for_over_tls() {
    let offered = &[&b"h2"[..], b"http/1.1"];
    for (versions, expected) in [(Versions::Http1, &b"http/1.1"[..]), (Versions::Http2, b"h2")] {
        let server = Server::tls_on_terms(Terms { versions, ..Terms::of(long()) });
        let stream = tls(&server, HOST, offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(expected));
    }
    let server = Server::tls_on_terms(Terms { versions: Versions::Http2, ..Terms::of(long()) });
    assert!(tls(&server, HOST, &[b"http/1.1"]).await.is_err());
    let mut silent = tls(&server, HOST, &[]).await.unwrap();
    assert_eq!(exchange(&mut silent, &get_once("/")).await, "");
}

#[tokio::test]
async fn half_a_preface_is_not_waited_for() {
    let server = Server::cleartext(short());
    for beginning in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut stream = tcp(&server).await;
        stream.write_all(beginning).await.unwrap();
        assert_eq!(until_closed(&mut stream).await, b"");
    }
    // Neither is it served to whoever closes behind it.
    let mut stream = tcp(&server).await;
    stream.write_all(b"PRI * ").await.unwrap();
    stream.shutdown().await.unwrap();
    until_closed(&mut stream).await;
}
