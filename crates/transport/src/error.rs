//! What can keep a listener from serving.

use std::io;
use std::net::SocketAddr;

/// Why a listener could not be set up; each names the address and says in plain words what is wrong.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Something else listens there.
    #[error("cannot listen on {address}: another program uses this port already")]
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A port below 1024, mostly.
    #[error(
        "cannot listen on {address}: not permitted; ports below 1024 need the CAP_NET_BIND_SERVICE capability or \
         a lower net.ipv4.ip_unprivileged_port_start"
    )]
    NeedsPrivilege {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// An address of another machine.
    #[error("cannot listen on {address}: this machine does not have that address")]
    NoSuchAddress {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else that the system refuses.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A socket that was handed over cannot be used.
    #[error("a socket that was handed over cannot be listened on")]
    Inherited(#[source] io::Error),
    /// The TLS library refuses its settings.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

impl TransportError {
    pub(crate) fn listening(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { address, source },
            io::ErrorKind::PermissionDenied => Self::NeedsPrivilege { address, source },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { address, source },
            _ => Self::Listen { address, source },
        }
    }
}
