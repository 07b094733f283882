//! Taking the header off a connection, and not a byte of what follows it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{FIXED, InvalidProxyHeader, LONGEST_V1, SIGNATURE, Told, parse_v1, parse_v2, rest_of_v2};

/// Reads one header. How long that may take is for the caller to say.
///
/// # Errors
/// Of [`io::ErrorKind::InvalidData`] when there is none or a bad one; else the stream's own.
pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Told> {
    let invalid = |error: InvalidProxyHeader| io::Error::new(io::ErrorKind::InvalidData, error);
    // The shortest header of version 1 is longer than this.
    let mut signature = [0; SIGNATURE.len()];
    stream.read_exact(&mut signature).await?;
    if signature == SIGNATURE {
        let mut fixed = [0; FIXED];
        let (start, end) = fixed.split_at_mut(SIGNATURE.len());
        start.copy_from_slice(&signature);
        stream.read_exact(end).await?;
        let mut rest = vec![0; rest_of_v2(&fixed).map_err(invalid)?];
        stream.read_exact(&mut rest).await?;
        return parse_v2(&fixed, &rest).map_err(invalid);
    }
    if !signature.starts_with(b"PROXY ") {
        return Err(invalid(InvalidProxyHeader::NotOne));
    }
    // Byte by byte: where it ends is not known before, and what follows is not ours to take.
    let mut line = signature.to_vec();
    while line.last() != Some(&b'\n') {
        if line.len() >= LONGEST_V1 {
            return Err(invalid(InvalidProxyHeader::TooLong));
        }
        line.push(stream.read_u8().await?);
    }
    parse_v1(&line).map_err(invalid)
}
