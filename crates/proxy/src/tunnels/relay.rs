//! Bytes both ways between a visitor and an upstream.
//!
//! An idle relay owns no buffer: reading borrows one that all relays of a thread share, and only what the other
//! side would not take at once is kept. Nothing more is read until it has been taken.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::held::End;

/// How much is read at once.
const CHUNK: usize = 32 * 1024;

thread_local! {
    /// Taken out while it is used, so that a relay polled from within another would only allocate its own.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The two ends and how far each direction has come.
#[derive(Debug)]
pub(super) struct Relay<C, U> {
    client: C,
    upstream: U,
    up: Direction,
    down: Direction,
    first: Option<End>,
}

#[derive(Debug, Default)]
struct Direction {
    /// Read, and not yet taken by the writer.
    waiting: Vec<u8>,
    taken: usize,
    moved: u64,
    to_flush: bool,
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The reader is at its end; the writer is being told.
    Closing,
    Closed,
}

enum Failed {
    Reading,
    Writing,
}

impl<C, U> Relay<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(client: C, upstream: U) -> Self {
        Self { client, upstream, up: Direction::default(), down: Direction::default(), first: None }
    }

    /// Moves what can be moved. Ready with who closed first once both are closed, or with who failed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let up = match self.up.poll(cx, &mut self.client, &mut self.upstream) {
            Poll::Ready(Err(Failed::Reading)) => return Poll::Ready(End::ClientFailed),
            Poll::Ready(Err(Failed::Writing)) => return Poll::Ready(End::UpstreamFailed),
            other => other.is_ready(),
        };
        if self.up.state != State::Open {
            self.first.get_or_insert(End::ClientClosed);
        }
        let down = match self.down.poll(cx, &mut self.upstream, &mut self.client) {
            Poll::Ready(Err(Failed::Reading)) => return Poll::Ready(End::UpstreamFailed),
            Poll::Ready(Err(Failed::Writing)) => return Poll::Ready(End::ClientFailed),
            other => other.is_ready(),
        };
        if self.down.state != State::Open {
            self.first.get_or_insert(End::UpstreamClosed);
        }
        match self.first {
            Some(first) if up && down => Poll::Ready(first),
            _ => Poll::Pending,
        }
    }

    /// Who closed first, once one has.
    pub(super) fn half_closed(&self) -> Option<End> {
        self.first
    }

    /// Bytes moved up and down so far.
    pub(super) fn moved(&self) -> (u64, u64) {
        (self.up.moved, self.down.moved)
    }

    /// Says goodbye on both sides, as far as their protocol has a word for it.
    pub(super) async fn close(mut self) {
        use tokio::io::AsyncWriteExt;
        let (_client_gone, _upstream_gone) = tokio::join!(self.client.shutdown(), self.upstream.shutdown());
    }
}

impl Direction {
    fn poll<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<Result<(), Failed>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            ready!(self.poll_waiting(cx, writer)).map_err(|_| Failed::Writing)?;
            match self.state {
                State::Open => {
                    if let Poll::Ready(read) = self.poll_chunk(cx, reader, writer) {
                        read?;
                    } else {
                        if self.to_flush {
                            ready!(Pin::new(&mut *writer).poll_flush(cx)).map_err(|_| Failed::Writing)?;
                            self.to_flush = false;
                        }
                        return Poll::Pending;
                    }
                }
                State::Closing => {
                    ready!(Pin::new(&mut *writer).poll_shutdown(cx)).map_err(|_| Failed::Writing)?;
                    self.state = State::Closed;
                }
                State::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Writes what was left over, and lets its memory go.
    fn poll_waiting<W: AsyncWrite + Unpin>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<io::Result<()>> {
        while let Some(rest) = self.waiting.get(self.taken..).filter(|rest| !rest.is_empty()) {
            let taken = ready!(Pin::new(&mut *writer).poll_write(cx, rest))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.taken += taken;
            self.moved += taken as u64;
            self.to_flush = true;
        }
        if !self.waiting.is_empty() {
            self.waiting = Vec::new();
            self.taken = 0;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and writes as much of it as is taken.
    fn poll_chunk<R, W>(&mut self, cx: &mut Context<'_>, reader: &mut R, writer: &mut W) -> Poll<Result<(), Failed>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut scratch = SCRATCH.take();
        scratch.resize(CHUNK, 0);
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = Pin::new(reader).poll_read(cx, &mut buffer);
        let outcome = match read {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(Err(Failed::Reading)),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                self.state = State::Closing;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) => Poll::Ready(self.write_now(cx, buffer.filled(), writer)),
        };
        SCRATCH.set(scratch);
        outcome
    }

    fn write_now<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        mut chunk: &[u8],
        writer: &mut W,
    ) -> Result<(), Failed> {
        while !chunk.is_empty() {
            match Pin::new(&mut *writer).poll_write(cx, chunk) {
                Poll::Ready(Ok(0) | Err(_)) => return Err(Failed::Writing),
                Poll::Ready(Ok(taken)) => {
                    chunk = chunk.get(taken..).unwrap_or_default();
                    self.moved += taken as u64;
                    self.to_flush = true;
                }
                Poll::Pending => {
                    self.waiting = chunk.to_vec();
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
