//! One HTTP/2 connection to an upstream, and the streams on it.
//!
//! Refuses to let one visitor who reads slowly hold up the others: the connection's window has room for every stream's.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};
use http_body::Body;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::{Instant, timeout};

use super::dial::{DialError, Dialled, failed};
use super::greeting::{First, Greeted};
use super::tls::error_in;
use crate::body::Upload;

/// How many requests share one connection at most; the upstream may want fewer.
const MOST_STREAMS: usize = 100;
/// How much of one answer is taken in before the visitor has read it, in bytes. Half of it costs a twentieth more CPU for big
/// bodies, a quarter an eighth.
const STREAM_WINDOW: u32 = 512 * 1024;
/// The same of a connection: what slow readers leave lying is never what another's answer needs.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * 100;
/// How much of one upload is held here, in bytes.
const SEND_BUFFER: usize = 256 * 1024;
/// How large the head of an answer may be, as HTTP/2 counts (RFC 9113 §6.5.2).
const LARGEST_HEAD: usize = 64 * 1024;
/// How large the head of an answer may be that is at least read to its end. Beyond, the library gives the connection up, with the
/// requests of everybody else on it: so what an application can be made to say by a visitor is not to come near it.
const READABLE_HEAD: u32 = 1024 * 1024;
/// How long a connection with open streams may be silent before it is asked whether it lives. TCP asks sooner, and gRPC
/// servers close the connections of those who ask more often than every five minutes.
const PING_AFTER: Duration = Duration::from_secs(330);
/// How long it has to say so.
const PONG_WITHIN: Duration = Duration::from_secs(20);
/// For how long new requests are put on a connection; then a new one is made, where the name leads to by then.
const LIFETIME: Duration = Duration::from_secs(300);
/// No number of streams that anybody asks for: the settings are not here yet.
const BEFORE_SETTINGS: usize = 65_521;
/// How often it is looked whether what has been read were the settings.
const SETTLING: Duration = Duration::from_millis(1);

/// A connection that many requests share.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Upload>,
    begun: Instant,
    open: AtomicUsize,
    most: AtomicUsize,
    /// Gets no new requests.
    retired: AtomicBool,
    /// Since it was last looked whether it is.
    used: AtomicBool,
}

impl Connection {
    /// Begins HTTP/2 and waits for the upstream's settings, `within` so long.
    pub(super) async fn begin(dialled: Dialled, within: Duration) -> Result<Arc<Self>, DialError> {
        let Dialled { wire, address, shown, open, .. } = dialled;
        let (wire, greeting) = Greeted::new(wire);
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_max_send_streams(BEFORE_SETTINGS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(READABLE_HEAD)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_WITHIN);
        let begun = async {
            let (sender, mut driver) = builder.handshake(TokioIo::new(wire)).await.map_err(DialError::Http)?;
            match greeting.first().await {
                First::Bytes => {}
                First::Http1 => return Err(DialError::OnlyHttp1 { address: address.clone() }),
                First::Failed(source) if error_in(&source).is_some() => {
                    return Err(failed(address.clone(), source, shown.as_deref()));
                }
                First::End | First::Failed(_) => return Err(DialError::NoHttp2 { address: address.clone() }),
            }
            while driver.current_max_send_streams() == BEFORE_SETTINGS {
                let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut driver).poll(cx))).await;
                match polled {
                    Poll::Ready(Ok(())) => return Err(DialError::NoHttp2 { address: address.clone() }),
                    Poll::Ready(Err(source)) => return Err(DialError::Http(source)),
                    Poll::Pending => tokio::time::sleep(SETTLING).await,
                }
            }
            Ok((sender, driver))
        };
        let (sender, mut driver) = match timeout(within, begun).await {
            Ok(begun) => begun?,
            Err(_) => return Err(DialError::SilentHttp2 { address, after: within }),
        };
        let connection = Arc::new(Self {
            sender,
            begun: Instant::now(),
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(driver.current_max_send_streams().min(MOST_STREAMS)),
            retired: AtomicBool::new(false),
            used: AtomicBool::new(true),
        });
        let known = Arc::downgrade(&connection);
        // How it ends is told to the requests on it.
        tokio::spawn(poll_fn(move |cx| {
            let ended = Pin::new(&mut driver).poll(cx);
            if let Some(connection) = known.upgrade() {
                connection.most.store(driver.current_max_send_streams().min(MOST_STREAMS), Ordering::Relaxed);
            }
            // Moved in here: it counts for as long as the connection is driven.
            let _open = &open;
            ended.map(drop)
        }));
        Ok(connection)
    }

    /// Whether it gets no new requests any more.
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed() || self.retired.load(Ordering::Relaxed) || self.begun.elapsed() >= LIFETIME
    }

    /// Whether nobody has used it since this was last asked.
    pub(super) fn is_idle(&self) -> bool {
        let used = self.used.swap(false, Ordering::Relaxed);
        !used && self.open.load(Ordering::Relaxed) == 0
    }

    /// A stream on it, unless as many are open as may be.
    pub(super) fn stream(self: &Arc<Self>) -> Option<Stream> {
        let most = self.most.load(Ordering::Relaxed);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| (open < most).then_some(open + 1)).ok()?;
        Some(self.counted())
    }

    /// The first stream on it, which waits if the upstream wants none yet.
    pub(super) fn first_stream(self: &Arc<Self>) -> Stream {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.counted()
    }

    fn counted(self: &Arc<Self>) -> Stream {
        self.used.store(true, Ordering::Relaxed);
        Stream { connection: Arc::clone(self) }
    }
}

