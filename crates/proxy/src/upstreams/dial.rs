//! Getting a byte stream to an upstream address: look-up, connect, TLS, each with a limit and a plain reason.
//!
//! Refuses to wait longer than the limit for any of them.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_config::LookupFamily;
use rustls::{AlertDescription, ClientConfig, Error, InvalidMessage, PeerIncompatible};
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::certificate_problem::CertificateProblem;
use super::client_certificate::{ClientCertificateProblem, Shown};
use super::happy_eyeballs;
use super::tls::{HTTP1, error_in, problem_in};
use super::wire::Wire;

/// Quiet connections are probed so that middleboxes keep them and dead peers are noticed, as those to visitors are. Some forget
/// what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(45);
const PROBE_AGAIN: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;
/// How long it is waited before a unix socket whose queue is full is tried again.
const QUEUE_FULL: Duration = Duration::from_millis(10);

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
        address: String,
    },
    /// Nobody answered.
    #[error("{address} did not answer within {} s", after.as_secs_f32())]
    TimedOut {
        /// The address tried last.
        address: String,
        /// The limit.
        after: Duration,
    },
    /// The system refused to connect.
    #[error("connecting to {address} failed: {source}")]
    Connect {
        /// The address tried last.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The TLS handshake took too long.
    #[error("{address} did not finish the TLS handshake within {} s; does it speak TLS on that port?", after.as_secs_f32())]
    HandshakeTimedOut {
        /// The address.
        address: String,
        /// The limit.
        after: Duration,
    },
    /// The certificate was not believed.
    #[error("{address}: {problem}")]
    Certificate {
        /// The address.
        address: String,
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
        address: String,
    },
    /// It answers, but not in TLS.
    #[error(
        "{address} does not speak TLS on that port; if it speaks plain HTTP there, write `http://` in `to`, or else name \
         its TLS port"
    )]
    NoTls {
        /// The address.
        address: String,
    },
    /// It speaks TLS, but with nothing that we have too.
    #[error(
        "{address} found no cipher suite or key exchange in common with us ({source}): have it offer ECDHE with AES-GCM \
         or ChaCha20-Poly1305"
    )]
    NothingInCommon {
        /// The address.
        address: String,
        /// What the TLS library says.
        source: io::Error,
    },
    /// The TLS handshake failed otherwise.
    #[error("the TLS handshake with {address} failed: {source}; does it speak TLS on that port?")]
    Handshake {
        /// The address.
        address: String,
        /// What the TLS library says.
        source: io::Error,
    },
    /// No file has the name of the unix socket.
    #[error("there is no socket {path}: is the application running?")]
    NoSocket {
        /// Its path.
        path: String,
    },
    /// The unix socket may not be used.
    #[error(
        "the socket {path} may not be used: permission denied; Doorward's user needs write permission on it, and search \
         permission (x) on the directories above it"
    )]
    SocketDenied {
        /// Its path.
        path: String,
    },
    /// It answers in HTTP/1.1 where HTTP/2 was promised.
    #[error("{address} answers in HTTP/1.1, not in HTTP/2: write `http://` instead of `h2c://` in `to`")]
    OnlyHttp1 {
        /// The address.
        address: String,
    },
    /// It closes the connection where HTTP/2 should begin.
    #[error(
        "{address} closed the connection instead of beginning HTTP/2; if it speaks HTTP/1.1 there, write `http://` \
         instead of `h2c://` in `to`"
    )]
    NoHttp2 {
        /// The address.
        address: String,
    },
    /// It says nothing where HTTP/2 should begin.
    #[error("{address} sent no HTTP/2 settings within {} s; does it speak HTTP/2 there?", after.as_secs_f32())]
    SilentHttp2 {
        /// The address.
        address: String,
        /// The limit.
        after: Duration,
    },
    /// The HTTP connection could not be set up on the stream.
    #[error("no HTTP connection came about: {0}")]
    Http(#[source] hyper::Error),
    /// As another request's, which was dialling when this one came.
    #[error("{0}")]
    Together(Arc<DialError>),
}

impl DialError {
    /// Whether it was time that ran out, so that the answer is 504 and not 502.
    pub(crate) fn is_timeout(&self) -> bool {
        match self {
            Self::LookupTimedOut { .. }
            | Self::TimedOut { .. }
            | Self::HandshakeTimedOut { .. }
            | Self::SilentHttp2 { .. } => true,
            Self::Together(error) => error.is_timeout(),
            _ => false,
        }
    }
}

