//! The applications behind routes: their connections, and the one function that opens them.
//!
//! Refuses to send anything without a [`Permit`] of the very route it is sent for.

mod address;
mod again;
mod balance;
mod bound;
mod breakers;
mod certificate_problem;
mod client_certificate;
mod danger;
mod dial;
mod endpoint;
mod expecting;
mod figures;
mod greeting;
mod happy_eyeballs;
mod health;
mod http2;
mod members;
mod outlier;
mod pool;
mod registry;
mod retry;
mod shared;
mod tls;
mod wire;

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward_authorize::{Permit, RouteId};
use doorward_config::Breakers;
use http::header::HOST;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::body::{Progress, Unasked, Upload};
use crate::error::ForwardError;
pub(crate) use address::InFlight;
use address::{Address, Outcome};
use balance::Tried;
pub use breakers::Threshold;
use breakers::{Budget, Spent};
pub use certificate_problem::CertificateProblem;
pub use client_certificate::ClientCertificateProblem;
pub use dial::DialError;
use endpoint::{Failed, Sender};
pub use figures::UpstreamFigure;
pub(crate) use http2::said;
use members::{Member, Members};
pub(crate) use pool::Lease;
use pool::PoolLimits;
pub(crate) use registry::Upstreams;
use retry::{Attempt, Reached};

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

/// One upstream: its addresses, each with its idle connections.
#[derive(Debug)]
pub(crate) struct UpstreamClient {
    members: Members,
    breakers: Breakers,
    budget: Budget,
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
    /// Whose it is: [`UpstreamClient::key`].
    pub(crate) key: u64,
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
    /// Counts it as a request until it is dropped.
    pub(crate) in_flight: InFlight,
    /// Of a request whose body may never be asked for: to be kept until the answer is read.
    pub(crate) unasked: Option<Unasked>,
}

/// What stays the same of a request wherever it is sent.
#[expect(clippy::struct_excessive_bools, reason = "facts of one request that have nothing to do with each other")]
struct Sending {
    within: Option<Duration>,
    upgrade: bool,
    progress: Option<Arc<Progress>>,
    /// Whether it has a Host of its own, so that an address's does not take its place.
    hosted: bool,
    /// Whether its method asks for nothing to be done.
    safe: bool,
    has_body: bool,
    /// Whether it may say who its whole connection belongs to, so that nobody else may use that.
    bound: bool,
}

impl Sending {
    /// An upstream that hangs up on a visitor who keeps it waiting for the rest of a body has not failed: else whoever
    /// uploads slowly could have every address left alone.
    fn whose_doing(&self, outcome: Outcome) -> Outcome {
        let waits = self.progress.as_deref().is_some_and(Progress::waits_for_client);
        if outcome == Outcome::BrokeOff && waits { Outcome::ClientGone } else { outcome }
    }
}

/// A request that was not answered at one address.
struct Unanswered {
    error: ForwardError,
    reached: Reached,
    /// What to send elsewhere, if it may be.
    request: Option<Request<Upload>>,
}

impl Unanswered {
    fn over(error: ForwardError) -> Self {
        Self { error, reached: Reached::Answer, request: None }
    }
}

impl UpstreamClient {
    fn new(members: Members, breakers: Breakers, limits: UpstreamLimits) -> Self {
        Self { members, breakers, budget: Budget::default(), limits }
    }

    /// What stands for a visitor where the same one is to come to the same address; zero where it does not matter.
    pub(crate) fn key(&self, session: Option<&str>, client: IpAddr) -> u64 {
        if self.members.wants_key() { balance::key(session, client) } else { 0 }
    }

