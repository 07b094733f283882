//! Hears operators for as long as the process runs.

use std::path::Path;
use std::sync::Arc;

use doorward_sessions::Sessions;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::admin::{AdminSocket, Operations};

/// Opens the admin socket below the data directory, and hears it until `stop`. Without one the process goes on: nobody
/// is signed in or out by its lacking.
pub(super) async fn open(data_dir: &Path, sessions: Arc<Sessions>, stop: CancellationToken) {
    match AdminSocket::bind(data_dir).await {
        Ok(socket) => {
            tokio::spawn(socket.serve(Arc::new(Operations::new(sessions)), stop));
        }
        Err(error) => {
            warn!(%error, "there is no admin socket: `doorward session` and `doorward user block` cannot reach this process");
        }
    }
}
