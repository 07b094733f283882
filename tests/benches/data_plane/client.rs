//! The client of the load: one connection, one request at a time, everything of the answer read and nothing kept.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::{ClientConfig, RootCertStore, version};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a server is.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// None without TLS.
    pub(crate) tls: Option<TlsConnector>,
}

/// What a client trusts and offers: TLS 1.3, X25519 alone so that every server does the same work, and no resumption.
pub(crate) fn connector(roots: RootCertStore) -> TlsConnector {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::X25519];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// Bytes both ways, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// One connection.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    buffer: Box<[u8]>,
}

/// An answer, as far as anybody here looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: u64,
}

impl Target {
    pub(crate) async fn connect(&self, host: &str) -> io::Result<Connection> {
        self.connect_with(host, 32 * 1024).await
    }

    /// A connection that reads at most so many bytes at once.
    pub(crate) async fn connect_with(&self, host: &str, buffer: usize) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(tls.connect(name, tcp).await?),
            None => Box::new(tcp),
        };
        Ok(Connection { stream, buffer: vec![0; buffer].into_boxed_slice() })
    }
}

impl Connection {
    /// Sends a request and reads its answer to the end.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.send(request).await?;
        self.answer().await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let mut filled = 0;
        let (head, length) = loop {
            let read = self.stream.read(self.buffer.get_mut(filled..).unwrap_or_default()).await?;
            if read == 0 {
                return Err(io::Error::other(format!("closed within a head: {:?}", self.text(filled))));
            }
            filled += read;
            if let Some(end) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
                break (end + 4, filled);
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).map_err(io::Error::other)?;
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not an answer: {text:?}")))?;
        if status == 101 {
            return Ok(Answer { status, body: 0 });
        }
        let expected = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
        });
        let expected = expected.ok_or_else(|| io::Error::other(format!("no length: {text:?}")))?;
        let mut body = (length - head) as u64;
        while body < expected {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err(io::Error::other(format!("closed after {body} of {expected} bytes of a body")));
            }
            body += read as u64;
        }
        Ok(Answer { status, body })
    }

    /// Sends a request and reads the head of its answer; the connection is of no use afterwards.
    pub(crate) async fn head(mut self, request: &[u8]) -> io::Result<String> {
        self.send(request).await?;
        let mut head = Vec::new();
        while !head.windows(4).any(|four| four == b"\r\n\r\n") {
            let read = self.stream.read(&mut self.buffer).await?;
            if read == 0 {
                return Err(io::Error::other("closed within a head"));
            }
            head.extend_from_slice(&self.buffer[..read]);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// Reads so many bytes of whatever comes.
    pub(crate) async fn read(&mut self, many: usize) -> io::Result<()> {
        let into = self.buffer.get_mut(..many).ok_or_else(|| io::Error::other("too much"))?;
        self.stream.read_exact(into).await.map(|_| ())
    }

    fn text(&self, filled: usize) -> String {
        String::from_utf8_lossy(&self.buffer[..filled]).into_owned()
    }
}
