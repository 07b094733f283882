//! One connection: what its first byte says, TLS, and the version of HTTP that was agreed on.
//!
//! Refuses, by closing: what is neither TLS nor HTTP, and a handshake that fails or takes too long. The handshake
//! itself is in [`crate::handshake`].

use std::convert::Infallible;
use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use doorward_hygiene::Hostname;
use futures_util::future::Either;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::admission::Place;
use crate::answer::{Answer, answer, close, refuse};
use crate::client_chain::ClientChain;
use crate::counts::Reason;
use crate::drain::Drain;
use crate::guarded::Guarded;
use crate::handler::Handler;
use crate::handshake::{Opened, open};
use crate::head_limits::HeadLimits;
use crate::listener::Kind;
use crate::peer::{Arrival, Peer, Protocol};
use crate::preface;
use crate::proxy_header::{self, Told};
use crate::socket_options;
use crate::streams::Streams;
use crate::supervise::{End, supervise};
use crate::terms::{Terms, Versions};
use crate::tls::HTTP2;
use crate::watch::{Overdue, Watch};

/// HTTP/1.1: how many header lines the library takes when nothing is said.
const HEADERS_OF_LIBRARY: usize = 100;
/// HTTP/2: how much of one request's body a client may send ahead, and of all of them together. The 64 KiB
/// of the protocol's defaults make uploads crawl.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// HTTP/2: streams that a client made us reset; beyond, the connection ends.
const LOCALLY_RESET_STREAMS: usize = 128;
/// HTTP/2: how often a silent client is asked whether it is there, and how long it may take to say so.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What all connections of a listener have in common.
pub(crate) struct Connections<H> {
    handler: H,
    kind: Kind,
    terms: Terms,
    drain: Drain,
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
}

/// Whom a connection is from, and the proxy that said so.
#[derive(Clone, Copy)]
struct From {
    address: SocketAddr,
    via: Option<SocketAddr>,
}

impl<H: Handler> Connections<H> {
    pub(crate) fn new(handler: H, kind: Kind, terms: Terms, drain: Drain) -> Self {
        let limits = &terms.limits;
        let mut http1 = http1::Builder::new();
        // Without a timer, hyper's own time limits do nothing. Its limit for heads also runs between requests,
        // where ours differs, so `Watch` keeps both.
        http1.timer(TokioTimer::new()).header_read_timeout(None);
        http1.max_header_size(limits.header_bytes).max_buf_size(limits.header_bytes.max(16 * 1024));
        // Saying what is so anyway would cost two allocations a request.
        if limits.header_count != HEADERS_OF_LIBRARY {
            http1.max_headers(limits.header_count);
        }
        let mut http2 = http2::Builder::new(Streams::new(limits.stalled_write_timeout, terms.admission.clone()));
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams_per_connection)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(limits.resets_per_connection)
            .max_local_error_reset_streams(LOCALLY_RESET_STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            // WebSockets over HTTP/2 (RFC 8441); the handler says what becomes of every CONNECT.
            .enable_connect_protocol();
        Self { handler, kind, terms, drain, http1, http2 }
    }

    /// Serves one connection to its end.
    pub(crate) async fn run(&self, mut stream: TcpStream, client: SocketAddr, mut place: Place) {
        socket_options::set(&stream);
        let opening = async {
            let from = self.from(&mut stream, client, &mut place).await?;
            let opened = match &self.kind {
                Kind::Tls(tls) => open(stream, tls.as_ref()).await?,
                Kind::Redirect | Kind::Cleartext => Opened::Plain(stream),
            };
            Some((from, opened))
        };
        let opened = tokio::select! {
            opened = tokio::time::timeout(self.terms.limits.handshake_timeout, opening) => opened,
            // Nothing was asked yet, so nothing is cut off.
            () = self.drain.begun() => return,
        };
        match (opened, &self.kind) {
            (Ok(Some((from, Opened::Tls(stream)))), _) => self.tls(stream, from, place).await,
            (Ok(Some((from, Opened::Plain(stream)))), kind) => match kind {
                Kind::Tls(_) => self.plain(stream, from, Arrival::PlainOnTlsPort, place).await,
                Kind::Redirect => self.plain(stream, from, Arrival::RedirectPort, place).await,
                Kind::Cleartext => self.cleartext(stream, from, place).await,
            },
            (Ok(None), _) => {}
            (Err(_), _) => {
                self.count(Reason::HandshakeTimeout);
                tracing::debug!(%client, "no TLS handshake, or no header of the PROXY protocol, in time");
            }
        }
    }