    /// Sends a request that policy has allowed, and waits for the head of the answer.
    ///
    /// The only function that opens a connection to an upstream for a request. The permit is used up: one request each.
    ///
    /// A request that reached nobody goes to the next address, whatever it asks for: the address cannot be connected to,
    /// or closed the connection before anything was written. One of which anything was written is sent again only where
    /// [`retry::may`] says so.
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
        let Outgoing { mut request, within, upgrade, key } = outgoing;
        let sending = Sending {
            within,
            upgrade,
            progress: request.body().progress(),
            hosted: request.headers().contains_key(HOST),
            safe: request.method().is_safe(),
            has_body: !request.body().is_end_stream(),
            bound: bound::to_connection(request.headers()),
        };
        let mut tried = Tried::default();
        let Some(mut index) = self.members.choose(&tried, key) else {
            return Err(ForwardError::Unhealthy { upstream: self.members.label() });
        };
        let mut second: Option<Spent> = None;
        let mut give_up_at: Option<Instant> = None;
        loop {
            tried.note(index);
            let Some(member) = self.members.get(index) else {
                return Err(ForwardError::Internal("the upstream has no such address"));
            };
            let failed = match self.ask(member, request, &sending, second.is_some()).await {
                Ok(exchange) => return Ok(exchange),
                Err(failed) => failed,
            };
            if let Some(outcome) = Outcome::of(&failed.error).map(|outcome| sending.whose_doing(outcome)) {
                self.members.note(member, outcome, None);
            }
            let Some(back) = failed.request else { return Err(failed.error) };
            let was_sent = failed.reached != Reached::Nobody;
            let spent = if was_sent { self.budget.take(self.breakers.max_retries) } else { None };
            let attempt = Attempt {
                reached: failed.reached,
                safe: sending.safe,
                has_body: sending.has_body,
                upgrade: sending.upgrade,
                second: second.is_some(),
                budget_spent: was_sent && spent.is_none(),
            };
            // However many addresses there are and however slowly each fails, the visitor is told in the end.
            let now = Instant::now();
            if now >= *give_up_at.get_or_insert(now + self.limits.connect * 2) || !retry::may(attempt) {
                return Err(failed.error);
            }
            index = match self.members.choose(&tried, key) {
                Some(next) => next,
                // Nobody else is there: a new connection to the same one.
                None if was_sent => index,
                None => return Err(failed.error),
            };
            second = second.or(spent);
            tracing::debug!(upstream = %member.address.endpoint.label, "sent again: {}", failed.error);
            member.address.counts.retries.fetch_add(1, Ordering::Relaxed);
            request = back;
        }
    }

    /// Sends it to one address, over a kept connection if there is one and it is not to be a new one.
    async fn ask(
        &self,
        member: &Member,
        mut request: Request<Upload>,
        sending: &Sending,
        anew: bool,
    ) -> Result<Exchange, Unanswered> {
        let address = &member.address;
        let endpoint = &address.endpoint;
        let in_flight = address.begin();
        breakers::requests(&self.breakers, self.members.addresses()).map_err(|over| self.overloaded(over))?;
        if !sending.hosted {
            request.headers_mut().insert(HOST, endpoint.authority.clone());
        }
        let progress = sending.progress.as_deref();
        let mut kept = if anew { None } else { endpoint.take(sending.upgrade) };
        let mut again = false;
        loop {
            let fresh = kept.is_none();
            let mut sender = match kept.take() {
                Some(sender) => sender,
                None => match self.connect(address, sending.upgrade).await {
                    Ok(sender) => sender,
                    Err(Unanswered { error, reached, .. }) => {
                        return Err(Unanswered { error, reached, request: Some(request) });
                    }
                },
            };
            // Gone once it is sent; what may be sent again is copied before.
            let copy = (sending.safe && !sending.has_body).then(|| copy_of(&request));
            match endpoint.send(&mut sender, request, sending.within, progress).await {
                Ok(response) => {
                    self.answered(member, &response);
                    let shared = sender.is_shared() || !(sending.upgrade || sending.bound);
                    return Ok(endpoint.answered(response, shared.then_some(sender), in_flight));
                }
                Err(Failed::For(error)) => {
                    return Err(Unanswered { reached: reached(&error), error, request: copy });
                }
                Err(Failed::NeverSent(back, error)) => {
                    if again || fresh && !http2::is_unprocessed(&error) {
                        let error = endpoint.never_sent(error);
                        return Err(Unanswered { error, reached: Reached::Nobody, request: Some(*back) });
                    }
                    again = true;
                    request = *back;
                }
            }
        }
    }

    async fn connect(&self, address: &Address, upgrade: bool) -> Result<Sender, Unanswered> {
        let _waiting = address.wait();
        breakers::connections(&self.breakers, self.members.addresses()).map_err(|over| self.overloaded(over))?;
        let endpoint = &address.endpoint;
        // Boxed: dialling is rare and its future large, and every request's would have room for it.
        Box::pin(endpoint.connect(self.limits.connect, upgrade)).await.map_err(|source| {
            let error = ForwardError::Unreachable { upstream: endpoint.label.clone(), source };
            Unanswered { error, reached: Reached::Nobody, request: None }
        })
    }

    fn answered(&self, member: &Member, response: &Response<Incoming>) {
        let status = response.status();
        let outcome = if status.is_server_error() { Outcome::ServerError } else { Outcome::Answered };
        self.members.note(member, outcome, Some(status.as_u16()));
    }

    fn overloaded(&self, threshold: Threshold) -> Unanswered {
        Unanswered::over(ForwardError::Overloaded { upstream: self.members.label(), threshold })
    }
}

/// How far a request came that was sent and not answered.
fn reached(error: &ForwardError) -> Reached {
    match error {
        ForwardError::NoAnswer { .. } => Reached::TimeRanOut,
        // An application that ends a stream of HTTP/2 itself has answered.
        ForwardError::BrokeOff { source, .. } if source.is_parse() || said(source).is_some_and(h2::Error::is_reset) => {
            Reached::Answer
        }
        ForwardError::BrokeOff { .. } => Reached::Connection,
        _ => Reached::Answer,
    }
}

/// A request without a body, once more.
fn copy_of(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::nothing());
    request.method().clone_into(copy.method_mut());
    request.uri().clone_into(copy.uri_mut());
    *copy.version_mut() = request.version();
    request.headers().clone_into(copy.headers_mut());
    copy
}

/// A number that nobody knows beforehand.
fn seed() -> u64 {
    std::hash::RandomState::new().hash_one(())
}

#[cfg(test)]
pub(crate) mod tests;
