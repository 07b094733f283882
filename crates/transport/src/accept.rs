//! Accepting connections: for as long as the drain has not begun, whatever a single one brings.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::connection::Connections;
use crate::counts::Reason;
use crate::drain::Drain;
use crate::error::TransportError;
use crate::handler::Handler;
use crate::listener::Listener;
use crate::terms::Terms;

/// How long to wait when the system has no more of something (`EMFILE`, `ENOBUFS`): trying again at once
/// would only burn the processor.
const PAUSE: Duration = Duration::from_secs(1);
/// How often connections that are closed at once are spoken of.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Serves a listener until `drain` begins, then closes its socket. The connections go on under the drain,
/// which waits for them.
///
/// # Errors
/// [`TransportError::Listen`] when the runtime cannot take the socket; once it serves, no error ends it.
pub async fn serve<H: Handler>(
    listener: Listener,
    handler: H,
    terms: Terms,
    drain: Drain,
) -> Result<(), TransportError> {
    let address = listener.local_address();
    let socket = TcpListener::from_std(listener.socket).map_err(|error| TransportError::listening(address, error))?;
    let admission = terms.admission.clone();
    let connections = Arc::new(Connections::new(handler, listener.kind, terms, drain.clone()));
    let mut surplus = Surplus::default();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&socket, address) => accepted,
            () = drain.begun() => return Ok(()),
        };
        let Some((stream, client)) = accepted else { continue };
        let place = match admission.enter(client.ip()) {
            Ok(place) => place,
            Err(reason) => {
                drop(stream);
                admission.counts().count(reason);
                surplus.count(address, client, reason);
                continue;
            }
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

/// Connections that were closed at once, counted so that an attack does not fill the log.
#[derive(Default)]
struct Surplus {
    refused: u64,
    reported: Option<Instant>,
}

impl Surplus {
    fn count(&mut self, address: SocketAddr, client: SocketAddr, reason: Reason) {
        self.refused += 1;
        let now = Instant::now();
        if self.reported.is_none_or(|reported| now.duration_since(reported) >= REPORT_EVERY) {
            let refused = self.refused;
            match reason {
                Reason::ProxyHeader => {
                    tracing::debug!(%address, %client, refused, "connections past the trusted proxies were closed");
                }
                Reason::ConnectionsPerAddress => {
                    tracing::warn!(%address, %client, refused, "connections beyond the limit of an address were closed");
                }
                _ => tracing::warn!(%address, refused, "connections beyond the limit were closed"),
            }
            self.reported = Some(now);
            self.refused = 0;
        }
    }
}
