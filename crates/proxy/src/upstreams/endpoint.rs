//! One address of an upstream: its connections, and one exchange on one of them.
//!
//! Refuses nothing by itself; [`super::UpstreamClient::forward`] is the only caller, and it holds the permit.

use std::future::Future;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward_config::{LookupFamily, UpstreamScheme, UpstreamUrl};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::time::{Instant, timeout_at};

use super::address::InFlight;
use super::again::Again;
use super::client_certificate::Shown;
use super::dial::{self, DialError, Dialled, Offer, Place, Target};
use super::expecting;
use super::http2::{self, Stream};
use super::pool::{Lease, Pool};
use super::shared::Shared;
use super::{Exchange, UpstreamLimits};
use crate::body::{Progress, Upload};
use crate::error::{BuildError, ForwardError};

/// How much of an upstream's answer is buffered at most, in bytes. Half of it or less costs a sixth more CPU for big bodies.
const LARGEST_BUFFER: usize = 256 * 1024;
/// How large the head of an answer may be, and its trailers; of lines, the library takes a hundred.
const LARGEST_HEAD: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// As in the configuration, for logs.
    pub(super) label: Arc<str>,
    /// What stands in Host unless the route says otherwise.
    pub(super) authority: HeaderValue,
    pub(super) target: Target,
    pool: Arc<Pool>,
    /// Where HTTP/2 may be spoken.
    shared: Option<Arc<Shared>>,
}

/// What a request is sent on.
#[derive(Debug)]
pub(super) enum Sender {
    /// A connection of its own, with HTTP/1.1.
    Alone(SendRequest<Upload>),
    /// A stream among others, with HTTP/2.
    Stream(Stream),
}

impl Sender {
    /// Whether others are on the same connection.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

/// Why an exchange brought no answer.
pub(super) enum Failed {
    /// Nothing of it was written, or nothing was done about it; here it is back.
    NeverSent(Box<Request<Upload>>, hyper::Error),
    /// It is over, with this.
    For(ForwardError),
}

impl Endpoint {
    pub(super) fn new(
        url: &UpstreamUrl,
        tls: Option<(&Arc<ClientConfig>, &Arc<Shown>)>,
        server_name: Option<&str>,
        lookup: LookupFamily,
        limits: UpstreamLimits,
    ) -> Result<Self, BuildError> {
        let label = url.to_string();
        let unix = url.scheme.is_unix();
        let (tls, shown) = match (url.scheme.is_tls(), tls) {
            (true, Some((config, shown))) => {
                let own = if unix { "localhost" } else { &url.host };
                let name = ServerName::try_from(server_name.unwrap_or(own).to_owned())
                    .map_err(|_| BuildError::ServerName { upstream: label.clone() })?;
                (Some((Arc::clone(config), name)), Some(Arc::clone(shown)))
            }
            (true, None) => return Err(BuildError::ServerName { upstream: label }),
            (false, _) => (None, None),
        };
        let authority =
            HeaderValue::try_from(url.authority()).map_err(|_| BuildError::ServerName { upstream: label.clone() })?;
        let place = if unix {
            Place::Unix(Path::new(&url.host).into())
        } else {
            Place::Tcp { host: url.host.as_str().into(), port: url.port }
        };
        let h2c = url.scheme == UpstreamScheme::H2c;
        let shared = (h2c || tls.is_some()).then(Arc::default);
        let target = Target { place, lookup, tls, shown, h2c, open: Arc::default() };
        Ok(Self { label: label.into(), authority, target, pool: Pool::new(limits.pool), shared })
    }

    /// How many connections are open, kept ones included and tunnels aside.
    pub(super) fn open_connections(&self) -> usize {
        self.target.open.load(Ordering::Relaxed)
    }

    /// A connection that is there already. One that is to be upgraded is never that.
    pub(super) fn take(&self, upgrade: bool) -> Option<Sender> {
        if upgrade {
            return None;
        }
        if let Some(stream) = self.shared.as_ref().and_then(|shared| shared.take()) {
            return Some(Sender::Stream(stream));
        }
        self.pool.take().map(Sender::Alone)
    }

    /// A new connection, or a stream on one that another request has made meanwhile.
    pub(super) async fn connect(&self, within: Duration, upgrade: bool) -> Result<Sender, DialError> {
        match &self.shared {
            // Rare, and large while it lasts: not a part of every request.
            Some(shared) if !upgrade => Box::pin(shared.connect(&self.target, within)).await,
            _ => {
                let dialled = dial::dial(&self.target, within, Offer::Http1).await?;
                Ok(Sender::Alone(alone(dialled, upgrade).await?))
            }
        }
    }

    /// Sends and waits for the head. When this is dropped before, the request is given up.
    pub(super) async fn send(
        &self,
        sender: &mut Sender,
        mut request: Request<Upload>,
        within: Option<Duration>,
        progress: Option<&Progress>,
    ) -> Result<Response<Incoming>, Failed> {
        let outcome = match sender {
            Sender::Alone(sender) => {
                expecting::over_http1(&mut request, within);
                let answer = pin!(sender.try_send_request(request));
                self.answer(answer, within, progress).await.map_err(|failed| match failed {
                    Unanswered::TooLate(error) => Failed::For(error),
                    Unanswered::Failed(mut failed) => match failed.take_message() {
                        Some(request) => Failed::NeverSent(Box::new(request), failed.into_error()),
                        None => Failed::For(self.broke_off(failed.into_error())),
                    },
                })
            }
            // Boxed: it is larger than the other, whose every request would have room for it.
            Sender::Stream(stream) => Box::pin(self.send_on(stream, request, within, progress)).await,
        };
        // Whatever became of it on the wire, that was the reason.
        let cut = |failed| match progress.and_then(Progress::too_large) {
            Some(most) => Failed::For(ForwardError::TooLarge { most }),
            None => failed,
        };
        outcome.map_err(cut)
    }

