//! One connection: what its first byte says, TLS, and the version of HTTP that was agreed on.
//!
//! Refuses, by closing: what is neither TLS nor HTTP, and a handshake that fails or takes too long. The handshake
//! itself is in [`crate::handshake`].

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorward_hygiene::Hostname;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;

use crate::answer::{Answer, answer};
use crate::client_chain::ClientChain;
use crate::drain::Drain;
use crate::guarded::Guarded;
use crate::handler::Handler;
use crate::handshake::{Opened, open};
use crate::limits::Limits;
use crate::listener::Kind;
use crate::peer::{Arrival, Peer, Protocol};
use crate::supervise::{End, supervise};
use crate::tls::HTTP2;
use crate::watch::Watch;

/// HTTP/2: how much of one request's body a client may send ahead, and of all of them together. The 64 KiB
/// of the protocol's defaults make uploads crawl.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// HTTP/2: streams that a client opened and reset before we looked at them (CVE-2023-44487), and that it made
/// us reset; beyond, the connection ends.
const RESET_STREAMS: usize = 20;
const LOCALLY_RESET_STREAMS: usize = 128;
/// HTTP/2: how often a silent client is asked whether it is there, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What all connections of a listener have in common.
pub(crate) struct Connections<H> {
    handler: H,
    kind: Kind,
    limits: Limits,
    drain: Drain,
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl<H: Handler> Connections<H> {
    pub(crate) fn new(handler: H, kind: Kind, limits: Limits, drain: Drain) -> Self {
        let mut http1 = http1::Builder::new();
        // Without a timer, hyper's own time limits do nothing. Its limit for heads also runs between requests,
        // where ours differs, so `Watch` keeps both.
        http1.timer(TokioTimer::new()).header_read_timeout(None);
        // Not `max_headers`: 100 is the default, and setting it costs two allocations a request.
        http1.max_header_size(limits.head_bytes).max_buf_size(limits.head_bytes.max(16 * 1024));
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(RESET_STREAMS)
            .max_local_error_reset_streams(LOCALLY_RESET_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Self { handler, kind, limits, drain, http1, http2 }
    }

    /// Serves one connection to its end.
    pub(crate) async fn run(&self, stream: TcpStream, address: SocketAddr, place: OwnedSemaphorePermit) {
        set_options(&stream);
        let tls = match &self.kind {
            Kind::Tls(tls) => tls,
            Kind::Redirect => return self.plain(stream, address, Arrival::RedirectPort, place).await,
            Kind::Cleartext => return self.plain(stream, address, Arrival::Cleartext, place).await,
        };
        let opening = async { tokio::time::timeout(self.limits.handshake, open(stream, tls.as_ref())).await };
        let opened = tokio::select! {
            opened = opening => opened,
            // Nothing was asked yet, so nothing is cut off.
            () = self.drain.begun() => return,
        };
        match opened {
            Ok(Some(Opened::Tls(stream))) => self.tls(stream, address, place).await,
            Ok(Some(Opened::Plain(stream))) => self.plain(stream, address, Arrival::PlainOnTlsPort, place).await,
            Ok(None) => {}
            Err(_) => tracing::debug!(client = %address, "no TLS handshake in time"),
        }
    }

    async fn tls(&self, stream: Box<TlsStream<TcpStream>>, address: SocketAddr, place: OwnedSemaphorePermit) {
        let session = stream.get_ref().1;
        let sni = match session.server_name().map(Hostname::parse) {
            None => None,
            Some(Ok(name)) => Some(name),
            Some(Err(_)) => return,
        };
        let is_http2 = session.alpn_protocol() == Some(HTTP2);
        let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
        // Of a resumed session too: it carries what was shown when it began.
        let client_chain = session.peer_certificates().filter(|chain| !chain.is_empty());
        let client_chain = client_chain.map(|chain| Arc::new(ClientChain::new(chain.to_vec())));
        let peer = Peer { address, arrival: Arrival::Tls { sni }, protocol, client_chain };
        if is_http2 {
            self.http2(stream, peer, place).await;
        } else {
            self.http1(stream, peer, place).await;
        }
    }

    async fn plain(&self, stream: TcpStream, address: SocketAddr, arrival: Arrival, place: OwnedSemaphorePermit) {
        let peer = Peer { address, arrival, protocol: Protocol::Http1, client_chain: None };
        self.http1(stream, peer, place).await;
    }

    async fn http1<S>(&self, stream: S, peer: Peer, place: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let watch = Watch::new(&self.limits, Protocol::Http1);
        let stream = TokioIo::new(Guarded::new(stream, Arc::clone(&watch), place));
        let service = service(self.handler.clone(), peer, Arc::clone(&watch));
        let connection = self.http1.serve_connection(stream, service).with_upgrades();
        report(address, &supervise(connection, &watch, &self.drain).await);
    }

    async fn http2<S>(&self, stream: S, peer: Peer, place: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let watch = Watch::new(&self.limits, Protocol::Http2);
        let stream = TokioIo::new(Guarded::new(stream, Arc::clone(&watch), place));
        let service = service(self.handler.clone(), peer, Arc::clone(&watch));
        let connection = self.http2.serve_connection(stream, service);
        report(address, &supervise(connection, &watch, &self.drain).await);
    }
}

/// Small answers leave at once, and clients that vanished are found out.
fn set_options(stream: &TcpStream) {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);
    let outcome = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = outcome {
        tracing::debug!(%error, "socket options could not be set");
    }
}

fn service<H: Handler>(
    handler: H,
    peer: Peer,
    watch: Arc<Watch>,
) -> impl HttpService<Incoming, ResBody = Answer<H::Body>, Error = Infallible, Future: Send + 'static> {
    let peer = Arc::new(peer);
    service_fn(move |request| {
        // Boxed, since it is moved several times before it is polled: for HTTP/2, that took more than half of all
        // instructions of a request. A connection without one has no room for it either.
        let answer = Box::pin(answer(handler.clone(), request, Arc::clone(&peer), watch.request()));
        async move { Ok::<_, Infallible>(answer.await) }
    })
}

fn report(client: SocketAddr, end: &End) {
    match end {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) => tracing::debug!(%client, %error, "connection ended"),
        End::Overdue(overdue) => tracing::debug!(%client, ?overdue, "connection closed: out of time"),
    }
}
