//! Which door a connection comes in by, and what is agreed on there.

use bytes::Bytes;

use super::clients::{ask, exchange, get_once, http2, https, post, silence, status, tcp, tls};
use super::server::{HOST, Server, long, short};

#[tokio::test]
async fn http_on_the_tls_port_is_handed_on_as_such() {
    let server = Server::tls(long());
    let answer = exchange(&mut tcp(&server).await, &get_once("/x?y")).await;
    assert_eq!(status(&answer), "200");
    assert!(answer.ends_with("Http1 PlainOnTlsPort code.localhost /x?y"), "{answer}");
}

#[tokio::test]
async fn the_other_listeners_say_what_they_are() {
    let answer = exchange(&mut tcp(&Server::redirect(long())).await, &get_once("/")).await;
    assert!(answer.ends_with("Http1 RedirectPort code.localhost /"), "{answer}");
    let answer = exchange(&mut tcp(&Server::cleartext(long())).await, &get_once("/")).await;
    assert!(answer.ends_with("Http1 Cleartext code.localhost /"), "{answer}");
}

#[tokio::test]
async fn the_version_is_the_one_agreed_on() {
    let server = Server::tls(long());
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let mut stream = tls(&server, HOST, protocols).await.unwrap();
        let answer = exchange(&mut stream, &get_once("/a")).await;
        assert!(answer.ends_with("Http1 Tls { sni: Some(Hostname(code.localhost)) } code.localhost /a"), "{answer}");
    }
    let (mut sender, _connection) = http2(&server).await;
    let (status, text) = ask(&mut sender, https("/b")).await.unwrap();
    assert_eq!(status, 200);
    assert!(text.starts_with("Http2 Tls { sni: Some(Hostname(code.localhost)) }"), "{text}");
    assert!(tls(&server, HOST, &[b"spdy/3"]).await.is_err());
}

#[tokio::test]
async fn an_unknown_name_gets_no_certificate() {
    let server = Server::tls(long());
    let refused = tls(&server, "other.localhost", &[b"h2"]).await.unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
}

#[tokio::test]
async fn a_connection_for_one_host_does_not_serve_another() {
    let server = Server::tls(long());
    let mut stream = tls(&server, HOST, &[b"http/1.1"]).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: other.localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&exchange(&mut stream, request).await), "421");
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_is_closed() {
    let server = Server::tls(long());
    for garbage in [&b"\x00\x01\x02\x03"[..], b"\r\n\r\n", b"get / http/1.1\r\n\r\n", b"\x80\x2e\x01", b"SSH-2.0-x\r\n"]
    {
        let answer = exchange(&mut tcp(&server).await, garbage).await;
        // An upper-case letter could be a method, so hyper gets to refuse that one.
        assert!(answer.is_empty() || status(&answer) == "400", "{answer}");
    }
    assert!(exchange(&mut tcp(&server).await, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.is_empty());
}

#[tokio::test]
async fn a_handshake_has_to_come_and_to_end_in_time() {
    let server = Server::tls(short());
    for beginning in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01"] {
        let mut stream = tcp(&server).await;
        tokio::io::AsyncWriteExt::write_all(&mut stream, beginning).await.unwrap();
        let waited = silence(&mut stream).await;
        assert!(waited.as_millis() < 3000, "{waited:?}");
    }
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let server = Server::tls(long());
    let body = Bytes::from(vec![b'x'; 3_000_000]);
    assert_eq!(post(&server, body.clone()).await, (::http::StatusCode::OK, body.clone()));
    let (mut sender, _connection) = http2(&server).await;
    let mut request = https("/echo");
    *request.method_mut() = ::http::Method::POST;
    *request.body_mut() = body.clone().into();
    let (status, echoed) = ask(&mut sender, request).await.unwrap();
    assert_eq!((status.as_u16(), echoed.len()), (200, body.len()));
}
