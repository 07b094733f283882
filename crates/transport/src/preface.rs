//! Whether a connection in the clear begins with HTTP/2: by prior knowledge (RFC 9113 §3.3), as balancers that end TLS do.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::peer::Protocol;

/// What an HTTP/2 client sends first (RFC 9113 §3.4). No method of HTTP/1.1 begins so.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads no more than it takes to know, and gives what was read: whoever serves the connection needs it first.
///
/// # Errors
/// The stream's own.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<(Protocol, Vec<u8>)> {
    let mut read = Vec::with_capacity(PREFACE.len());
    loop {
        let missing = PREFACE.len() - read.len();
        let ended = (&mut *stream).take(missing as u64).read_buf(&mut read).await? == 0;
        if read == PREFACE {
            return Ok((Protocol::Http2, read));
        }
        if ended || !PREFACE.starts_with(&read) {
            return Ok((Protocol::Http1, read));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_told_apart_however_it_comes() {
        for (bytes, protocol) in [
            (&PREFACE[..], Protocol::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04", Protocol::Http2),
            (b"PRI * HTTP/1.1\r\n\r\n", Protocol::Http1),
            (b"POST / HTTP/1.1\r\n", Protocol::Http1),
            (b"PRI", Protocol::Http1),
            (b"", Protocol::Http1),
        ] {
            for size in [1, 7, 100] {
                let pieces = bytes.chunks(size).map(Ok::<_, io::Error>);
                let mut stream = tokio_util::io::StreamReader::new(futures_util::stream::iter(pieces));
                let (found, read) = read(&mut stream).await.unwrap();
                assert_eq!(found, protocol, "{bytes:?}");
                assert!(bytes.starts_with(&read) && read.len() <= PREFACE.len());
            }
        }
    }
}
