//! Ways to an upstream: TLS with what it chooses to speak, and sockets of this machine.

use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use doorward_config::{HostHeader, LookupFamily, Route, Target, Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl};
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use super::super::upstreams::tests::dial_error;
use super::support::*;
use super::websockets::{handshake_as, switched};

/// Says how it was asked.
async fn shown(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
    let text = format!("{:?} {} host {host:?}", request.version(), request.uri());
    Ok(Response::new(Full::from(text)))
}

pub(super) fn acceptor(names: &[&str], alpn: &[&[u8]]) -> (TlsAcceptor, CertificateDer<'static>) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), made.cert.der().clone())
}

/// Over TLS: HTTP/2 if that was chosen; else a request that asks for a WebSocket gets one that sends everything back.
async fn over_tls<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(acceptor: TlsAcceptor, stream: S) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        drop(builder.serve_connection(TokioIo::new(stream), service_fn(shown)).await);
        return;
    }
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
            return;
        }
        read.push(byte[0]);
    }
    if !String::from_utf8_lossy(&read).contains("websocket") {
        stream.write_all(OK.as_bytes()).await.unwrap();
        return drop(stream.shutdown().await);
    }
    stream.write_all(switched().as_bytes()).await.unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    drop(tokio::io::copy(&mut from, &mut to).await);
}

async fn tls_route(alpn: &[&[u8]]) -> Route {
    let (acceptor, certificate) = acceptor(&["127.0.0.1"], alpn);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(over_tls(acceptor.clone(), stream));
        }
    });
    let at = UpstreamUrl { scheme: UpstreamScheme::Https, host: "127.0.0.1".into(), port };
    let tls = UpstreamTls { authorities: vec![certificate], ..UpstreamTls::default() };
    let mut route = route(Target::Upstream(Upstream {
        addresses: vec![at],
        lookup: LookupFamily::default(),
        tls,
        balancing: doorward_config::Balancing::default(),
    }));
    route.upgrades.websocket = true;
    route.host_header = HostHeader::Preserve;
    route
}

#[tokio::test]
async fn over_tls_the_upstream_chooses_what_is_spoken() {
    for (alpn, expected) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], "HTTP/2.0 https://app.test/x host None"),
        (&[b"http/1.1"], "ok"),
        (&[], "ok"),
    ] {
        let front = Front::start(tls_route(alpn).await).await;
        // The second time it is known.
        for _ in 0..2 {
            let reply = front.get("/x").await;
            assert!(reply.body.contains(expected), "{alpn:?}: {reply:?}");
        }
        let replies = futures_util::future::join_all((0..10).map(|_| front.get("/"))).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    }
}

#[tokio::test]
async fn a_websocket_over_tls_is_asked_for_in_http1_whatever_else_is_spoken() {
    for alpn in [&[b"h2".as_slice(), b"http/1.1"][..], &[b"http/1.1"], &[]] {
        let front = Front::start(tls_route(alpn).await).await;
        // So that the other protocol is known and has a connection.
        assert_eq!(front.get("/").await.status, 200);
        front.visitors.sign_in(ALICE).await;
        let mut connection = front.connect().await;
        connection.send(&handshake_as(ALICE)).await;
        assert_eq!(connection.head().await.status, 101, "{alpn:?}");
        for word in ["there", "and back"] {
            connection.send(word).await;
            assert_eq!(connection.until(word).await, word);
        }
    }
}

fn unix(scheme: UpstreamScheme, path: &Path, tls: UpstreamTls) -> Upstream {
    let at = UpstreamUrl { scheme, host: path.to_str().unwrap().into(), port: 0 };
    Upstream {
        addresses: vec![at],
        lookup: LookupFamily::default(),
        tls,
        balancing: doorward_config::Balancing::default(),
    }
}

#[tokio::test]
async fn a_socket_of_this_machine_is_an_upstream_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let builder = hyper::server::conn::http1::Builder::new();
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service_fn(shown)));
        }
    });
    let upstream = unix(UpstreamScheme::Unix, &path, UpstreamTls::default());
    let mut route = route(Target::Upstream(upstream));
    let front = Front::start(route.clone()).await;
    let reply = front.get("/a?b").await;
    assert!(reply.body.ends_with(r#"HTTP/1.1 /a?b host Some("localhost")"#), "{reply:?}");
    assert!(front.access_lines().contains(&format!("unix://{}", path.display())), "{}", front.access_lines());
    route.host_header = HostHeader::Preserve;
    let reply = Front::start(route).await.get("/").await;
    assert!(reply.body.ends_with(r#"host Some("app.test")"#), "{reply:?}");
}

#[tokio::test]
async fn a_socket_of_this_machine_may_speak_tls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (acceptor, certificate) = acceptor(&["localhost"], &[b"h2"]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(over_tls(acceptor.clone(), stream));
        }
    });
    let tls = UpstreamTls { authorities: vec![certificate], ..UpstreamTls::default() };
    let upstream = unix(UpstreamScheme::UnixTls, &path, tls);
    let reply = Front::start(route(Target::Upstream(upstream))).await.get("/").await;
    assert!(reply.body.contains(&format!("{:?} https://localhost/", Version::HTTP_2)), "{reply:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_socket_is_said_plainly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let upstream = unix(UpstreamScheme::Unix, &path, UpstreamTls::default());
    let shown = path.display();
    let said = || async { dial_error(&upstream).await.unwrap() };
    assert_eq!(said().await, format!("there is no socket {shown}: is the application running?"));
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(said().await, format!("{shown} refused the connection: nothing listens there"));
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o000)).unwrap();
    // Whoever may do everything is not told so.
    if std::fs::metadata(&path).is_err() {
        let said = said().await;
        assert!(said.starts_with(&format!("the socket {shown} may not be used: permission denied")), "{said}");
    }
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
}
