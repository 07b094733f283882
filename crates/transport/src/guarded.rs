//! A connection's byte stream, watched: when something arrives, what frames it, and when a write does not get on.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::admission::Place;
use crate::framing::Framing;
use crate::watch::Watch;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much of what a client still sends is read and dropped after our last byte. Browsers on HTTP/1.1 read no answer
/// before their upload is through.
const DROPPED: usize = 64 * 1024 * 1024;
/// The same of HTTP/2, where streams end by themselves and a connection is closed only on whoever floods it.
const DROPPED_OF_HTTP2: usize = 256 * 1024;
/// How much of it a client has to send in the time that a connection lingers, to be listened to for as long again.
const PACE: usize = 64 * 1024;

/// The stream with its watch, and its place among the listener's connections: a tunnel keeps both.
#[derive(Debug)]
pub(crate) struct Guarded<S> {
    stream: S,
    watch: Arc<Watch>,
    shut: bool,
    dropped: usize,
    /// What was read to find out what is spoken; whoever speaks it gets it first.
    begun: Vec<u8>,
    /// None for HTTP/2, where frames have lengths.
    framing: Option<Framing>,
    _place: Place,
}

impl<S> Guarded<S> {
    pub(crate) fn new(stream: S, watch: Arc<Watch>, begun: Vec<u8>, place: Place) -> Self {
        let framing = watch.reads_heads().then(Framing::default);
        Self { stream, watch, shut: false, dropped: 0, begun, framing, _place: place }
    }

    /// Takes note of what arrived.
    fn received(&mut self, bytes: &[u8]) {
        self.watch.received();
        if let Some(framing) = &mut self.framing
            && !self.watch.is_upgraded()
            && let Some(head) = framing.follow(bytes)
        {
            self.watch.framed_twice(head);
        }
    }

    fn noting<T>(&self, outcome: Poll<T>) -> Poll<T> {
        match outcome {
            Poll::Pending => self.watch.write_stalled(),
            Poll::Ready(_) => self.watch.write_went_on(),
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let outcome = if self.begun.is_empty() {
            Pin::new(&mut self.stream).poll_read(cx, into)
        } else {
            let here = self.begun.len().min(into.remaining());
            let rest = self.begun.split_off(here);
            into.put_slice(&std::mem::replace(&mut self.begun, rest));
            Poll::Ready(Ok(()))
        };
        match into.filled().get(before..) {
            None | Some([]) => {}
            Some(bytes) => self.received(bytes),
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, from);
        self.noting(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, from);
        self.noting(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.noting(outcome)
    }

    /// Closes our direction, then waits for the client to close its own: closing a socket with bytes unread
    /// resets the connection, and the client may never see an answer that refuses what it was still sending.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
            ready!(self.noting(outcome))?;
            self.shut = true;
        }
        if self.watch.is_upgraded() {
            return Poll::Ready(Ok(()));
        }
        self.watch.closing();
        let mut scratch = [0; 16 * 1024];
        let most = if self.framing.is_some() { DROPPED } else { DROPPED_OF_HTTP2 };
        while self.dropped < most && !self.watch.has_lingered() {
            let mut scratch = ReadBuf::new(&mut scratch);
            // An error here is the client's, and the end as well.
            let Ok(()) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scratch)) else {
                break;
            };
            if scratch.filled().is_empty() {
                break;
            }
            let paces = self.dropped / PACE;
            self.dropped += scratch.filled().len();
            if self.dropped / PACE > paces {
                self.watch.lingering();
            }
        }
        Poll::Ready(Ok(()))
    }
}
