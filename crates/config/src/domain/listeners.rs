//! The sockets that are listened on.

use std::net::SocketAddr;

/// The public sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// The main ones, at least one: TLS, or cleartext when `insecure`. Written `:443`, it is `[::]:443`, both families.
    pub addresses: Vec<SocketAddr>,
    /// One that answers every plain HTTP request with a redirect to https; none when not wanted.
    pub redirect: Option<SocketAddr>,
    /// Whether the main ones speak cleartext HTTP, for use behind something else that ends TLS.
    pub insecure: bool,
    /// The versions of HTTP that are spoken on the main ones.
    pub codec: Codec,
}

/// Versions of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// HTTP/1.1 and HTTP/2, as the client chooses.
    Auto,
    /// HTTP/1.1 alone.
    Http1,
    /// HTTP/2 alone.
    Http2,
}
