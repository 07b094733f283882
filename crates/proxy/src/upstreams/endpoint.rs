//! One address of an upstream: its connections, and one exchange on one of them.
//!
//! Refuses nothing by itself; [`super::UpstreamClient::forward`] is the only caller, and it holds the permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_config::UpstreamUrl;
use doorward_hygiene::Scheme;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout_at};

use super::address::InFlight;
use super::client_certificate::Shown;
use super::dial::{self, DialError, Target};
use super::pool::{Lease, Pool};
use super::{Exchange, UpstreamLimits};
use crate::body::{Progress, Upload};
use crate::error::{BuildError, ForwardError};

/// How much of an upstream's answer is buffered at most, its head included.
const LARGEST_BUFFER: usize = 256 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// As in the configuration, for logs.
    pub(super) label: Arc<str>,
    /// What stands in Host unless the route says otherwise.
    pub(super) authority: HeaderValue,
    pub(super) target: Target,
    pub(super) pool: Arc<Pool>,
    open: Arc<AtomicUsize>,
}

/// A connection that is open, tunnels aside.
struct Open(Arc<AtomicUsize>);

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

impl Endpoint {
    pub(super) fn new(
        url: &UpstreamUrl,
        tls: Option<(&Arc<ClientConfig>, &Arc<Shown>)>,
        server_name: Option<&str>,
        limits: UpstreamLimits,
    ) -> Result<Self, BuildError> {
        let label = url.to_string();
        let shown = tls.map(|(_, shown)| Arc::clone(shown));
        let tls = match (url.scheme, tls) {
            (Scheme::Https, Some((config, _))) => {
                let name = ServerName::try_from(server_name.unwrap_or(&url.host).to_owned())
                    .map_err(|_| BuildError::ServerName { upstream: label.clone() })?;
                Some((Arc::clone(config), name))
            }
            (Scheme::Https, None) => return Err(BuildError::ServerName { upstream: label }),
            (Scheme::Http, _) => None,
        };
        let authority =
            HeaderValue::try_from(url.authority()).map_err(|_| BuildError::ServerName { upstream: label.clone() })?;
        let target = Target { host: url.host.as_str().into(), port: url.port, tls, shown };
        Ok(Self { label: label.into(), authority, target, pool: Pool::new(limits.pool), open: Arc::default() })
    }

    pub(super) async fn connect(&self, within: Duration, upgrade: bool) -> Result<SendRequest<Upload>, DialError> {
        let wire = dial::dial(&self.target, within).await?;
        let mut builder = Builder::new();
        builder.max_buf_size(LARGEST_BUFFER);
        let (sender, connection) = builder.handshake(TokioIo::new(wire)).await.map_err(DialError::Http)?;
        // How a connection ends is told to the request on it; nobody else needs to know.
        if upgrade {
            tokio::spawn(async move { drop(connection.with_upgrades().await) });
        } else {
            let open = Open::count(&self.open);
            tokio::spawn(async move {
                drop(connection.await);
                drop(open);
            });
        }
        Ok(sender)
    }

    /// How many connections are open, kept ones included and tunnels aside.
    pub(super) fn open_connections(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The upstream's word about our certificate, which comes only after the handshake, if that is why it failed.
    pub(super) fn refused_us(&self, error: &hyper::Error) -> Option<ForwardError> {
        let problem = self.target.shown.as_ref()?.problem_in_exchange(error)?;
        let source = DialError::ClientCertificate { problem };
        Some(ForwardError::Unreachable { upstream: Arc::clone(&self.label), source })
    }

    pub(super) fn answered(
        &self,
        response: Response<Incoming>,
        sender: Option<SendRequest<Upload>>,
        in_flight: InFlight,
    ) -> Exchange {
        let lease = sender.map(|sender| Lease::new(sender, Arc::clone(&self.pool)));
        Exchange { response, lease, upstream: Arc::clone(&self.label), in_flight }
    }
}

/// Why an exchange brought no answer.
pub(super) enum Failed {
    /// Nothing of it was written; here it is back.
    NeverSent(Box<Request<Upload>>, hyper::Error),
    /// It is over, with this.
    For(ForwardError),
}

/// Sends on one connection and waits for the head. When this is dropped, the connection is closed.
pub(super) async fn send(
    sender: &mut SendRequest<Upload>,
    request: Request<Upload>,
    within: Option<Duration>,
    progress: Option<&Progress>,
    endpoint: &Endpoint,
) -> Result<Response<Incoming>, Failed> {
    let mut answer = std::pin::pin!(sender.try_send_request(request));
    let answered = match within {
        None => answer.await,
        Some(within) => {
            let mut deadline = Instant::now() + within;
            loop {
                if let Ok(answered) = timeout_at(deadline, answer.as_mut()).await {
                    break answered;
                }
                // A long upload is not cut: the clock starts again with every piece of it.
                match progress.map(|progress| progress.last() + within).filter(|later| *later > Instant::now()) {
                    Some(later) => deadline = later,
                    None if progress.is_some_and(Progress::waits_for_client) => {
                        return Err(Failed::For(ForwardError::ClientStalled { after: within }));
                    }
                    None => {
                        let upstream = endpoint.label.clone();
                        return Err(Failed::For(ForwardError::NoAnswer { upstream, after: within }));
                    }
                }
            }
        }
    };
    answered.map_err(|mut failed| {
        let back = failed.take_message();
        let error = failed.into_error();
        if let Some(request) = back {
            return Failed::NeverSent(Box::new(request), error);
        }
        let refused = endpoint.refused_us(&error);
        Failed::For(refused.unwrap_or_else(|| ForwardError::of_exchange(endpoint.label.clone(), error)))
    })
}
