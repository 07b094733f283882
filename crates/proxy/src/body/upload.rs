//! A request's body on its way to an upstream.
//!
//! Refuses trailers that a head may not have either: hop-by-hop ones and names in which only we, or the route, may speak.
//! Refuses those too that would say anew where the request goes and who makes it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use doorward_assertion::Signer;
use doorward_hygiene::headers::{strip_hop_by_hop, strip_impersonation, strip_reserved};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderName, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::expectation::{Expectation, KeptBack, Now};
use crate::limits::{Measured, UploadError};

/// How much of an upload is remembered, in bytes and in frames: each may hold on to the buffer it was read into.
const MOST_KEPT: usize = 64 * 1024;
const MOST_FRAMES: usize = 4;

/// Where a request goes, how long it is, and who makes it, is said before its body or not at all (RFC 9110 §6.5.1): what
/// an application finds behind it, it may take for what stood in front.
const NEVER_BEHIND: [HeaderName; 4] = [HOST, CONTENT_LENGTH, AUTHORIZATION, COOKIE];

/// Whoever sends a body has given it up before its end.
#[derive(Debug, thiserror::Error)]
#[error("the stream was given up before its end")]
pub(crate) struct GivenUp;

/// What is sent to an upstream: the client's body as it comes, or nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    client: Option<Measured>,
    /// Only for a request that has a body.
    progress: Option<Arc<Progress>>,
    /// Who tells claims, and in which headers.
    signer: Option<Arc<Signer>>,
    /// The headers that its route says or takes off.
    routes: Option<Arc<[HeaderName]>>,
    /// Whether it comes on a stream of HTTP/2, which tells its end from its being given up.
    stream: bool,
    /// Of one whose sender waits to be asked for it.
    kept_back: Option<Box<KeptBack>>,
    /// What has passed, while it may have to be sent once more.
    passed: Option<Box<Passed>>,
}

/// How far an upload has come, for the clock that waits for the answer.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    /// When a frame last passed, in milliseconds since `begun`.
    last: AtomicU64,
    waits_for_client: AtomicBool,
    finished: AtomicBool,
    /// How many bytes may be, once there are more; else the largest number.
    too_large: AtomicU64,
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

    /// How many bytes may be, when it was cut for having more.
    pub(crate) fn too_large(&self) -> Option<u64> {
        Some(self.too_large.load(Ordering::Relaxed)).filter(|most| *most != u64::MAX)
    }

    fn frame_passed(&self) {
        let elapsed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
        self.waits_for_client.store(false, Ordering::Relaxed);
    }
}

impl Upload {
    /// The client's body, of `most` bytes. In its trailers nobody speaks for `signer`, nor in the headers of `routes`.
    pub(crate) fn new(
        body: Incoming,
        version: Version,
        most: Option<u64>,
        signer: Option<Arc<Signer>>,
        routes: Option<Arc<[HeaderName]>>,
    ) -> Self {
        if body.is_end_stream() {
            return Self::nothing();
        }
        let progress = Progress {
            begun: Instant::now(),
            last: AtomicU64::new(0),
            waits_for_client: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            too_large: AtomicU64::new(u64::MAX),
        };
        let progress = Some(Arc::new(progress));
        let client = Some(Measured::new(body, most));
        Self { client, progress, signer, routes, stream: version == Version::HTTP_2, kept_back: None, passed: None }
    }

    /// No body.
    pub(crate) const fn nothing() -> Self {
        Self { client: None, progress: None, signer: None, routes: None, stream: false, kept_back: None, passed: None }
    }

    /// From now on nobody looks for it before it is wanted.
    pub(crate) fn keep_back(&mut self) {
        if self.client.is_some() {
            self.kept_back = Some(Box::new(KeptBack::new()));
        }
    }

    /// How it stands with one that is, or was, kept back.
    pub(crate) fn expectation(&self) -> Option<&Arc<Expectation>> {
        self.kept_back.as_ref().map(|kept_back| kept_back.expectation())
    }

    /// Has it wait until it is asked for, or until nobody has for `patience`. None when it does not wait any more.
    pub(crate) fn wait_to_be_asked(&mut self, patience: Duration) -> Option<Arc<Expectation>> {
        let kept_back = self.kept_back.as_mut()?;
        kept_back.wait(patience).then(|| Arc::clone(kept_back.expectation()))
    }

