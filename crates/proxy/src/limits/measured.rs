//! A visitor's body, measured as it comes.
//!
//! Refuses: one byte more than the route takes. Whoever reads gets an error then, and gives its connection up.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::body::{GivenUp, NeverAsked};

/// What ends an upload before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// The visitor's connection broke.
    #[error(transparent)]
    Client(#[from] hyper::Error),
    /// Its stream was given up.
    #[error(transparent)]
    GivenUp(#[from] GivenUp),
    /// Nobody wanted it.
    #[error(transparent)]
    NeverAsked(#[from] NeverAsked),
    /// It is longer than may be.
    #[error("the request's body is longer than {most} bytes")]
    TooLarge {
        /// How many bytes may be.
        most: u64,
    },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Measured {
    body: Incoming,
    most: Option<u64>,
    passed: u64,
}

impl Measured {
    /// Lets `most` bytes pass; none for any number.
    pub(crate) fn new(body: Incoming, most: Option<u64>) -> Self {
        Self { body, most, passed: 0 }
    }
}

impl Body for Measured {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.passed = self.passed.saturating_add(data.len() as u64);
            if let Some(most) = self.most.filter(|most| self.passed > *most) {
                return Poll::Ready(Some(Err(UploadError::TooLarge { most })));
            }
        }
        Poll::Ready(polled.map(|polled| polled.map_err(UploadError::Client)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
