//! How an upstream that is spoken to in HTTP/2 begins.
//!
//! The first thing it says is its settings, and until they are here nobody knows how many requests it takes at once. What
//! comes instead, an answer in HTTP/1.1, an alert about our certificate, or the end, is the reason to be told.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

use super::wire::Wire;

/// What came first.
#[derive(Debug)]
pub(super) enum First {
    /// Bytes that may be HTTP/2.
    Bytes,
    /// An answer in HTTP/1.
    Http1,
    /// The end.
    End,
    /// An error.
    Failed(io::Error),
}

/// Tells what came first.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    first: Mutex<Option<First>>,
    arrived: Notify,
}

impl Greeting {
    /// Waits for it; to be asked once.
    pub(super) async fn first(&self) -> First {
        self.arrived.notified().await;
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(First::End)
    }

    fn note(&self, first: First) {
        *self.first.lock().unwrap_or_else(PoisonError::into_inner) = Some(first);
        self.arrived.notify_one();
    }
}

/// A stream of which the first bytes are looked at in passing.
#[derive(Debug)]
pub(super) struct Greeted {
    wire: Wire,
    greeting: Option<Arc<Greeting>>,
}

impl Greeted {
    pub(super) fn new(wire: Wire) -> (Self, Arc<Greeting>) {
        let greeting = Arc::<Greeting>::default();
        (Self { wire, greeting: Some(Arc::clone(&greeting)) }, greeting)
    }
}

impl AsyncRead for Greeted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.wire).poll_read(cx, buf);
        let Poll::Ready(read) = read else { return Poll::Pending };
        let Some(greeting) = this.greeting.take() else { return Poll::Ready(read) };
        let (first, read) = match (read, buf.filled().get(before..).unwrap_or_default()) {
            (Ok(()), []) => (First::End, Ok(())),
            (Ok(()), bytes) if bytes.starts_with(b"HTTP/1") => (First::Http1, Ok(())),
            (Ok(()), _) => (First::Bytes, Ok(())),
            (Err(error), _) => {
                let same = io::Error::from(error.kind());
                (First::Failed(error), Err(same))
            }
        };
        greeting.note(first);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Greeted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(cx)
    }
}
