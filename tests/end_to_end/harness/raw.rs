//! A client that sends exactly the bytes it is given, over TLS with any name, or without TLS.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::tls::{Undemanding, shake_hands};
use super::wire::{self, Framing, Lines, Reader};
use super::within;

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + std::fmt::Debug> Io for T {}

/// An open connection. Nothing on it waits longer than the harness's patience.
pub(crate) struct Raw {
    reader: Reader<Box<dyn Io>>,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) headers: Lines,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Lines,
}

impl RawAnswer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        wire::first(&self.headers, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Raw {
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Self::over(within("connecting", TcpStream::connect(address)).await.unwrap())
    }

    /// TLS with `host` as SNI.
    pub(crate) async fn tls(address: SocketAddr, host: &str) -> Self {
        Self::try_tls(address, Some(host), &["http/1.1"]).await.unwrap()
    }

    /// TLS with or without SNI; fails as the handshake does.
    pub(crate) async fn try_tls(address: SocketAddr, sni: Option<&str>, alpn: &[&str]) -> std::io::Result<Self> {
        let stream = within("connecting", TcpStream::connect(address)).await?;
        let config = Undemanding::new(alpn, rustls::ALL_VERSIONS).config;
        Ok(Self::over(within("shaking hands", shake_hands(config, stream, sni)).await?))
    }

    /// TLS with these settings.
    pub(crate) async fn tls_like(
        address: SocketAddr,
        host: &str,
        config: rustls::ClientConfig,
    ) -> std::io::Result<Self> {
        let stream = within("connecting", TcpStream::connect(address)).await?;
        Ok(Self::over(within("shaking hands", shake_hands(config, stream, Some(host))).await?))
    }

    /// From another address of loopback, as `127.0.0.2`; these bytes in the clear, and TLS behind them if a host is named.
    pub(crate) async fn from(own: [u8; 4], to: SocketAddr, before: &[u8], host: Option<&str>) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((own, 0)))?;
        let mut stream = within("connecting", socket.connect(to)).await?;
        stream.write_all(before).await?;
        if host.is_none() {
            return Ok(Self::over(stream));
        }
        let config = Undemanding::new(&["http/1.1"], rustls::ALL_VERSIONS).config;
        Ok(Self::over(within("shaking hands", shake_hands(config, stream, host)).await?))
    }

    fn over(stream: impl Io + 'static) -> Self {
        Self { reader: Reader::new(Box::new(stream)) }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the connection is still open");
    }

    pub(crate) async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        let stream = &mut self.reader.stream;
        within("sending", async {
            stream.write_all(bytes.as_ref()).await?;
            stream.flush().await
        })
        .await
    }

    /// The next answer, to a request that was no HEAD.
    pub(crate) async fn answer(&mut self) -> RawAnswer {
        self.answer_to("GET").await.expect("an answer")
    }

    /// The next final answer; fails when the connection ends first.
    pub(crate) async fn answer_to(&mut self, method: &str) -> std::io::Result<RawAnswer> {
        loop {
            let answer = self.any_answer_to(method).await?;
            if answer.status == 101 || answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    /// The next answer, a 100 too.
    pub(crate) async fn any_answer_to(&mut self, method: &str) -> std::io::Result<RawAnswer> {
        within("waiting for an answer", async {
            let (line, headers) = self.reader.head().await?.ok_or(ErrorKind::UnexpectedEof)?;
            let status: u16 = line
                .split(' ')
                .nth(1)
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(|| std::io::Error::other(format!("no status line: {line:?}")))?;
            let bodiless = method == "HEAD" || status < 200 || status == 204 || status == 304;
            let length = wire::first(&headers, "content-length").and_then(|length| length.parse().ok());
            let framing = match length {
                _ if bodiless => Framing::Length(0),
                _ if wire::first(&headers, "transfer-encoding").is_some() => Framing::Chunked,
                Some(length) => Framing::Length(length),
                None => Framing::UntilClose,
            };
            let mut body = Vec::new();
            let trailers = self.reader.body(framing, |piece| body.extend_from_slice(piece)).await?;
            Ok(RawAnswer { status, headers, body, trailers })
        })
        .await
    }

    /// Only the head of the next answer; its body stays to be read.
    pub(crate) async fn head(&mut self) -> (String, Lines) {
        within("waiting for a head", self.reader.head()).await.unwrap().expect("a head")
    }

    /// Whatever comes next, at least a byte; empty at the end of the stream.
    pub(crate) async fn some(&mut self) -> Vec<u8> {
        if self.reader.buffer.is_empty() {
            let _end = within("waiting for bytes", self.reader.more()).await;
        }
        self.reader.buffer.split().to_vec()
    }

    /// The next `count` bytes; fails when fewer come.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        within("waiting for bytes", async {
            while self.reader.buffer.len() < count {
                self.reader.some().await.expect("bytes, not the end");
            }
        })
        .await;
        self.reader.buffer.split_to(count).to_vec()
    }

    /// All that still comes until the other side closes. Whether it closes cleanly is all one.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        within("waiting for the end", self.reader.rest()).await.unwrap_or_default()
    }

    /// The stream, with what was read ahead.
    pub(crate) fn into_parts(self) -> (Box<dyn Io>, Vec<u8>) {
        (self.reader.stream, self.reader.buffer.to_vec())
    }
}
