//! A handler's answer on its way out, and the answers that stand in: when the handler panics, and when it is not asked.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::handler::{BoxError, Handler};
use crate::head_limits::OverLimit;
use crate::peer::{Peer, Protocol};
use crate::streams;
use crate::watch::Underway;

/// How much of an answer is given to a stream of HTTP/2 at once, in bytes. What is given waits for the reader's window, and that
/// something was taken shows when the next piece is asked for. Pieces of a frame each would cost a tenth more CPU for big bodies.
const PIECE: usize = 64 * 1024;

/// A body that ends its request when it is dropped.
pub(crate) struct Answer<B> {
    body: Said<B>,
    /// Of HTTP/2: what is left of a frame larger than a piece.
    rest: Bytes,
    protocol: Protocol,
    _underway: Underway,
}

/// Who answers.
enum Said<B> {
    Handler(B),
    /// We, in so many words; none when they are said, when the handler panicked, or when nobody may be sent a body.
    Plainly(Option<Bytes>),
}

/// The answer to a head over its limits; the connection is not used again.
pub(crate) fn refuse<B>(over: OverLimit, protocol: Protocol, underway: Underway) -> Response<Answer<B>> {
    let words = Bytes::from_static(over.in_words().as_bytes());
    let mut response = Response::new(Answer::new(Said::Plainly(Some(words)), protocol, underway));
    *response.status_mut() = over.status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    close(&mut response, protocol);
    response
}

/// Ends the connection after this answer. HTTP/2 has no such header.
pub(crate) fn close<B>(response: &mut Response<B>, protocol: Protocol) {
    if protocol == Protocol::Http1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Has the handler answer; a panic becomes a 500 that, under HTTP/1, closes the connection.
pub(crate) async fn answer<H: Handler>(
    handler: H,
    mut request: Request<Incoming>,
    peer: Arc<Peer>,
    underway: Underway,
) -> Response<Answer<H::Body>> {
    let protocol = peer.protocol;
    // RFC 9110 §9.3.2. The library leaves the body out by itself in HTTP/1 only; in HTTP/2 it is a protocol error.
    let bodiless = protocol == Protocol::Http2 && request.method() == Method::HEAD;
    if protocol == Protocol::Http2 && request.method() == Method::CONNECT {
        let (connection, over) = underway.connection();
        request.extensions_mut().insert(connection);
        streams::tunnels_until(over);
    }
    let outcome = AssertUnwindSafe(async { handler.handle(request, peer).await }).catch_unwind().await;
    match outcome {
        Ok(response) => {
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                underway.upgrades();
            }
            response.map(|body| {
                let body = if bodiless { Said::Plainly(None) } else { Said::Handler(body) };
                Answer::new(body, protocol, underway)
            })
        }
        Err(panic) => {
            tracing::error!(panic = message(panic.as_ref()), "answering a request panicked; it got a 500");
            let mut response = Response::new(Answer::new(Said::Plainly(None), protocol, underway));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            close(&mut response, protocol);
            response
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

impl<B> Answer<B> {
    fn new(body: Said<B>, protocol: Protocol, underway: Underway) -> Self {
        Self { body, rest: Bytes::new(), protocol, _underway: underway }
    }

    /// A piece of these bytes; the rest is for the next time.
    fn piece(&mut self, mut bytes: Bytes) -> Frame<Bytes> {
        self.rest = bytes.split_off(PIECE.min(bytes.len()));
        streams::gave();
        Frame::data(bytes)
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if !this.rest.is_empty() {
            let rest = std::mem::take(&mut this.rest);
            return Poll::Ready(Some(Ok(this.piece(rest))));
        }
        let polled = match &mut this.body {
            Said::Handler(body) => Pin::new(body).poll_frame(cx),
            Said::Plainly(words) => Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
        };
        if this.protocol != Protocol::Http2 {
            return polled;
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(bytes) => this.piece(bytes),
                Err(trailers) => trailers,
            }))),
            Poll::Pending => {
                streams::waits();
                Poll::Pending
            }
            over @ Poll::Ready(_) => over,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
            && match &self.body {
                Said::Handler(body) => body.is_end_stream(),
                Said::Plainly(words) => words.is_none(),
            }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            // Asked for before anything is given.
            _ if !self.rest.is_empty() => SizeHint::default(),
            Said::Handler(body) => body.size_hint(),
            Said::Plainly(words) => SizeHint::with_exact(words.as_ref().map_or(0, |words| words.len() as u64)),
        }
    }
}