/// Room for one request on a connection, until dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    connection: Arc<Connection>,
}

impl Stream {
    /// What sends on it.
    pub(super) fn sender(&self) -> SendRequest<Upload> {
        self.connection.sender.clone()
    }

    /// Puts no new requests on its connection.
    pub(super) fn retire(&self) {
        self.connection.retired.store(true, Ordering::Relaxed);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether the upstream says that it has done nothing about the request, so that it may be sent again (RFC 9113 §8.7).
pub(super) fn is_unprocessed(error: &hyper::Error) -> bool {
    let Some(error) = said(error) else { return false };
    // On a stream, the end of the connection shows only when it was not among those still to be answered.
    error.is_remote() && (error.is_go_away() || error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM))
}

/// Whether an answer's head is one to pass on.
pub(super) fn has_too_large_a_head<B>(response: &Response<B>) -> bool {
    let lines = response.headers().iter();
    // What each line counts beyond its text (RFC 9113 §6.5.2).
    lines.map(|(name, value)| name.as_str().len() + value.len() + 32).sum::<usize>() > LARGEST_HEAD
}

/// Whether nobody's request is answered on the connection any more. Whoever sends theirs again is told so sooner than the connection
/// itself is found closed.
pub(super) fn is_of_connection(error: &hyper::Error) -> bool {
    said(error).is_some_and(|error| error.is_go_away() || error.is_io())
}

/// What the HTTP/2 library says.
pub(crate) fn said(error: &hyper::Error) -> Option<&h2::Error> {
    std::error::Error::source(error)?.downcast_ref()
}

/// Makes a request for HTTP/1.1 one for HTTP/2 (RFC 9113 §8.3.1, §8.2.2). None when its Host is no authority.
pub(super) fn from_http1(request: &mut Request<Upload>, scheme: &Scheme) -> Option<()> {
    let headers = request.headers_mut();
    let authority = Authority::try_from(headers.remove(HOST)?.as_bytes()).ok()?;
    headers.remove(CONNECTION);
    headers.remove(TRANSFER_ENCODING);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(scheme.clone());
    parts.authority = Some(authority);
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).ok()?;
    *request.version_mut() = Version::HTTP_2;
    Some(())
}

/// Makes it one for HTTP/1.1 again.
pub(super) fn to_http1(request: &mut Request<Upload>) {
    let parts = std::mem::take(request.uri_mut()).into_parts();
    *request.uri_mut() = parts.path_and_query.map_or_else(Uri::default, Uri::from);
    *request.version_mut() = Version::HTTP_11;
    let framed = request.body().is_end_stream() || request.headers().contains_key(CONTENT_LENGTH);
    let headers = request.headers_mut();
    if let Some(host) = parts.authority.and_then(|authority| HeaderValue::try_from(authority.as_str()).ok()) {
        headers.insert(HOST, host);
    }
    if headers.contains_key(TE) {
        headers.insert(CONNECTION, HeaderValue::from_static("TE"));
    }
    if !framed {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}
