//! Clients that say exactly what they are told to, byte by byte where it matters.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::{Request, StatusCode, Version};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::server::{HOST, Server};

/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn tcp(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// A TLS connection that asks for `name` and offers `protocols`.
pub(super) async fn tls(server: &Server, name: &str, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
    shake_hands(server, tcp(server).await, name, protocols).await
}

/// The same on a connection that has begun already.
pub(super) async fn shake_hands(
    server: &Server,
    stream: TcpStream,
    name: &str,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(server.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Writes `request`, reads until the server closes, and tells what came; an abrupt end is an end.
pub(super) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, request: &[u8]) -> String {
    // The server may refuse before all is written.
    let _ = stream.write_all(request).await;
    String::from_utf8_lossy(&until_closed(stream).await).into_owned()
}

/// Everything until the other end closes.
pub(super) async fn until_closed<S: AsyncRead + Unpin>(stream: &mut S) -> Vec<u8> {
    let mut all = Vec::new();
    let reading = stream.read_to_end(&mut all);
    let _ = tokio::time::timeout(PATIENCE, reading).await.expect("the server did not close the connection");
    all
}

/// How long it takes until the other end closes, without a byte having come.
pub(super) async fn silence<S: AsyncRead + Unpin>(stream: &mut S) -> Duration {
    let began = Instant::now();
    assert_eq!(until_closed(stream).await, b"");
    began.elapsed()
}

/// Reads one response that has a Content-Length, and nothing beyond it.
pub(super) async fn response<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut read = Vec::new();
    let reading = async {
        loop {
            read.push(stream.read_u8().await.expect("a whole response"));
            let text = String::from_utf8_lossy(&read);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() == length.unwrap_or(0_usize) {
                return text.into_owned();
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("a response in time")
}

pub(super) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into_bytes()
}

/// A GET over HTTP/1.1 that asks for the connection to be closed.
pub(super) fn get_once(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n").into_bytes()
}

pub(super) fn status(response: &str) -> &str {
    response.split(' ').nth(1).unwrap_or("no status")
}

pub(super) type Http2 = http2::SendRequest<Full<Bytes>>;

/// An HTTP/2 connection over TLS, and what tells when it ended.
pub(super) async fn http2(server: &Server) -> (Http2, tokio::task::JoinHandle<hyper::Result<()>>) {
    let stream = tls(server, HOST, &[b"h2", b"http/1.1"]).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

pub(super) async fn ask(sender: &mut Http2, request: Request<Full<Bytes>>) -> hyper::Result<(StatusCode, String)> {
    let response = sender.send_request(request).await?;
    assert_eq!(response.version(), Version::HTTP_2);
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

pub(super) fn https(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://{HOST}{path}")).body(Full::default()).unwrap()
}

/// A POST over HTTP/1.1 by a client that frames its own body.
pub(super) async fn post(server: &Server, body: Bytes) -> (StatusCode, Bytes) {
    let stream = tls(server, HOST, &[b"http/1.1"]).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("/echo").header("host", HOST).body(Full::new(body)).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}
