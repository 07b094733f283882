//! How much and how long: every limit of a listener in one place, and none of them off.

use std::time::Duration;

/// The limits of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, tunnels included; one more is closed as soon as it is accepted.
    pub connections: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// From a request's first byte to the end of its head; also how long a new connection may stay silent.
    pub head: Duration,
    /// How long a connection may stay open between requests.
    pub idle: Duration,
    /// How long a client may leave what we send unread, with nothing taken at all.
    pub stalled_write: Duration,
    /// Size of a request head in bytes, request line included; one more byte gets 431.
    pub head_bytes: usize,
    /// HTTP/2: requests at once on one connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(5 * 60),
            stalled_write: Duration::from_secs(2 * 60),
            head_bytes: 64 * 1024,
            streams: 128,
        }
    }
}
