//! Asking the doorward that runs, over its socket.
//!
//! Refuses: to wait for ever, and answers that never end.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::protocol::{Answer, LONGEST_ANSWER, PATIENCE, Request};
use super::socket_of;

/// How long connecting may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// Why the doorward that runs could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// There is no socket, or nobody behind it.
    #[error("nobody listens at {path}", path = .0.display())]
    Nobody(PathBuf),
    /// No process can have a socket there.
    #[error("{path} is too long a path for a socket (about a hundred bytes)", path = .0.display())]
    TooLong(PathBuf),
    /// The socket is another user's.
    #[error(
        "you may not open {path}: it is for the user who runs doorward, and for root\n    \
         Run this command as that user, for example with `sudo -u doorward`.", path = .0.display()
    )]
    NotAllowed(PathBuf),
    /// It was heard, and then there was silence.
    #[error("the running doorward does not answer at {path}: {source}", path = .path.display())]
    Silence {
        /// The socket.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
}

/// Asks whoever runs on this data directory.
///
/// # Errors
/// [`AskError`].
pub(super) async fn ask(data_dir: &Path, request: &Request) -> Result<Answer, AskError> {
    let path = socket_of(data_dir);
    if std::os::unix::net::SocketAddr::from_pathname(&path).is_err() {
        return Err(AskError::TooLong(path));
    }
    let silence = |source| AskError::Silence { path: path.clone(), source };
    let connected = within(CONNECTED_WITHIN, UnixStream::connect(&path)).await;
    let mut stream = connected.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::Nobody(path.clone()),
        io::ErrorKind::PermissionDenied => AskError::NotAllowed(path.clone()),
        _ => silence(error),
    })?;
    let mut line = serde_json::to_vec(request).map_err(|error| silence(error.into()))?;
    line.push(b'\n');
    match within(CONNECTED_WITHIN, stream.write_all(&line)).await {
        // It has answered already: that is how it treats strangers.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(silence(error)),
        Ok(()) | Err(_) => {}
    }
    let mut reader = BufReader::new(stream).take(LONGEST_ANSWER as u64);
    loop {
        line.clear();
        if whole_line(&mut reader, &mut line).await.map_err(silence)? == 0 {
            return Err(silence(io::ErrorKind::UnexpectedEof.into()));
        }
        if line != b"\n" {
            return serde_json::from_slice(&line).map_err(|error| silence(error.into()));
        }
    }
}

/// Reads a line, in as many pieces as it comes; each in time.
async fn whole_line<R: tokio::io::AsyncBufRead + Unpin>(reader: &mut R, line: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        let piece = within(PATIENCE, reader.fill_buf()).await?;
        if piece.is_empty() {
            return Ok(line.len());
        }
        let end = piece.iter().position(|byte| *byte == b'\n').map(|place| place + 1);
        let used = end.unwrap_or(piece.len());
        line.extend(piece.iter().take(used));
        reader.consume(used);
        if end.is_some() {
            return Ok(line.len());
        }
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(time, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
