//! An application that speaks any version of HTTP and does what each request's path asks for: to see what two
//! protocols make of one exchange. Every answer is made from the request's own nonce.

mod script;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::authority::Pair;
use super::wire::Lines;

/// The header that names a request.
pub(crate) const NONCE: &str = "x-nonce";

/// What the application speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http1Tls,
    /// Both by ALPN, as most do: HTTP/1.1 too, for WebSockets.
    Http2Tls,
    /// HTTP/2 without TLS, with prior knowledge (RFC 9113 §3.3); HTTP/1.1 too, for WebSockets.
    Http2,
}

impl Speaks {
    /// For messages and host names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http1 => "h1",
            Self::Http1Tls => "h1-tls",
            Self::Http2Tls => "h2-tls",
            Self::Http2 => "h2c",
        }
    }

    /// Whether plain requests come in HTTP/2.
    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Self::Http2Tls | Self::Http2)
    }

    fn scheme(self) -> &'static str {
        match self {
            Self::Http1 => "http",
            Self::Http1Tls | Self::Http2Tls => "https",
            Self::Http2 => "h2c",
        }
    }

    fn alpn(self) -> &'static [&'static [u8]] {
        match self {
            Self::Http1 | Self::Http2 => &[],
            Self::Http1Tls => &[b"http/1.1"],
            Self::Http2Tls => &[b"h2", b"http/1.1"],
        }
    }
}

/// What `/report` says of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Lines,
    pub(crate) length: u64,
    pub(crate) sha256: String,
    pub(crate) trailers: Lines,
}

/// Something that happened to a request here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// Its head came.
    Came,
    /// The first bytes of its body came.
    Body,
    /// Its body was read to the end.
    Read,
    /// Its body broke off.
    Broke,
    /// It was given up before it was answered, or its answer before it was told whole.
    GivenUp,
    /// Its WebSocket is over.
    Closed,
}

/// The application, until dropped; then its connections are cut.
pub(crate) struct Scripted {
    address: SocketAddr,
    speaks: Speaks,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    noted: watch::Sender<Vec<(String, Noted)>>,
    open: watch::Sender<usize>,
}

impl Shared {
    fn note(&self, nonce: &str, noted: Noted) {
        self.noted.send_modify(|all| all.push((nonce.to_owned(), noted)));
    }
}

impl Scripted {
    pub(crate) async fn start(speaks: Speaks, pair: &Pair) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), speaks, pair)
    }

    /// On a listener that is there already.
    pub(crate) fn listen(listener: TcpListener, speaks: Speaks, pair: &Pair) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let mut config = pair.server_config();
        config.alpn_protocols = speaks.alpn().iter().map(|name| name.to_vec()).collect();
        let tls = matches!(speaks, Speaks::Http1Tls | Speaks::Http2Tls).then(|| TlsAcceptor::from(Arc::new(config)));
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, speaks, tls, Arc::clone(&shared)));
        Self { address, speaks, shared, _serving: serving }
    }

    /// What a route's `to` says.
    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}", self.speaks.scheme(), self.address.port())
    }

    pub(crate) fn speaks(&self) -> Speaks {
        self.speaks
    }

    /// What became of this request so far.
    pub(crate) fn noted(&self, nonce: &str) -> Vec<Noted> {
        self.shared.noted.borrow().iter().filter(|(name, _)| name == nonce).map(|(_, noted)| *noted).collect()
    }

    /// Waits until this has happened to the request.
    pub(crate) async fn wait_for(&self, nonce: &str, noted: Noted) {
        self.wait_for_any(nonce, &[noted]).await;
    }

    /// Waits until one of these has happened to the request.
    pub(crate) async fn wait_for_any(&self, nonce: &str, wanted: &[Noted]) {
        let mut receiver = self.shared.noted.subscribe();
        let is_there =
            |all: &Vec<(String, Noted)>| all.iter().any(|(name, what)| name == nonce && wanted.contains(what));
        let waited = tokio::time::timeout(super::PATIENCE, receiver.wait_for(is_there)).await.is_ok();
        assert!(waited, "{nonce}: waited in vain for {wanted:?}: {:?}", self.noted(nonce));
    }
}

impl Scripted {
    /// Forgets what happened so far, so that a long test does not gather it.
    pub(crate) fn forget(&self) {
        self.shared.noted.send_modify(Vec::clear);
    }
}

/// `length` bytes that only this nonce has, each place different from the one before.
pub(crate) fn bytes_of(nonce: &str, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 256);
    let mut line = 0_u64;
    while bytes.len() < length {
        bytes.extend_from_slice(format!("{nonce}:{line:08}:{}\n", ".".repeat(200)).as_bytes());
        line += 1;
    }
    bytes.truncate(length);
    bytes
}

async fn accept(listener: TcpListener, speaks: Speaks, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Ends with this task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let _nodelay = stream.set_nodelay(true);
        connections.spawn(connection(stream, speaks, tls.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, speaks: Speaks, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    shared.open.send_modify(|open| *open += 1);
    let _open = Open(Arc::clone(&shared));
    match tls {
        None => {
            let mut first = [0; 3];
            let http2 = speaks.is_http2() && stream.peek(&mut first).await.is_ok() && first == *b"PRI";
            serve(stream, http2, &shared).await;
        }
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else { return };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            serve(stream, http2, &shared).await;
        }
    }
}

/// What goes wrong on a connection shows in what the test sees.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, http2: bool, shared: &Arc<Shared>) {
    let service = service_fn(|request| script::answer(request, Arc::clone(shared)));
    if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).enable_connect_protocol().max_header_list_size(1 << 20);
        let _ended = builder.serve_connection(TokioIo::new(stream), service).await;
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(TokioTimer::new()).max_buf_size(1 << 20);
        let _ended = builder.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    }
}

/// Counts a connection out when it ends, however it ends.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}
