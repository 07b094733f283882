//! The sockets that are listened on.

use std::net::SocketAddr;

/// The public sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// The main one: TLS, or cleartext when `insecure`. Written `:443`, it is `[::]:443`, both families.
    pub address: SocketAddr,
    /// One that answers every plain HTTP request with a redirect to https; none when not wanted.
    pub redirect: Option<SocketAddr>,
    /// Whether the main one speaks cleartext HTTP, for use behind something else that ends TLS.
    pub insecure: bool,
}
