//! Accepting connections: for as long as the drain has not begun, whatever a single one brings.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::connection::Connections;
use crate::drain::Drain;
use crate::error::TransportError;
use crate::handler::Handler;
use crate::limits::Limits;
use crate::listener::Listener;

/// How long to wait when the system has no more of something (`EMFILE`, `ENOBUFS`): trying again at once
/// would only burn the processor.
const PAUSE: Duration = Duration::from_secs(1);
/// How often connections beyond the limit are spoken of.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Serves a listener until `drain` begins, then closes its socket. The connections go on under the drain,
/// which waits for them. `limits` are this listener's own.
///
/// # Errors
/// [`TransportError::Listen`] when the runtime cannot take the socket; once it serves, no error ends it.
pub async fn serve<H: Handler>(
    listener: Listener,
    handler: H,
    limits: Limits,
    drain: Drain,
) -> Result<(), TransportError> {
    let address = listener.local_address();
    let socket = TcpListener::from_std(listener.socket).map_err(|error| TransportError::listening(address, error))?;
    let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let connections = Arc::new(Connections::new(handler, listener.kind, limits, drain.clone()));
    let mut surplus = Surplus::default();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&socket, address) => accepted,
            () = drain.begun() => return Ok(()),
        };
        let Some((stream, client)) = accepted else { continue };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            drop(stream);
            surplus.count(address);
            continue;
        };
        let connections = Arc::clone(&connections);
        drain.track(async move { connections.run(stream, client, place).await });
    }
}

async fn accept(socket: &TcpListener, address: SocketAddr) -> Option<(TcpStream, SocketAddr)> {
    match socket.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) if is_of_one_connection(&error) => None,
        Err(error) => {
            tracing::error!(%address, %error, "cannot accept connections; trying again in a second");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// Whether an error of `accept` is about the connection that was to be accepted, and not about us.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// Connections beyond the limit, counted so that an attack does not fill the log.
#[derive(Default)]
struct Surplus {
    refused: u64,
    reported: Option<Instant>,
}

impl Surplus {
    fn count(&mut self, address: SocketAddr) {
        self.refused += 1;
        let now = Instant::now();
        if self.reported.is_none_or(|reported| now.duration_since(reported) >= REPORT_EVERY) {
            tracing::warn!(%address, refused = self.refused, "connections beyond the limit were closed");
            self.reported = Some(now);
            self.refused = 0;
        }
    }
}
