//! Bytes on the wire that try to be read two ways: through the HTTP library and hygiene together.

use tokio::io::AsyncWriteExt;

use super::clients::{exchange, status, tcp};
use super::server::{Server, long};

async fn answers(server: &Server, request: &str) -> String {
    exchange(&mut tcp(server).await, request.as_bytes()).await
}

#[tokio::test]
async fn smuggling_is_refused_or_read_one_way() {
    let server = Server::cleartext(long());
    for (request, expected) in [
        // Host
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "400"),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        // Target and method
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        ("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /%2e%2e;/x HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /caf\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET  /  HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        ("GET /\r\nHost: a\r\n\r\n", "400"),
        // Framing
        ("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "400"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "400"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", "400"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\nx", "400"),
        ("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", "400"),
        // Header lines
        ("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", "400"),
        // Half a WebSocket
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "426"),
        ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "400"),
    ] {
        // A second request behind it shows whether the server stayed in step; it asks for the end.
        let answers =
            answers(&server, &format!("{request}GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answers), expected, "{request:?}: {answers}");
    }
}

#[tokio::test]
async fn a_body_framed_twice_is_refused_wherever_it_comes() {
    let server = Server::cleartext(long());
    let before = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
                  PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 19\r\n\r\nContent-Length: 1\r\n";
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nX: y\r\ncontent-length: 0",
        "Content-Length: 5\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        );
        for (before, expected) in [("", vec!["400"]), (before, vec!["200", "200", "400"])] {
            // Byte by byte too: where a read ends says nothing about where a head does.
            for pieces in [1, 7, 10_000] {
                let mut stream = tcp(&server).await;
                stream.set_nodelay(true).unwrap();
                for piece in [before, &request].concat().as_bytes().chunks(pieces) {
                    if stream.write_all(piece).await.is_err() {
                        break;
                    }
                }
                let answers = exchange(&mut stream, b"").await;
                let statuses: Vec<_> =
                    answers.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.split(' ').next()).collect();
                assert_eq!(statuses, expected, "{framing}: {answers}");
                assert!(!answers.contains("smuggled"), "{framing}: {answers}");
            }
        }
    }
}

#[tokio::test]
async fn a_fragment_is_cut_off_for_everybody() {
    let server = Server::cleartext(long());
    let answers = answers(&server, "GET /a#/../b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answers.ends_with(" a /a"), "{answers}");
}

#[tokio::test]
async fn an_upgrade_to_something_else_is_a_plain_request() {
    let server = Server::cleartext(long());
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
    assert_eq!(status(&answers(&server, request).await), "200");
}