    async fn send_on(
        &self,
        stream: &Stream,
        mut request: Request<Upload>,
        within: Option<Duration>,
        progress: Option<&Progress>,
    ) -> Result<Response<Incoming>, Failed> {
        let scheme = if self.target.tls.is_some() { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP };
        if http2::from_http1(&mut request, &scheme).is_none() {
            return Err(Failed::For(ForwardError::Internal("the Host for the upstream is no authority")));
        }
        expecting::over_http2(&mut request, within);
        let (request, again) = Again::of(request);
        let mut sender = stream.sender();
        let answer = pin!(sender.try_send_request(request));
        let error = match self.answer(answer, within, progress).await {
            Ok(response) if http2::has_too_large_a_head(&response) => {
                let (upstream, reason) = (Arc::clone(&self.label), "its head is larger than 64 KiB");
                return Err(Failed::For(ForwardError::Misbehaved { upstream, reason }));
            }
            Ok(response) => return Ok(response),
            Err(Unanswered::TooLate(error)) => return Err(Failed::For(error)),
            Err(Unanswered::Failed(mut failed)) => {
                if let Some(mut request) = failed.take_message() {
                    stream.retire();
                    http2::to_http1(&mut request);
                    return Err(Failed::NeverSent(Box::new(request), failed.into_error()));
                }
                failed.into_error()
            }
        };
        if http2::is_of_connection(&error) {
            stream.retire();
        }
        if http2::is_unprocessed(&error) {
            stream.retire();
            if let Some(mut request) = again.request().await {
                http2::to_http1(&mut request);
                return Err(Failed::NeverSent(Box::new(request), error));
            }
        }
        Err(Failed::For(self.broke_off(error)))
    }

    async fn answer<A>(
        &self,
        mut answer: Pin<&mut A>,
        within: Option<Duration>,
        progress: Option<&Progress>,
    ) -> Result<Response<Incoming>, Unanswered>
    where
        A: Future<Output = Result<Response<Incoming>, TrySendError<Request<Upload>>>>,
    {
        let Some(within) = within else { return answer.await.map_err(Unanswered::Failed) };
        let mut deadline = Instant::now() + within;
        loop {
            if let Ok(answered) = timeout_at(deadline, answer.as_mut()).await {
                return answered.map_err(Unanswered::Failed);
            }
            // A long upload is not cut: the clock starts again with every piece of it.
            match progress.map(|progress| progress.last() + within).filter(|later| *later > Instant::now()) {
                Some(later) => deadline = later,
                None if progress.is_some_and(Progress::waits_for_client) => {
                    return Err(Unanswered::TooLate(ForwardError::ClientStalled { after: within }));
                }
                None => {
                    let upstream = self.label.clone();
                    return Err(Unanswered::TooLate(ForwardError::NoAnswer { upstream, after: within }));
                }
            }
        }
    }

    /// Why a new connection took no request.
    pub(super) fn never_sent(&self, error: hyper::Error) -> ForwardError {
        if http2::is_unprocessed(&error) {
            return self.broke_off(error);
        }
        self.refused_us(&error).unwrap_or_else(|| ForwardError::ClosedAtOnce { upstream: self.label.clone() })
    }

    fn broke_off(&self, error: hyper::Error) -> ForwardError {
        let refused = self.refused_us(&error);
        refused.unwrap_or_else(|| ForwardError::of_exchange(self.label.clone(), error))
    }

    /// The upstream's word about our certificate, which comes only after the handshake, if that is why it failed.
    fn refused_us(&self, error: &hyper::Error) -> Option<ForwardError> {
        let problem = self.target.shown.as_ref()?.problem_in_exchange(error)?;
        let source = DialError::ClientCertificate { problem };
        Some(ForwardError::Unreachable { upstream: Arc::clone(&self.label), source })
    }

    /// The answer, with what its body comes on; without that, the connection is its own.
    pub(super) fn answered(
        &self,
        response: Response<Incoming>,
        sender: Option<Sender>,
        in_flight: InFlight,
    ) -> Exchange {
        let lease = sender.map(|sender| Lease::new(sender, &self.pool));
        Exchange { response, lease, upstream: Arc::clone(&self.label), in_flight, unasked: None }
    }
}

/// Why no head has come.
#[expect(clippy::large_enum_variant, reason = "it is looked at at once, and the large one brings the request back")]
enum Unanswered {
    TooLate(ForwardError),
    Failed(TrySendError<Request<Upload>>),
}

/// HTTP/1.1 on a stream.
pub(super) async fn alone(dialled: Dialled, upgrade: bool) -> Result<SendRequest<Upload>, DialError> {
    let mut builder = Builder::new();
    builder.max_buf_size(LARGEST_BUFFER).max_header_size(LARGEST_HEAD);
    let Dialled { wire, open, .. } = dialled;
    let (sender, connection) = builder.handshake(TokioIo::new(wire)).await.map_err(DialError::Http)?;
    // How a connection ends is told to the request on it; nobody else needs to know.
    if upgrade {
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
    } else {
        tokio::spawn(async move {
            drop(connection.await);
            drop(open);
        });
    }
    Ok(sender)
}
