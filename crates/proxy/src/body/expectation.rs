//! `Expect: 100-continue` (RFC 9110 §10.1.1): a body that its sender keeps back until somebody wants it.
//!
//! The server library asks for a body as soon as anybody looks for it, so nobody looks before the upstream has said that
//! it wants it, or has said nothing for a while. Refuses to ask once there is an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::header::EXPECT;
use http::{HeaderMap, Version};
use http_body::Frame;
use tokio::time::Sleep;

/// Nobody has said anything yet.
const KEPT_BACK: u8 = 0;
/// It is wanted.
const ASKED_FOR: u8 = 1;
/// It has come, to its end.
const COME: u8 = 2;
/// The answer came first; it is never asked for any more.
const UNWANTED: u8 = 3;
/// And that answer is over.
const OVER: u8 = 4;

/// Whether a request's head expects to be told to go on. What else may be expected is nothing that anybody knows, and the
/// oldest of clients expect nothing (RFC 9110 §10.1.1). Of HTTP/2 none of the libraries says 100: such a body comes when
/// its sender sends it.
pub(crate) fn is_said(headers: &HeaderMap, version: Version) -> bool {
    version == Version::HTTP_11
        && headers.get_all(EXPECT).iter().any(|line| line.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// How it stands with a body that is kept back. Shared by all who have to do with it.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    stands: AtomicU8,
    looking: AtomicWaker,
}

impl Expectation {
    /// The upstream wants it.
    pub(crate) fn ask(&self) {
        self.move_on(KEPT_BACK, ASKED_FOR);
    }

    /// There is an answer, or there will be none of the upstream's.
    pub(crate) fn answered(&self) {
        self.move_on(KEPT_BACK, UNWANTED);
    }

    /// Whether it came to its end. Until it has, nobody can tell where the next request begins: a client that was answered
    /// first may send the body all the same, or never.
    pub(crate) fn is_met(&self) -> bool {
        self.stands.load(Ordering::Acquire) == COME
    }

    fn move_on(&self, from: u8, to: u8) {
        if self.stands.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.looking.wake();
        }
    }
}

/// The answer to a request whose body may never be asked for. The connection to the upstream waits for that body; when
/// this is dropped, it waits no more.
#[derive(Debug)]
pub(crate) struct Unasked(Arc<Expectation>);

impl Unasked {
    pub(crate) fn of(expectation: Arc<Expectation>) -> Self {
        Self(expectation)
    }
}

impl Drop for Unasked {
    fn drop(&mut self) {
        self.0.move_on(UNWANTED, OVER);
    }
}

/// The answer was over before the body was asked for.
#[derive(Debug, thiserror::Error)]
#[error("the body was never asked for")]
pub(crate) struct NeverAsked;

/// What an upload waits with.
#[derive(Debug)]
pub(super) struct KeptBack {
    expectation: Arc<Expectation>,
    /// How long an upstream may be silent.
    patience: Duration,
    clock: Option<Pin<Box<Sleep>>>,
    was_asked_for: bool,
}

/// What became of a body that was kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Now {
    /// It is wanted.
    Asked,
    /// It is not, and whoever has it should let go of it.
    Unwanted,
}

impl KeptBack {
    pub(super) fn new() -> Self {
        Self { expectation: Arc::default(), patience: Duration::ZERO, clock: None, was_asked_for: false }
    }

    pub(super) fn expectation(&self) -> &Arc<Expectation> {
        &self.expectation
    }

    /// From when it is next looked for, the upstream may be silent for so long. False when it is not kept back any more.
    pub(super) fn wait(&mut self, patience: Duration) -> bool {
        (self.patience, self.clock) = (patience, None);
        self.expectation.stands.load(Ordering::Acquire) == KEPT_BACK
    }

    /// What has become of it; an error when it was unwanted and the answer is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Now, NeverAsked>> {
        // Before it is looked: what changes after that wakes.
        self.expectation.looking.register(cx.waker());
        if self.expectation.stands.load(Ordering::Acquire) == KEPT_BACK {
            let patience = self.patience;
            let clock = self.clock.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
            std::task::ready!(clock.as_mut().poll(cx));
            self.expectation.ask();
        }
        Poll::Ready(match self.expectation.stands.load(Ordering::Acquire) {
            UNWANTED => Ok(Now::Unwanted),
            OVER => Err(NeverAsked),
            _ => {
                (self.was_asked_for, self.clock) = (true, None);
                Ok(Now::Asked)
            }
        })
    }

    /// Whether it was found to be wanted.
    pub(super) fn was_asked_for(&self) -> bool {
        self.was_asked_for
    }

    /// What came of it, and whether that was the last.
    pub(super) fn note<E>(&self, polled: &Poll<Option<Result<Frame<Bytes>, E>>>, is_last: bool) {
        let is_last = match polled {
            Poll::Ready(None) => true,
            Poll::Ready(Some(Ok(frame))) => is_last || frame.is_trailers(),
            Poll::Pending | Poll::Ready(Some(Err(_))) => false,
        };
        if is_last {
            self.expectation.move_on(ASKED_FOR, COME);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_one_expectation_there_is_is_one() {
        let is = |line: &'static str, version| {
            is_said(&HeaderMap::from_iter([(EXPECT, HeaderValue::from_static(line))]), version)
        };
        assert!(is("100-continue", Version::HTTP_11) && is("100-Continue", Version::HTTP_11));
        assert!(!is("100-continue", Version::HTTP_10) && !is("100-continue", Version::HTTP_2));
        for line in ["", "100-continue, 100-continue", "y 100-continue", "100-continue;q=1", "417", "200-ok"] {
            assert!(!is(line, Version::HTTP_11), "{line}");
        }
        assert!(!is_said(&HeaderMap::new(), Version::HTTP_11));
    }

    #[tokio::test]
    async fn what_comes_first_decides() {
        let cx = &mut Context::from_waker(Waker::noop());
        let waiting = || {
            let mut kept = KeptBack::new();
            assert!(kept.wait(Duration::from_secs(1)));
            kept
        };
        let mut asked = waiting();
        assert!(asked.poll(cx).is_pending());
        asked.expectation.ask();
        asked.expectation.answered();
        assert_eq!(asked.poll(cx).map(Result::unwrap), Poll::Ready(Now::Asked));
        assert!(!asked.expectation.is_met() && !asked.wait(Duration::ZERO));
        let last: Poll<Option<Result<_, NeverAsked>>> = Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))));
        asked.note(&last, false);
        assert!(!asked.expectation.is_met());
        asked.note(&last, true);
        assert!(asked.expectation.is_met());

        let mut unwanted = waiting();
        assert!(unwanted.poll(cx).is_pending());
        unwanted.expectation.answered();
        unwanted.expectation.ask();
        unwanted.note(&last, true);
        assert!(!unwanted.expectation.is_met());
        assert_eq!(unwanted.poll(cx).map(Result::unwrap), Poll::Ready(Now::Unwanted));
        drop(Unasked::of(Arc::clone(&unwanted.expectation)));
        assert!(matches!(unwanted.poll(cx), Poll::Ready(Err(NeverAsked))));

        let mut silent = waiting();
        assert!(silent.wait(Duration::from_millis(30)));
        let started = tokio::time::Instant::now();
        assert_eq!(std::future::poll_fn(|cx| silent.poll(cx)).await.unwrap(), Now::Asked);
        assert!(started.elapsed() >= Duration::from_millis(30));
    }
}
