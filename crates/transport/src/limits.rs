//! How much and how long: every limit of a listener in one place, and none of them off.

use std::time::Duration;

/// The limits of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, tunnels included, of all listeners that share an [`crate::Admission`]; one more is closed as
    /// soon as it is accepted.
    pub connections: usize,
    /// The same from one address, or one /64 of IPv6. Not for trusted proxies, but for those they speak for.
    pub connections_per_address: usize,
    /// From accept to the end of the TLS handshake, the header of the PROXY protocol included.
    pub handshake_timeout: Duration,
    /// From a request's first byte to the end of its head; also how long a new connection may stay silent.
    pub head: Duration,
    /// How long a connection may stay open between requests.
    pub idle: Duration,
    /// How long a client may leave what we send unread, with nothing taken at all.
    pub stalled_write_timeout: Duration,
    /// Size of a request head in bytes, request line included; one more byte gets 431.
    pub header_bytes: usize,
    /// Header lines of a request; one more gets 431.
    pub header_count: usize,
    /// Size of a request's first line in bytes; one more gets 414.
    pub request_line_bytes: usize,
    /// HTTP/2: requests at once on one connection.
    pub streams_per_connection: u32,
    /// HTTP/2: streams that a client opened and reset before we looked at them (CVE-2023-44487); one more ends the
    /// connection.
    pub resets_per_connection: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 1024,
            handshake_timeout: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(5 * 60),
            stalled_write_timeout: Duration::from_secs(2 * 60),
            header_bytes: 64 * 1024,
            header_count: 128,
            request_line_bytes: 16 * 1024,
            streams_per_connection: 128,
            resets_per_connection: 20,
        }
    }
}
