//! What the system is asked to do for a visitor's connection.
//!
//! Refuses to take silence for life: an end that answers no probe is gone, and its connection with it.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// After how much silence a connection is probed. Middleboxes forget some after a minute, and none much sooner.
const KEEP_ALIVE: Duration = Duration::from_secs(45);
const PROBE_AGAIN: Duration = Duration::from_secs(15);
/// So many unanswered probes are the end.
const PROBES: u32 = 4;

/// Small answers leave at once, quiet connections stay known on their way, and clients that vanished are found out.
pub(crate) fn set(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(PROBE_AGAIN).with_retries(PROBES);
    let outcome = stream.set_nodelay(true).and_then(|()| SockRef::from(stream).set_tcp_keepalive(&keepalive));
    if let Err(error) = outcome {
        tracing::debug!(%error, "socket options could not be set");
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_accepted_connection_is_probed_before_anybody_forgets_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(!SockRef::from(&accepted).keepalive().unwrap());
        set(&accepted);
        let socket = SockRef::from(&accepted);
        assert!(socket.keepalive().unwrap() && accepted.nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(45));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(15));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
    }
}
