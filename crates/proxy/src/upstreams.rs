//! The applications behind routes: their connections, and the one function that opens them.
//!
//! Refuses to send anything without a [`Permit`] of the very route it is sent for.

mod certificate_problem;
mod client_certificate;
mod danger;
mod dial;
mod endpoint;
mod pool;
mod tls;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_authorize::{Permit, RouteId};
use doorward_config::Upstream;
use doorward_hygiene::Scheme;
use http::header::HOST;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::body::Upload;
use crate::error::{BuildError, ForwardError};
pub use certificate_problem::CertificateProblem;
pub use client_certificate::ClientCertificateProblem;
use client_certificate::Shown;
pub use dial::DialError;
use endpoint::{Endpoint, Failed, send};
pub(crate) use pool::Lease;
use pool::PoolLimits;
use tls::TlsProfiles;

/// How long connecting may take, and how many connections are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpstreamLimits {
    /// For each of: the look-up, the connecting, the TLS handshake.
    pub(crate) connect: Duration,
    /// The idle connections of each address.
    pub(crate) pool: PoolLimits,
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), pool: PoolLimits::default() }
    }
}

/// Every upstream of a configuration, each distinct one once.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    clients: HashMap<Upstream, Arc<UpstreamClient>>,
}

impl Upstreams {
    /// The upstreams wanted. Those that `previous` has too, in every detail, go on with their connections.
    pub(crate) fn build<'a>(
        wanted: impl Iterator<Item = &'a Upstream>,
        previous: Option<&Self>,
        limits: UpstreamLimits,
    ) -> Result<Self, BuildError> {
        let mut profiles = TlsProfiles::default();
        let mut clients = HashMap::new();
        for upstream in wanted {
            if clients.contains_key(upstream) {
                continue;
            }
            let client = match previous.and_then(|previous| previous.clients.get(upstream)) {
                Some(client) => Arc::clone(client),
                None => Arc::new(UpstreamClient::new(upstream, &mut profiles, limits)?),
            };
            clients.insert(upstream.clone(), client);
        }
        Ok(Self { clients })
    }

    /// The connections of this upstream.
    pub(crate) fn client(&self, upstream: &Upstream) -> Option<Arc<UpstreamClient>> {
        self.clients.get(upstream).cloned()
    }
}

/// One upstream: its addresses, taken in turn, each with its idle connections.
#[derive(Debug)]
pub(crate) struct UpstreamClient {
    endpoints: Box<[Endpoint]>,
    next: AtomicUsize,
    limits: UpstreamLimits,
}

/// A request ready to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Its target is a path with a query; without a Host header it gets the upstream's own.
    pub(crate) request: Request<Upload>,
    /// How long the upstream may take until the head of its answer, while no byte of the body moves. None for ever.
    pub(crate) within: Option<Duration>,
    /// Whether it asks for an upgrade, so that its connection is its own.
    pub(crate) upgrade: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The head, and a body still to be read.
    pub(crate) response: Response<Incoming>,
    /// The pooled connection it is read from.
    pub(crate) lease: Option<Lease>,
    /// Which address answered.
    pub(crate) upstream: Arc<str>,
}

impl UpstreamClient {
    fn new(upstream: &Upstream, profiles: &mut TlsProfiles, limits: UpstreamLimits) -> Result<Self, BuildError> {
        let needs_tls = upstream.addresses.iter().find(|address| address.scheme == Scheme::Https);
        let tls = match needs_tls {
            None => None,
            Some(address) if upstream.tls.skip_verify => Some(TlsProfiles::unverified(&address.to_string())?),
            Some(_) => Some(profiles.verified(&upstream.tls.authorities)?),
        };
        let pair = upstream.tls.client_certificate.as_ref();
        let shown = Shown::new(pair, &tls::provider())
            .map_err(|source| BuildError::ClientCertificate { upstream: label(upstream), source })?;
        let tls = tls.map(|config| shown.put_into(&config));
        let server_name = upstream.tls.server_name.as_deref();
        let endpoints = upstream
            .addresses
            .iter()
            .map(|address| Endpoint::new(address, tls.as_ref().map(|config| (config, &shown)), server_name, limits))
            .collect::<Result<_, _>>()?;
        Ok(Self { endpoints, next: AtomicUsize::new(0), limits })
    }

    /// Sends a request that policy has allowed, and waits for the head of the answer.
    ///
    /// The only function that opens a connection to an upstream. The permit is used up: one request each.
    ///
    /// An address that cannot be reached is passed over for the next one. A kept connection that turns out to be
    /// closed before anything was written costs nothing: the request is sent again on a new one. A request of which
    /// anything was written is never sent twice.
    pub(crate) async fn forward(
        &self,
        permit: Permit,
        route: &RouteId,
        outgoing: Outgoing,
    ) -> Result<Exchange, ForwardError> {
        if permit.route() != route {
            return Err(ForwardError::Internal("the permit is another route's"));
        }
        drop(permit);
        let Outgoing { mut request, within, upgrade } = outgoing;
        let hosted = request.headers().contains_key(HOST);
        let progress = request.body().progress();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let mut unreachable = None;
        for step in 0..self.endpoints.len() {
            let Some(endpoint) = self.endpoints.get(turn.wrapping_add(step) % self.endpoints.len()) else { break };
            if !hosted {
                request.headers_mut().insert(HOST, endpoint.authority.clone());
            }
            let kept = if upgrade { None } else { endpoint.pool.take() };
            if let Some(mut sender) = kept {
                match send(&mut sender, request, within, progress.as_deref(), endpoint).await {
                    Ok(response) => return Ok(endpoint.answered(response, Some(sender))),
                    Err(Failed::NeverSent(back, _)) => request = *back,
                    Err(Failed::For(error)) => return Err(error),
                }
            }
            // Boxed: dialling is rare and its future large, and every request's would have room for it.
            match Box::pin(endpoint.connect(self.limits.connect, upgrade)).await {
                Ok(mut sender) => {
                    return match send(&mut sender, request, within, progress.as_deref(), endpoint).await {
                        Ok(response) => Ok(endpoint.answered(response, (!upgrade).then_some(sender))),
                        Err(Failed::NeverSent(_, error)) => Err(endpoint
                            .refused_us(&error)
                            .unwrap_or_else(|| ForwardError::ClosedAtOnce { upstream: endpoint.label.clone() })),
                        Err(Failed::For(error)) => Err(error),
                    };
                }
                Err(source) => {
                    tracing::debug!(upstream = %endpoint.label, "passed over: {source}");
                    unreachable = Some(ForwardError::Unreachable { upstream: endpoint.label.clone(), source });
                }
            }
        }
        Err(unreachable.unwrap_or(ForwardError::Internal("the upstream has no address")))
    }
}

/// The upstream, as the configuration names it first.
fn label(upstream: &Upstream) -> String {
    upstream.addresses.first().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