    /// Whom the connection is from: the other end, or whom a trusted proxy names. None when it is to be closed.
    async fn from(&self, stream: &mut TcpStream, client: SocketAddr, place: &mut Place) -> Option<From> {
        let admission = &self.terms.admission;
        if !admission.wants_proxy_header() {
            return Some(From { address: client, via: None });
        }
        let told = proxy_header::read(stream).await.inspect_err(|error| {
            self.count(Reason::ProxyHeader);
            tracing::debug!(%client, %error, "no good header of the PROXY protocol");
        });
        let address = match told.ok()? {
            Told::From(address) => address,
            Told::Itself => client,
        };
        admission
            .count_for(address.ip(), place)
            .inspect_err(|reason| {
                self.count(*reason);
                tracing::debug!(client = %address, via = %client, "connection beyond the limit of its address");
            })
            .ok()?;
        Some(From { address, via: Some(client) })
    }

    async fn tls(&self, stream: Box<TlsStream<TcpStream>>, from: From, place: Place) {
        let session = stream.get_ref().1;
        let sni = match session.server_name().map(Hostname::parse) {
            None => None,
            Some(Ok(name)) => Some(name),
            Some(Err(_)) => return,
        };
        let is_http2 = session.alpn_protocol() == Some(HTTP2);
        // Whoever offers nothing by ALPN speaks HTTP/1.1.
        if !is_http2 && self.terms.versions == Versions::Http2 {
            return;
        }
        let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
        // Of a resumed session too: it carries what was shown when it began.
        let client_chain = session.peer_certificates().filter(|chain| !chain.is_empty());
        let client_chain = client_chain.map(|chain| Arc::new(ClientChain::new(chain.to_vec())));
        let From { address, via } = from;
        let peer = Peer { address, via, arrival: Arrival::Tls { sni }, protocol, client_chain };
        if is_http2 {
            self.http2(stream, Vec::new(), peer, place).await;
        } else {
            self.http1(stream, Vec::new(), peer, place).await;
        }
    }

    async fn plain(&self, stream: TcpStream, from: From, arrival: Arrival, place: Place) {
        let From { address, via } = from;
        let peer = Peer { address, via, arrival, protocol: Protocol::Http1, client_chain: None };
        self.http1(stream, Vec::new(), peer, place).await;
    }

    async fn cleartext(&self, mut stream: TcpStream, from: From, place: Place) {
        let beginning = async {
            match self.terms.versions {
                Versions::Both => preface::read(&mut stream).await.ok(),
                Versions::Http1 => Some((Protocol::Http1, Vec::new())),
                Versions::Http2 => Some((Protocol::Http2, Vec::new())),
            }
        };
        let spoken = tokio::select! {
            spoken = tokio::time::timeout(self.terms.limits.head, beginning) => spoken,
            () = self.drain.begun() => return,
        };
        let From { address, via } = from;
        match spoken {
            Ok(Some((protocol, begun))) => {
                let peer = Peer { address, via, arrival: Arrival::Cleartext, protocol, client_chain: None };
                match protocol {
                    Protocol::Http1 => self.http1(stream, begun, peer, place).await,
                    Protocol::Http2 => self.http2(stream, begun, peer, place).await,
                }
            }
            Ok(None) => {}
            Err(_) => tracing::debug!(client = %address, "nothing was asked in time"),
        }
    }

