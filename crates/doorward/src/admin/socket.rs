//! The socket on which the doorward that runs hears its operators.
//!
//! Refuses: users other than its own and root, however they came to open it; what is too long, too slow or too much at
//! once; and to take the socket of a process that is alive.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_private_files::{PrivateFileError, PrivateFolder};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::operations::Operations;
use super::protocol::{Answer, LONGEST_REQUEST, Request, SIGN_OF_LIFE};
use super::socket_of;

/// How many operators are heard at once.
const AT_ONCE: usize = 8;
/// How many more may wait.
const BACKLOG: u32 = 64;
/// How long a request may take to come, and a line of the answer to go.
const IN_TIME: Duration = Duration::from_secs(5);

/// Why there is no socket. The server runs without one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// The path does not fit into a socket's address.
    #[error("the path {path} is too long for a socket (about a hundred bytes): name a shorter `data_dir`", path = .0.display())]
    TooLong(PathBuf),
    /// Another process listens there.
    #[error("another process listens at {path}: give each its own `data_dir`", path = .0.display())]
    Taken(PathBuf),
    /// Something else has that name.
    #[error("{path} is no socket: remove it", path = .0.display())]
    Occupied(PathBuf),
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] PrivateFileError),
    /// The system or the file system has no socket for us.
    #[error("no socket can be made at {path}; the file system of `data_dir` may have none: {source}", path = .path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The socket; its file is removed when this is dropped.
pub(crate) struct AdminSocket {
    listener: UnixListener,
    data_dir: PathBuf,
    path: PathBuf,
    /// Device and inode of the file, to know it again.
    mark: (u64, u64),
    /// The user we run as.
    owner: u32,
}

impl AdminSocket {
    /// Listens below this data directory. A socket that a dead process left is replaced. Must be called within the
    /// runtime.
    ///
    /// # Errors
    /// [`SocketError`].
    pub(crate) async fn bind(data_dir: &Path) -> Result<Self, SocketError> {
        let path = socket_of(data_dir);
        std::os::unix::net::SocketAddr::from_pathname(&path).map_err(|_| SocketError::TooLong(path.clone()))?;
        let refused = |source| SocketError::Refused { path: path.clone(), source };
        // Between looking and binding nobody else may do the same.
        let _folder = PrivateFolder::lock(data_dir)?;
        remove_stale(&path).await?;
        let socket = UnixSocket::new_stream().map_err(refused)?;
        socket.bind(&path).map_err(refused)?;
        // Before it listens: nobody has been able to connect so far.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(refused)?;
        let listener = socket.listen(BACKLOG).map_err(refused)?;
        let metadata = std::fs::symlink_metadata(&path).map_err(refused)?;
        let mark = (metadata.dev(), metadata.ino());
        let owner = own_user().map_err(refused)?;
        Ok(Self { listener, data_dir: data_dir.to_owned(), path, mark, owner })
    }

    /// Hears operators until `stop`; what is under way then is given up.
    pub(crate) async fn serve(self, operations: Arc<Operations>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let hearing = async {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let stream = match self.listener.accept().await {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        warn!(%error, "an operator could not be heard");
                        // Such as having no file descriptor left: it does not help to ask again at once.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                };
                if !self.may_speak(&stream) {
                    continue;
                }
                let (operations, stop) = (Arc::clone(&operations), stop.clone());
                tokio::spawn(async move {
                    stop.run_until_cancelled(converse(stream, &operations)).await;
                    drop(place);
                });
            }
        };
        stop.run_until_cancelled(hearing).await;
    }

    /// Whether whoever connected is our own user, or root, who may do anything anyway. Anybody else is told so.
    fn may_speak(&self, stream: &UnixStream) -> bool {
        match stream.peer_cred() {
            Ok(peer) if is_trusted(peer.uid(), self.owner) => return true,
            Ok(peer) => warn!(uid = peer.uid(), "another user was refused at the admin socket"),
            Err(error) => warn!(%error, "somebody was refused at the admin socket"),
        }
        let message = "doorward runs as another user, and hears that one and root alone".to_owned();
        if let Ok(mut text) = serde_json::to_vec(&Answer::Failed { message }) {
            text.push(b'\n');
            // What does not fit at once is not worth waiting for.
            let _gone = stream.try_write(&text);
        }
        false
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let is_ours = || {
            let metadata = std::fs::symlink_metadata(&self.path).ok();
            metadata.is_some_and(|metadata| (metadata.dev(), metadata.ino()) == self.mark)
        };
        // The next process may be at it already.
        if let Ok(_folder) = PrivateFolder::lock(&self.data_dir)
            && is_ours()
        {
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

/// The user this process runs as, by what another end of a socket would see. Not by the socket's file: a file system of
/// another machine may say that it is somebody else's.
fn own_user() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

fn is_trusted(uid: u32, owner: u32) -> bool {
    uid == owner || uid == 0
}

/// Removes the socket of a process that is no more.
async fn remove_stale(path: &Path) -> Result<(), SocketError> {
    let refused = |source| SocketError::Refused { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(error)),
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(SocketError::Occupied(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            info!(path = %path.display(), "the admin socket of a process that is no more is replaced");
            std::fs::remove_file(path).map_err(refused)
        }
        // Also one that has too much to do to answer.
        _ => Err(SocketError::Taken(path.to_owned())),
    }
}

/// Hears one request and answers it.
async fn converse(mut stream: UnixStream, operations: &Operations) {
    let (reader, mut writer) = stream.split();
    let line = match tokio::time::timeout(IN_TIME, request_line(reader)).await {
        Ok(Ok(line)) => line,
        Ok(Err(_)) | Err(_) => return,
    };
    let work = async {
        match serde_json::from_slice::<Request>(&line) {
            Ok(request) => operations.perform(&request, SystemTime::now()).await,
            Err(_) if line.len() > LONGEST_REQUEST => Answer::Failed { message: "the request is too long".into() },
            Err(error) => Answer::Failed {
                message: format!("this doorward ({}) does not know the request: {error}", env!("CARGO_PKG_VERSION")),
            },
        }
    };
    tokio::pin!(work);
    let mut signs = tokio::time::interval(SIGN_OF_LIFE);
    signs.tick().await;
    let answer = loop {
        tokio::select! {
            answer = &mut work => break answer,
            // Whoever has gone away meanwhile does not end what was begun.
            _ = signs.tick() => { let _gone = tokio::time::timeout(IN_TIME, writer.write_all(b"\n")).await; }
        }
    };
    let Ok(mut text) = serde_json::to_vec(&answer) else { return };
    text.push(b'\n');
    // In pieces, so that a slow reader is waited for as long as it reads at all.
    for piece in text.chunks(LONGEST_REQUEST) {
        if !matches!(tokio::time::timeout(IN_TIME, writer.write_all(piece)).await, Ok(Ok(()))) {
            return;
        }
    }
    let _gone = writer.shutdown().await;
}

/// The one line of a request, or more than the longest there may be.
async fn request_line(reader: impl tokio::io::AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let most = LONGEST_REQUEST as u64 + 1;
    BufReader::new(reader).take(most).read_until(b'\n', &mut line).await?;
    Ok(line)
}

#[cfg(test)]
mod tests;
