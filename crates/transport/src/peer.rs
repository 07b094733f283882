//! What a connection knows about whoever is at its other end.

use std::net::SocketAddr;
use std::sync::Arc;

use doorward_hygiene::Hostname;

use crate::client_chain::ClientChain;

/// One connection's other end; the same for all its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The remote address, as the socket says it: on a listener for both families, IPv4 is mapped into IPv6.
    ///
    /// Behind the PROXY protocol it is the address told.
    pub address: SocketAddr,
    /// The proxy that told the address; none when nobody did.
    pub via: Option<SocketAddr>,
    /// By which door it came in.
    pub arrival: Arrival,
    /// What is spoken.
    pub protocol: Protocol,
    /// The certificates it showed, unjudged; none when it showed none or was not asked.
    pub client_chain: Option<Arc<ClientChain>>,
}

impl Peer {
    /// Whether the connection is a proxy's own, as for its health checks: it speaks for nobody.
    pub fn is_the_proxy_itself(&self) -> bool {
        self.via == Some(self.address)
    }
}

/// By which door a connection came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// Over TLS.
    Tls {
        /// The name the client asked for; clients ask for none when the host is an IP address.
        sni: Option<Hostname>,
    },
    /// HTTP in the clear on the port where TLS is spoken: fit for a redirect and for nothing else.
    PlainOnTlsPort,
    /// HTTP in the clear on the port that only redirects.
    RedirectPort,
    /// HTTP in the clear on a listener that was configured so, because something in front of us ends TLS.
    Cleartext,
}

/// The version of HTTP spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2.
    Http2,
}
