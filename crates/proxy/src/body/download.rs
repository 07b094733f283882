//! An upstream's body on its way to the visitor.
//!
//! Most bodies are over in a moment and cost nothing more. One that keeps its reader waiting (server-sent events,
//! a long poll) or goes on and on (a big file) is held to the rule of a tunnel from then on: it ends when the
//! session does, when a reload's policy says no, and when nothing moves for too long. It never ends because its
//! time as a whole is up.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use doorward_transport::ends_with;
use http::header::SET_COOKIE;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::{BoxError, GivenUp, Unasked};
use crate::RequestId;
use crate::held::{End, Terms, Watch};
use crate::upstreams::{InFlight, Lease};
use doorward_hygiene::headers::{is_reserved, strip_hop_by_hop};

/// After how many frames a body that never paused counts as long.
const MANY_FRAMES: u32 = 64;
/// How long after its first pause a body counts as long. Many short ones pause once, between head and end.
const PAUSE: Duration = Duration::from_millis(250);

/// A body from an upstream.
#[derive(Debug)]
pub(crate) struct Download {
    upstream: Incoming,
    /// The connection, until the body is read to its end.
    lease: Option<Lease>,
    /// Counts it as a request of the upstream's until it is read to its end.
    in_flight: Option<InFlight>,
    /// Keeps the connection waiting for a body that was not asked for, until it is read to its end.
    unasked: Option<Unasked>,
    life: Life,
    frames: u32,
    /// Whether it comes on a stream of HTTP/2.
    stream: bool,
    /// Whether the last time it was asked, the upstream had nothing.
    waiting: bool,
    request_id: RequestId,
}

#[derive(Debug)]
enum Life {
    /// Nothing says yet that it will be long.
    Short(Terms),
    /// It has paused; once this is over, it counts as long.
    Pausing(Terms, Pin<Box<Sleep>>),
    /// Entered among what is held open.
    Long(Watch),
    Over,
}

impl Download {
    /// Takes over an answer's body and the connection it comes from.
    pub(crate) fn new(upstream: Incoming, lease: Option<Lease>, terms: Terms) -> Self {
        let request_id = terms.request_id;
        let stream = lease.as_ref().is_some_and(Lease::is_stream);
        let life = Life::Short(terms);
        let mut download = Self {
            upstream,
            lease,
            in_flight: None,
            unasked: None,
            life,
            frames: 0,
            stream,
            waiting: false,
            request_id,
        };
        download.settle();
        download
    }

    /// As a request that is counted until the body ends.
    pub(crate) fn counting(mut self, in_flight: InFlight) -> Self {
        self.in_flight = Some(in_flight).filter(|_| !self.upstream.is_end_stream());
        self
    }

    /// As the answer to a request whose body may never be asked for.
    pub(crate) fn keeping(mut self, unasked: Option<Unasked>) -> Self {
        self.unasked = unasked.filter(|_| !self.upstream.is_end_stream());
        self
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // Before anything more goes out: a session that has ended gets no further byte.
        if let Life::Long(watch) = &self.life
            && let Some(end) = watch.is_over()
        {
            return Poll::Ready(Some(Err(self.cut(end))));
        }
        let Poll::Ready(frame) = Pin::new(&mut self.upstream).poll_frame(cx) else {
            // The upstream's silence begins when it is waited for, not while a slow reader keeps it waiting.
            if let Life::Long(watch) = &mut self.life
                && !std::mem::replace(&mut self.waiting, true)
            {
                watch.note_activity();
            }
            let end = ready!(self.life.poll_end(cx));
            return Poll::Ready(Some(Err(self.cut(end))));
        };
        self.waiting = false;
        self.frames = self.frames.saturating_add(1);
        if self.frames == MANY_FRAMES {
            self.life.enter();
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if self.frames == 1 && !self.upstream.is_end_stream() {
                    self.life.note_begun();
                }
                self.settle();
                Some(Ok(cleaned(frame)))
            }
            Some(Err(error)) => Some(Err(self.broke_off(error.into()))),
            // The library takes a stream given up without an error for one that is at its end.
            None if self.stream && !self.upstream.is_end_stream() => Some(Err(self.broke_off(GivenUp.into()))),
            None => {
                self.finish();
                None
            }
        })
    }

    pub(super) fn is_end_stream(&self) -> bool {
        self.upstream.is_end_stream()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.upstream.size_hint()
    }

    /// Gives the connection back as soon as nothing more comes: a reader that knows the length does not ask again.
    fn settle(&mut self) {
        if self.upstream.is_end_stream() {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        self.in_flight = None;
        self.unasked = None;
        self.life = Life::Over;
    }

    fn broke_off(&mut self, error: BoxError) -> BoxError {
        self.lease = None;
        self.in_flight = None;
        self.life = Life::Over;
        let cause = error.source().map(ToString::to_string);
        tracing::warn!(request_id = %self.request_id, %error, cause, "the upstream broke off in the middle of its answer");
        error
    }

    fn cut(&mut self, end: End) -> BoxError {
        self.lease = None;
        self.in_flight = None;
        tracing::info!(request_id = %self.request_id, reason = %end, "a long answer was cut off");
        Box::new(end)
    }
}

impl Life {
    /// Ready when a body that pauses has to end.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if let Self::Short(_) = self
            && let Self::Short(terms) = std::mem::replace(self, Self::Over)
        {
            *self = Self::Pausing(terms, Box::pin(tokio::time::sleep(PAUSE)));
        }
        if let Self::Pausing(_, pause) = self {
            ready!(pause.as_mut().poll(cx));
            self.enter();
        }
        match self {
            Self::Long(watch) => watch.poll_end(cx),
            Self::Short(_) | Self::Pausing(..) | Self::Over => Poll::Pending,
        }
    }

    /// From now on it is held to the rule of a tunnel.
    fn enter(&mut self) {
        match std::mem::replace(self, Self::Over) {
            Self::Short(terms) | Self::Pausing(terms, _) => {
                let watch = Watch::on(terms);
                ends_with(|| Some(watch.ends()));
                *self = Self::Long(watch);
            }
            already => *self = already,
        }
    }

    /// It begins to be sent and there is more to come: a reader who makes us wait with it is not to keep it beyond its session.
    fn note_begun(&self) {
        if let Self::Short(terms) | Self::Pausing(terms, _) = self {
            ends_with(|| terms.ends());
        }
    }
}

fn cleaned(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            strip_hop_by_hop(&mut trailers);
            let ours: Vec<_> = trailers.keys().filter(|name| is_reserved(name)).cloned().collect();
            for name in ours {
                trailers.remove(name);
            }
            trailers.remove(SET_COOKIE);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    }
}
