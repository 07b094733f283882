//! A handler's answer on its way out, and the answer that stands in when the handler panics.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::CONNECTION;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::handler::{BoxError, Handler};
use crate::peer::{Peer, Protocol};
use crate::watch::Underway;

/// A body that ends its request when it is dropped.
pub(crate) struct Answer<B> {
    /// None when the handler panicked, or nobody may be sent one.
    body: Option<B>,
    _underway: Underway,
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
        request.extensions_mut().insert(underway.connection());
    }
    let outcome = AssertUnwindSafe(async { handler.handle(request, peer).await }).catch_unwind().await;
    match outcome {
        Ok(response) => {
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                underway.upgrades();
            }
            response.map(|body| Answer { body: (!bodiless).then_some(body), _underway: underway })
        }
        Err(panic) => {
            tracing::error!(panic = message(panic.as_ref()), "answering a request panicked; it got a 500");
            let mut response = Response::new(Answer { body: None, _underway: underway });
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            if protocol == Protocol::Http1 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
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

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