    /// Ready when it may be looked for. One that nobody wants is let go of, so that its sender's connection knows.
    fn poll_asked(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UploadError>> {
        let Some(kept_back) = self.kept_back.as_mut().filter(|kept_back| !kept_back.was_asked_for()) else {
            return Poll::Ready(Ok(()));
        };
        match std::task::ready!(kept_back.poll(cx))? {
            Now::Asked => {
                // The wait was not the client's: its time begins here.
                if let Some(progress) = &self.progress {
                    progress.frame_passed();
                }
                Poll::Ready(Ok(()))
            }
            Now::Unwanted => {
                self.client = None;
                Poll::Pending
            }
        }
    }

    /// From now on it comes back when it is let go of, as long as little of it has passed. None when there is no body.
    pub(crate) fn want_back(&mut self) -> Option<Returned> {
        self.client.as_ref()?;
        let (back, returned) = oneshot::channel();
        let before = self.passed.take().map(|passed| passed.again).unwrap_or_default();
        self.passed = Some(Box::new(Passed { again: before, back: Some(back), ..Passed::default() }));
        Some(returned)
    }

    /// How many bytes are to be sent once more.
    fn again(&self) -> u64 {
        let frames = self.passed.as_ref().map(|passed| passed.again.iter());
        frames.into_iter().flatten().fold(0, |sum: u64, frame| sum.saturating_add(frame.len() as u64))
    }

    /// How far it has come; None when there is nothing to wait for.
    pub(crate) fn progress(&self) -> Option<Arc<Progress>> {
        self.progress.clone()
    }
}

/// Where an upload comes back.
pub(crate) type Returned = oneshot::Receiver<Upload>;

/// The beginning of an upload that may have to be sent once more.
#[derive(Debug, Default)]
struct Passed {
    /// What has passed before and is to be sent first.
    again: VecDeque<Bytes>,
    /// What has passed now.
    frames: VecDeque<Bytes>,
    size: usize,
    /// To whom it goes back; None when too much has passed.
    back: Option<oneshot::Sender<Upload>>,
}

impl Passed {
    fn note(&mut self, frame: &Frame<Bytes>) {
        let Some(back) = &self.back else { return };
        match frame.data_ref() {
            Some(data) if !back.is_closed() => {
                self.size = self.size.saturating_add(data.len());
                self.frames.push_back(data.clone());
            }
            // Trailers come at the very end, and nobody sends them in a hurry.
            _ => self.forget(),
        }
        if self.size > MOST_KEPT || self.frames.len() > MOST_FRAMES {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.back = None;
        self.frames = VecDeque::new();
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(passed) = self.passed.take() else { return };
        let Passed { again, mut frames, back: Some(back), .. } = *passed else { return };
        frames.extend(again);
        // Nobody waits for it any more: then this was the end of it.
        let _unwanted = back.send(Self {
            client: self.client.take(),
            progress: self.progress.take(),
            signer: self.signer.take(),
            routes: self.routes.take(),
            stream: self.stream,
            kept_back: self.kept_back.take(),
            passed: Some(Box::new(Passed { again: frames, ..Passed::default() })),
        });
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let this = &mut *self;
        if this.kept_back.is_some()
            && let Err(never) = std::task::ready!(this.poll_asked(cx))
        {
            return Poll::Ready(Some(Err(never)));
        }
        let Some(client) = &mut this.client else { return Poll::Ready(None) };
        if let Some(data) = this.passed.as_mut().and_then(|passed| passed.again.pop_front()) {
            let frame = Frame::data(data);
            if let Some(passed) = &mut this.passed {
                passed.note(&frame);
            }
            return Poll::Ready(Some(Ok(frame)));
        }
        let mut polled = Pin::new(&mut *client).poll_frame(cx);
        if this.stream && matches!(polled, Poll::Ready(None)) && !client.is_end_stream() {
            // The library takes a stream given up without an error for one that is at its end.
            polled = Poll::Ready(Some(Err(GivenUp.into())));
        }
        if let Some(progress) = &this.progress {
            match &polled {
                Poll::Pending => progress.waits_for_client.store(true, Ordering::Relaxed),
                Poll::Ready(Some(Ok(_))) => progress.frame_passed(),
                Poll::Ready(None | Some(Err(_))) => progress.finished.store(true, Ordering::Relaxed),
            }
            if let Poll::Ready(Some(Err(UploadError::TooLarge { most }))) = &polled {
                progress.too_large.store(*most, Ordering::Relaxed);
            }
        }
        if let Some(kept_back) = &this.kept_back {
            kept_back.note(&polled, client.is_end_stream());
        }
        if let Some(passed) = &mut this.passed {
            match &polled {
                Poll::Ready(Some(Ok(frame))) => passed.note(frame),
                Poll::Ready(Some(Err(_))) => passed.forget(),
                Poll::Ready(None) | Poll::Pending => {}
            }
        }
        polled.map_ok(|frame| match frame.into_trailers() {
            Ok(mut trailers) => {
                strip_hop_by_hop(&mut trailers);
                strip_reserved(&mut trailers);
                strip_impersonation(&mut trailers);
                for name in NEVER_BEHIND.iter().chain(this.routes.iter().flat_map(|names| names.iter())) {
                    trailers.remove(name);
                }
                if let Some(signer) = &this.signer {
                    signer.strip_claims(&mut trailers);
                }
                Frame::trailers(trailers)
            }
            Err(frame) => frame,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.again() == 0 && self.client.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.client.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        match (self.again(), hint.exact()) {
            (0, _) => {}
            (again, Some(left)) => hint = SizeHint::with_exact(left.saturating_add(again)),
            (_, None) => hint = SizeHint::default(),
        }
        hint
    }
}
