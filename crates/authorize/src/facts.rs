//! What a policy may look at.

use std::net::IpAddr;
use std::time::SystemTime;

use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{Identity, Presented};
use http::{HeaderMap, Method};

/// The facts of one request. The same values go to the upstream: what is decided on is what is sent.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The host asked for.
    pub host: &'a Hostname,
    /// The path asked for.
    pub path: &'a NormalPath,
    /// The query, without its `?`.
    pub query: Option<&'a str>,
    /// The headers, as the client sent them.
    pub headers: &'a HeaderMap,
    /// Where the request comes from; an IPv4 address mapped into IPv6 is given as IPv4.
    pub source_ip: IpAddr,
    /// The certificate its client showed, judged.
    pub client_certificate: &'a Presented,
    /// Whether it asks to become a WebSocket.
    pub websocket: bool,
    /// When it came.
    pub now: SystemTime,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Visitor<'a> {
    /// Nobody we know.
    Anonymous,
    /// Somebody with a living session.
    Known(&'a Identity),
}
