//! Requests under way, from their head to the last byte of their answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::{BoxError, ProxyBody};

/// How many there are.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(AtomicUsize);

impl UnderWay {
    /// One more, until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Place {
        let number = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        Place { under_way: Arc::clone(self), number }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Place {
    under_way: Arc<UnderWay>,
    number: usize,
}

impl Place {
    /// How many there were with this one when it came.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// An answer's body with the place of its request: that is over when nobody reads the body any more. After a 101 it has
    /// none, and what is a tunnel from then on is no request.
    pub(crate) fn until_the_end_of(self, body: ProxyBody) -> AnswerBody {
        AnswerBody { body, _place: self }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.under_way.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer. Its request is under way until this is dropped.
#[derive(Debug)]
pub struct AnswerBody {
    body: ProxyBody,
    _place: Place,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