/// Where to dial, and as whom the other side must prove itself.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) place: Place,
    pub(super) lookup: LookupFamily,
    /// For `https`: the settings and the name its certificate must have.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// What those settings show of us.
    pub(super) shown: Option<Arc<Shown>>,
    /// Whether HTTP/2 is spoken without being negotiated.
    pub(super) h2c: bool,
    /// How many of the connections are open, tunnels aside.
    pub(super) open: Arc<AtomicUsize>,
}

/// Counts a connection as open until dropped.
#[derive(Debug)]
pub(super) struct Open(Arc<AtomicUsize>);

impl Open {
    fn count(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where it is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// On the network.
    Tcp { host: Box<str>, port: u16 },
    /// A socket of this machine.
    Unix(Box<Path>),
}

/// Which protocols are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// HTTP/2, and HTTP/1.1 for those who do not speak it.
    Both,
    /// HTTP/1.1 alone, which can be upgraded.
    Http1,
}

/// A stream that has come about.
#[derive(Debug)]
pub(super) struct Dialled {
    pub(super) wire: Wire,
    /// Whether it is HTTP/2 that is spoken on it.
    pub(super) http2: bool,
    /// Where it leads, for errors.
    pub(super) address: String,
    /// What TLS showed of us on it.
    pub(super) shown: Option<Arc<Shown>>,
    pub(super) open: Open,
}

/// Opens a stream. `within` limits the look-up, the connecting to all addresses together, and the handshake, each.
pub(super) async fn dial(target: &Target, within: Duration, offer: Offer) -> Result<Dialled, DialError> {
    let (plain, address) = match &target.place {
        Place::Tcp { host, port } => {
            let (stream, address) = happy_eyeballs::connect(host, *port, target.lookup, within).await?;
            prepare(&stream);
            (Wire::Tcp(stream), address.to_string())
        }
        Place::Unix(path) => (Wire::Unix(open(path, within).await?), path.display().to_string()),
    };
    let (shown, open) = (target.shown.clone(), Open::count(&target.open));
    let Some((config, name)) = &target.tls else {
        return Ok(Dialled { wire: plain, http2: target.h2c && offer == Offer::Both, address, shown, open });
    };
    let connector = TlsConnector::from(offering(config, offer));
    let encrypted = timeout(within, async {
        Ok(match plain {
            Wire::Tcp(stream) => Wire::Tls(Box::new(connector.connect(name.clone(), stream).await?)),
            Wire::Unix(stream) => Wire::TlsUnix(Box::new(connector.connect(name.clone(), stream).await?)),
            already => already,
        })
    });
    match encrypted.await {
        Ok(Ok(wire)) => Ok(Dialled { http2: wire.chose_http2(), wire, address, shown, open }),
        Ok(Err(source)) => Err(failed(address, source, target.shown.as_deref())),
        Err(_) => Err(DialError::HandshakeTimedOut { address, after: within }),
    }
}

/// The settings, which offer both, or those that offer HTTP/1.1 alone.
fn offering(config: &Arc<ClientConfig>, offer: Offer) -> Arc<ClientConfig> {
    if offer == Offer::Both {
        return Arc::clone(config);
    }
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = vec![HTTP1.to_vec()];
    Arc::new(config)
}

/// Which of the ways to fail it was.
pub(super) fn failed(address: String, source: io::Error, shown: Option<&Shown>) -> DialError {
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

/// Opens a unix socket.
async fn open(path: &Path, within: Duration) -> Result<UnixStream, DialError> {
    let shown = || path.display().to_string();
    let deadline = Instant::now() + within;
    loop {
        let source = match timeout_at(deadline, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(source)) => source,
            Err(_) => return Err(DialError::TimedOut { address: shown(), after: within }),
        };
        return Err(match source.kind() {
            io::ErrorKind::NotFound => DialError::NoSocket { path: shown() },
            io::ErrorKind::PermissionDenied => DialError::SocketDenied { path: shown() },
            io::ErrorKind::ConnectionRefused => DialError::Refused { address: shown() },
            // Its queue is full: unlike those of the network, such a socket says so instead of letting us wait.
            io::ErrorKind::WouldBlock if Instant::now() < deadline => {
                tokio::time::sleep(QUEUE_FULL).await;
                continue;
            }
            io::ErrorKind::WouldBlock => DialError::TimedOut { address: shown(), after: within },
            _ => DialError::Connect { address: shown(), source },
        });
    }
}

fn prepare(stream: &TcpStream) {
    // Neither is worth failing a request for.
    let _slower = stream.set_nodelay(true);
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(PROBE_AGAIN).with_retries(PROBES);
    let _unprobed = SockRef::from(stream).set_tcp_keepalive(&keep_alive);
}
