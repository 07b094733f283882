//! HTTP/1.1 as bytes: just enough of it, by hand, to see and send what a library would hide or refuse.

use std::io::{Error, ErrorKind};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head read.
const LONGEST_HEAD: usize = 1 << 20;

/// Header or trailer lines in the order they came, names as they were written.
pub(crate) type Lines = Vec<(String, String)>;

/// The values of all lines of this name.
pub(crate) fn all<'a>(lines: &'a Lines, name: &str) -> Vec<&'a str> {
    lines.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
}

/// The value of the first line of this name.
pub(crate) fn first<'a>(lines: &'a Lines, name: &str) -> Option<&'a str> {
    all(lines, name).first().copied()
}

/// How a body says where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// Reads heads and bodies off a stream.
pub(crate) struct Reader<R> {
    pub(crate) stream: R,
    pub(crate) buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// The start line and the header lines; none when the stream ends before the first byte.
    pub(crate) async fn head(&mut self) -> std::io::Result<Option<(String, Lines)>> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            // TLS to somebody who has none: nothing that ends in an empty line will ever come.
            if self.buffer.len() > LONGEST_HEAD || self.buffer.first() == Some(&0x16) {
                return Err(Error::other("this is no head"));
            }
            if self.more().await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        };
        let head = self.buffer.split_to(end);
        self.buffer.advance(4);
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        Ok(Some((start, lines.map(split_line).collect())))
    }

    /// Reads a body, handing over each piece as it comes; gives the trailers.
    pub(crate) async fn body(&mut self, framing: Framing, mut piece: impl FnMut(&[u8])) -> std::io::Result<Lines> {
        match framing {
            Framing::Length(length) => self.exactly(length, &mut piece).await.map(|()| Lines::new()),
            Framing::UntilClose => loop {
                piece(&self.buffer.split());
                if self.more().await? == 0 {
                    return Ok(Lines::new());
                }
            },
            Framing::Chunked => loop {
                let size = self.line().await?;
                let digits = size.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(digits, 16).map_err(Error::other)?;
                if size == 0 {
                    return self.trailers().await;
                }
                self.exactly(size, &mut piece).await?;
                self.line().await?;
            },
        }
    }

    /// Everything until the other side closes.
    pub(crate) async fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        while self.more().await? > 0 {}
        Ok(self.buffer.split().to_vec())
    }

    /// Reads once more into the buffer; zero means the end.
    pub(crate) async fn more(&mut self) -> std::io::Result<usize> {
        self.buffer.reserve(64 * 1024);
        self.stream.read_buf(&mut self.buffer).await
    }

    async fn line(&mut self) -> std::io::Result<String> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.some().await?;
        }
    }

    async fn trailers(&mut self) -> std::io::Result<Lines> {
        let mut lines = Lines::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(lines);
            }
            lines.push(split_line(&line));
        }
    }

    async fn exactly(&mut self, mut left: u64, piece: &mut impl FnMut(&[u8])) -> std::io::Result<()> {
        while left > 0 {
            if self.buffer.is_empty() {
                self.some().await?;
            }
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            piece(&self.buffer.split_to(take));
            left -= take as u64;
        }
        Ok(())
    }

    /// Reads some more; the end is an error.
    pub(crate) async fn some(&mut self) -> std::io::Result<()> {
        if self.more().await? == 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn split_line(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_owned(), value.trim().to_owned())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// SHA-256 as hexadecimal digits.
pub(crate) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
