//! Getting a byte stream to an upstream address: look-up, connect, TLS, each with a limit and a plain reason.
//!
//! Refuses to wait longer than the limit, however many addresses a name has.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::{AlertDescription, ClientConfig, Error, InvalidMessage, PeerIncompatible};
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::certificate_problem::CertificateProblem;
use super::client_certificate::{ClientCertificateProblem, Shown};
use super::tls::{error_in, problem_in};
use super::wire::Wire;

/// How many addresses of one name are tried.
const MOST_ADDRESSES: usize = 8;
/// Quiet connections are probed so that middleboxes keep them and dead peers are noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Why no stream to an upstream came about. The display says the address and the reason.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name {host} cannot be looked up: {source}")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// The look-up took too long.
    #[error("looking up the name {host} took longer than {} s", after.as_secs_f32())]
    LookupTimedOut {
        /// The name.
        host: String,
        /// The limit.
        after: Duration,
    },
    /// Nothing listens there.
    #[error("{address} refused the connection: nothing listens there")]
    Refused {
        /// The address tried last.
        address: SocketAddr,
    },
    /// Nobody answered.
    #[error("{address} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// The address tried last.
        address: SocketAddr,
        /// The limit.
        after: Duration,
    },
    /// The system refused to connect.
    #[error("connecting to {address} failed: {source}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS handshake took too long.
    #[error("{address} did not finish the TLS handshake within {} s; does it speak TLS on that port?", after.as_secs_f32())]
    HandshakeTimedOut {
        /// The address.
        address: SocketAddr,
        /// The limit.
        after: Duration,
    },
    /// The certificate was not believed.
    #[error("{address}: {problem}")]
    Certificate {
        /// The address.
        address: SocketAddr,
        /// Why.
        problem: CertificateProblem,
    },
    /// Our certificate, or its absence, was not to its liking.
    #[error("{problem}")]
    ClientCertificate {
        /// Why.
        problem: ClientCertificateProblem,
    },
    /// It speaks only versions of TLS that nobody should.
    #[error(
        "{address} speaks only TLS 1.0 or 1.1, which are deprecated (RFC 8996) and not spoken here: have it speak TLS 1.2 \
         or 1.3"
    )]
    OldTls {
        /// The address.
        address: SocketAddr,
    },
    /// It answers, but not in TLS.
    #[error(
        "{address} does not speak TLS on that port; if it speaks plain HTTP there, write `http://` in `to`, or else name \
         its TLS port"
    )]
    NoTls {
        /// The address.
        address: SocketAddr,
    },
    /// It speaks TLS, but with nothing that we have too.
    #[error(
        "{address} found no cipher suite or key exchange in common with us ({source}): have it offer ECDHE with AES-GCM \
         or ChaCha20-Poly1305"
    )]
    NothingInCommon {
        /// The address.
        address: SocketAddr,
        /// What the TLS library says.
        source: io::Error,
    },
    /// The TLS handshake failed otherwise.
    #[error("the TLS handshake with {address} failed: {source}; does it speak TLS on that port?")]
    Handshake {
        /// The address.
        address: SocketAddr,
        /// What the TLS library says.
        source: io::Error,
    },
    /// The HTTP connection could not be set up on the stream.
    #[error("no HTTP connection came about: {0}")]
    Http(#[source] hyper::Error),
}

impl DialError {
    /// Whether it was time that ran out, so that the answer is 504 and not 502.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::LookupTimedOut { .. } | Self::TimedOut { .. } | Self::HandshakeTimedOut { .. })
    }
}

/// Where to dial, and as whom the other side must prove itself.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) host: Box<str>,
    pub(super) port: u16,
    /// For `https`: the settings and the name its certificate must have.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// What those settings show of us.
    pub(super) shown: Option<Arc<Shown>>,
}

/// Opens a stream. `within` limits the look-up, the connecting to all addresses together, and the handshake, each.
pub(super) async fn dial(target: &Target, within: Duration) -> Result<Wire, DialError> {
    let (stream, address) = connect(target, within).await?;
    prepare(&stream);
    let Some((config, name)) = &target.tls else { return Ok(Wire::Plain(stream)) };
    let handshake = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream);
    match timeout(within, handshake).await {
        Ok(Ok(stream)) => Ok(Wire::Tls(Box::new(stream))),
        Ok(Err(source)) => Err(failed(address, source, target.shown.as_deref())),
        Err(_) => Err(DialError::HandshakeTimedOut { address, after: within }),
    }
}

/// Which of the ways to fail it was.
fn failed(address: SocketAddr, source: io::Error, shown: Option<&Shown>) -> DialError {
    let Some(error) = error_in(&source) else { return DialError::Handshake { address, source } };
    if let Some(problem) = problem_in(error) {
        return DialError::Certificate { address, problem };
    }
    if let Some(problem) = shown.and_then(|shown| shown.problem(error)) {
        return DialError::ClientCertificate { problem };
    }
    match error {
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => DialError::OldTls { address },
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => DialError::NoTls { address },
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity)
        | Error::PeerIncompatible(_) => DialError::NothingInCommon { address, source },
        _ => DialError::Handshake { address, source },
    }
}

async fn connect(target: &Target, within: Duration) -> Result<(TcpStream, SocketAddr), DialError> {
    let host: &str = &target.host;
    let lookup = tokio::net::lookup_host((host, target.port));
    let addresses: Vec<SocketAddr> = match timeout(within, lookup).await {
        Ok(Ok(found)) => found.take(MOST_ADDRESSES).collect(),
        Ok(Err(source)) => return Err(DialError::Lookup { host: host.into(), source }),
        Err(_) => return Err(DialError::LookupTimedOut { host: host.into(), after: within }),
    };
    let deadline = Instant::now() + within;
    let mut left = u32::try_from(addresses.len()).unwrap_or(1);
    let mut last = None;
    for address in addresses {
        // An even share of what is left for each address, so that one that swallows packets cannot use up
        // the time of those behind it.
        let now = Instant::now();
        let share = now + deadline.saturating_duration_since(now) / left.max(1);
        left = left.saturating_sub(1);
        last = Some(match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(source)) if source.kind() == io::ErrorKind::ConnectionRefused => DialError::Refused { address },
            Ok(Err(source)) => DialError::Connect { address, source },
            Err(_) => DialError::TimedOut { address, after: within },
        });
    }
    Err(last.unwrap_or_else(|| DialError::Lookup {
        host: host.into(),
        source: io::Error::new(io::ErrorKind::NotFound, "it has no addresses"),
    }))
}

fn prepare(stream: &TcpStream) {
    // Neither is worth failing a request for.
    let _slower = stream.set_nodelay(true);
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE);
    let _unprobed = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}
