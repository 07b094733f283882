//! The bodies that pass through: an upload towards an upstream, a download from one, and our own pages.
//!
//! Nothing is gathered or copied: a frame is handed on when the other side asks for it, so a slow reader slows
//! the writer and nothing piles up here.

mod download;
mod expectation;
mod upload;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
pub use doorward_transport::BoxError;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

pub(crate) use download::Download;
pub(crate) use expectation::{Expectation, NeverAsked, Unasked, is_said as is_kept_back};
pub(crate) use upload::{GivenUp, Progress, Returned, Upload};

/// The body of every answer.
pub struct ProxyBody(Kind);

enum Kind {
    /// All there is, or nothing any more.
    Full(Bytes),
    /// From an upstream.
    Download(Box<Download>),
    /// From one of our own endpoints.
    Boxed(UnsyncBoxBody<Bytes, BoxError>),
}

impl ProxyBody {
    /// No body.
    pub const fn empty() -> Self {
        Self(Kind::Full(Bytes::new()))
    }

    /// A body that is there already.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Full(bytes.into()))
    }

    /// Any other body, for our own endpoints.
    pub fn boxed<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Kind::Boxed(body.map_err(Into::into).boxed_unsync()))
    }

    pub(crate) fn download(download: Box<Download>) -> Self {
        Self(Kind::Download(download))
    }
}

impl fmt::Debug for ProxyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Full(_) => "ProxyBody::Full",
            Kind::Download(_) => "ProxyBody::Download",
            Kind::Boxed(_) => "ProxyBody::Boxed",
        })
    }
}

impl Body for ProxyBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            Kind::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Download(download) => download.poll_frame(cx),
            Kind::Boxed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Download(download) => download.is_end_stream(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Download(download) => download.size_hint(),
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}