    async fn http1<S>(&self, stream: S, begun: Vec<u8>, peer: Peer, place: Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let watch = Watch::new(&self.terms.limits, Protocol::Http1);
        let stream = TokioIo::new(Guarded::new(stream, Arc::clone(&watch), begun, place));
        let service = self.service(peer, Arc::clone(&watch));
        let connection = self.http1.serve_connection(stream, service).with_upgrades();
        self.report(address, &supervise(connection, &watch, &self.drain).await);
    }

    async fn http2<S>(&self, stream: S, begun: Vec<u8>, peer: Peer, place: Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let address = peer.address;
        let watch = Watch::new(&self.terms.limits, Protocol::Http2);
        let stream = TokioIo::new(Guarded::new(stream, Arc::clone(&watch), begun, place));
        let service = self.service(peer, Arc::clone(&watch));
        let connection = self.http2.serve_connection(stream, service);
        self.report(address, &supervise(connection, &watch, &self.drain).await);
    }

    fn service(
        &self,
        peer: Peer,
        watch: Arc<Watch>,
    ) -> impl HttpService<Incoming, ResBody = Answer<H::Body>, Error = Infallible, Future: Send + 'static> + use<H>
    {
        let (handler, admission) = (self.handler.clone(), self.terms.admission.clone());
        let (peer, head_limits) = (Arc::new(peer), HeadLimits::of(&self.terms.limits));
        service_fn(move |mut request: Request<Incoming>| {
            let underway = watch.request();
            let over = head_limits.exceeded(&request);
            if let Some(over) = over {
                admission.counts().count(Reason::HeadTooLarge);
                tracing::debug!(client = %peer.address, status = over.status().as_u16(), "head over its limits");
            }
            let is_framed_twice = watch.is_framed_twice();
            if is_framed_twice {
                // Said again, so that the handler sees two framings and refuses; how long is of no account.
                request.headers_mut().append(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            let answering = match over {
                Some(over) => Either::Left(std::future::ready(refuse(over, peer.protocol, underway))),
                // Boxed, since it is moved several times before it is polled: for HTTP/2, that took more than half of all
                // instructions of a request. A connection without one has no room for it either.
                None => Either::Right(Box::pin(answer(handler.clone(), request, Arc::clone(&peer), underway))),
            };
            async move {
                let mut response = answering.await;
                // Where the next head begins, two readers may not agree on (RFC 9112 §6.1).
                if is_framed_twice {
                    close(&mut response, Protocol::Http1);
                }
                Ok::<_, Infallible>(response)
            }
        })
    }

    fn count(&self, reason: Reason) {
        self.terms.admission.counts().count(reason);
    }

    fn report(&self, client: SocketAddr, end: &End) {
        if let Some(reason) = reason_of(end) {
            self.count(reason);
        }
        match end {
            End::Closed(Ok(())) => {}
            End::Closed(Err(error)) if error.is_parse_too_large() => {
                tracing::debug!(%client, %error, "head over its limits");
            }
            End::Closed(Err(error)) => tracing::debug!(%client, %error, "connection ended"),
            End::Overdue(overdue) => tracing::debug!(%client, ?overdue, "connection closed: out of time"),
        }
    }
}

/// What a connection that ended so is counted as, if as anything.
fn reason_of(end: &End) -> Option<Reason> {
    match end {
        End::Overdue(Overdue::Head) => Some(Reason::HeadTimeout),
        End::Overdue(Overdue::Write) => Some(Reason::StalledWrite),
        End::Overdue(Overdue::Request | Overdue::Close) | End::Closed(Ok(())) => None,
        End::Closed(Err(error)) if error.is_parse_too_large() => Some(Reason::HeadTooLarge),
        End::Closed(Err(error)) => {
            let of_http2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
            (of_http2?.reason()? == h2::Reason::ENHANCE_YOUR_CALM).then_some(Reason::Resets)
        }
    }
}
