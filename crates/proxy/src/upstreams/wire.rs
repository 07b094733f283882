//! The byte stream to an upstream: over the network or a socket of this machine, with or without TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use super::tls::HTTP2;

/// One connected stream.
#[derive(Debug)]
pub(crate) enum Wire {
    /// `http://` and `h2c://`
    Tcp(TcpStream),
    /// `unix://`
    Unix(UnixStream),
    /// `https://`; boxed, since the TLS state is over a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
    /// `https+unix://`
    TlsUnix(Box<TlsStream<UnixStream>>),
}

/// The same of each kind.
macro_rules! each {
    ($wire:expr, $stream:ident => $what:expr) => {
        match $wire {
            Wire::Tcp($stream) => $what,
            Wire::Unix($stream) => $what,
            Wire::Tls($stream) => $what,
            Wire::TlsUnix($stream) => $what,
        }
    };
}

impl Wire {
    /// Whether TLS has settled on HTTP/2.
    pub(super) fn chose_http2(&self) -> bool {
        let chosen = match self {
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol(),
            Self::TlsUnix(stream) => stream.get_ref().1.alpn_protocol(),
            Self::Tcp(_) | Self::Unix(_) => None,
        };
        chosen == Some(HTTP2)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}
