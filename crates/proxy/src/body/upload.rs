//! A request's body on its way to an upstream.
//!
//! Refuses trailers that a head may not have either: hop-by-hop ones and names in which only we may speak.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use doorward_assertion::Signer;
use doorward_hygiene::headers::{strip_hop_by_hop, strip_impersonation, strip_reserved};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

/// What is sent to an upstream: the client's body as it comes, or nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    client: Option<Incoming>,
    /// Only for a request that has a body.
    progress: Option<Arc<Progress>>,
    /// Who tells claims, and in which headers.
    signer: Option<Arc<Signer>>,
}

/// How far an upload has come, for the clock that waits for the answer.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    /// When a frame last passed, in milliseconds since `begun`.
    last: AtomicU64,
    waits_for_client: AtomicBool,
    finished: AtomicBool,
}

impl Progress {
    /// When a frame last passed.
    pub(crate) fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Whether it is the client that holds things up.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.waits_for_client.load(Ordering::Relaxed) && !self.finished.load(Ordering::Relaxed)
    }

    fn frame_passed(&self) {
        let elapsed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
        self.waits_for_client.store(false, Ordering::Relaxed);
    }
}

impl Upload {
    /// The client's body. In its trailers nobody speaks for `signer`.
    pub(crate) fn new(body: Incoming, signer: Option<Arc<Signer>>) -> Self {
        if body.is_end_stream() {
            return Self::nothing();
        }
        let progress = Progress {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            waits_for_client: AtomicBool::new(false),
            finished: AtomicBool::new(false),
        };
        Self { client: Some(body), progress: Some(Arc::new(progress)), signer }
    }

    /// No body.
    pub(crate) const fn nothing() -> Self {
        Self { client: None, progress: None, signer: None }
    }

    /// How far it has come; None when there is nothing to wait for.
    pub(crate) fn progress(&self) -> Option<Arc<Progress>> {
        self.progress.clone()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(client) = &mut this.client else { return Poll::Ready(None) };
        let polled = Pin::new(client).poll_frame(cx);
        if let Some(progress) = &this.progress {
            match &polled {
                Poll::Pending => progress.waits_for_client.store(true, Ordering::Relaxed),
                Poll::Ready(Some(Ok(_))) => progress.frame_passed(),
                Poll::Ready(None | Some(Err(_))) => progress.finished.store(true, Ordering::Relaxed),
            }
        }
        polled.map_ok(|frame| match frame.into_trailers() {
            Ok(mut trailers) => {
                strip_hop_by_hop(&mut trailers);
                strip_reserved(&mut trailers);
                strip_impersonation(&mut trailers);
                if let Some(signer) = &this.signer {
                    signer.strip_claims(&mut trailers);
                }
                Frame::trailers(trailers)
            }
            Err(frame) => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.client.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.client.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
