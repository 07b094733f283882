//! The sending half of a tunnel on a stream (RFC 8441), which the library runs as a task of its own.
//!
//! Refuses to outlive the tunnel for long: what is left to be sent when that is over waits for its reader, whom nobody looks after any more.

use std::future::pending;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Streams;
use super::ends::{Ended, Ends};

/// How long a goodbye may take once the tunnel has to end.
const GOODBYE: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) struct Tunnel {
    /// Cancelled when it is over.
    pub(super) over: CancellationToken,
    pub(super) ends: Option<Ends>,
}

impl Tunnel {
    /// Runs its sending half until all is sent, and no longer than that may take.
    pub(super) async fn run(self, task: impl Future<Output = ()>, streams: Streams) {
        let ended = async {
            match self.ends {
                Some(ends) => Ended::from(ends).await,
                None => pending().await,
            }
            tokio::time::sleep(GOODBYE).await;
        };
        let unread = async {
            self.over.cancelled().await;
            tokio::time::sleep(streams.stalled_write).await;
        };
        tokio::select! {
            () = task => {}
            () = ended => {}
            () = unread => streams.stalled(),
        }
    }
}
