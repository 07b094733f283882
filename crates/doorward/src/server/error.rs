//! Why the server does not start.

use doorward_assertion::SignError;
use doorward_authenticate::AuthenticateError;
use doorward_certificates::CertificatesError;
use doorward_proxy::BuildError;
use doorward_sessions::SessionsError;
use doorward_transport::TransportError;

use crate::data_dir::DataDirError;

/// Why the server does not start, or does not take a new configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The session store.
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    /// The session store's secret.
    #[error(transparent)]
    Store(#[from] crate::session_store::StoreError),
    /// The keys for assertions.
    #[error(transparent)]
    Assertion(#[from] SignError),
    /// The certificates.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// Signing in.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// An upstream that cannot be reached as configured.
    #[error(transparent)]
    Upstreams(#[from] BuildError),
    /// A socket.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A socket that the service manager handed over is no TCP listener.
    #[error("a socket that was handed over (LISTEN_FDS) cannot be used")]
    Inherited(#[source] std::io::Error),
    /// A socket that the service manager handed over, and that nothing listens on.
    #[error(
        "the socket on {address} was handed over (LISTEN_FDS, named `{name}`), and the configuration does not listen there; \
         set `address` or `http_redirect_addr` to it, or name it `https`, `http` or `redirect`"
    )]
    InheritedUnwanted {
        /// Where it listens.
        address: std::net::SocketAddr,
        /// Its name.
        name: String,
    },
    /// The system does not let signals be caught.
    #[error("signals cannot be caught")]
    Signals(#[source] std::io::Error),
    /// The system has no thread left.
    #[error("a thread cannot be started")]
    Threads(#[source] std::io::Error),
}
