//! What the pipeline needs of whoever knows visitors: who asks, how to sign in, and the endpoints of our own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use doorward_hygiene::CleanHead;
use doorward_sessions::{Known, LiveSession, StoreUnavailable};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Response};
use hyper::body::Incoming;

use crate::ProxyBody;
use crate::snapshot::Snapshot;

/// Why nobody can say whose request it is.
#[derive(Debug, thiserror::Error)]
pub enum NotIdentified {
    /// The store does not answer. That says nothing about the visitor.
    #[error(transparent)]
    StoreDown(#[from] StoreUnavailable),
    /// Its address has brought so many tickets that nobody knows that the store is not asked about more of them.
    #[error("too many unknown session cookies came from this address")]
    TooManyUnknown {
        /// In seconds; never zero.
        retry_after: u64,
    },
}

/// An answer of our own endpoints that refuses something for a limit carries this among its extensions: the reason, in
/// kebab case, for the access line and the count of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedFor(pub &'static str);

/// Who is asking.
pub trait Identify: Send + Sync {
    /// The session of a request whose ticket was seen before. Called for every request: no wait, no cryptography.
    fn cached(&self, head: &CleanHead, now: SystemTime) -> Option<Arc<LiveSession>>;

    /// Whether the request has anything that could be a ticket, so that asking the store makes sense.
    fn has_ticket(&self, head: &CleanHead) -> bool;

    /// The session of a request, asking the store. A malformed, unknown or expired ticket is no session; a store that
    /// cannot say is an error: that is answered with 503, never with "signed out".
    fn find<'a>(
        &'a self,
        head: &'a CleanHead,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Option<Arc<LiveSession>>, NotIdentified>>;

    /// A ticket to take the place of the one a page load has brought, as a `Set-Cookie` line, if the person's rights
    /// have changed since that was granted. Asked only of sessions of which there may be such tickets. Whatever fails
    /// leaves everything as it is.
    fn new_ticket<'a>(
        &'a self,
        _head: &'a CleanHead,
        _session: &'a Arc<LiveSession>,
        _now: SystemTime,
    ) -> BoxFuture<'a, Option<HeaderValue>> {
        Box::pin(std::future::ready(None))
    }

    /// The answer to somebody who has to sign in first: a redirect for a page load, else 401. Where the route has a
    /// `max_age`, the sign-in may not be older than that.
    fn sign_in(
        &self,
        head: &CleanHead,
        request_id: &str,
        max_age: Option<Duration>,
        now: SystemTime,
    ) -> Response<Bytes>;
}

/// The endpoints of our own, on every host we serve.
pub trait OwnEndpoints: Send + Sync {
    /// Whether this request is for one of them.
    fn owns(&self, head: &CleanHead) -> bool;

    /// Answers it.
    fn answer(
        &self,
        head: CleanHead,
        body: Incoming,
        request_id: &str,
        client: IpAddr,
    ) -> BoxFuture<'static, Response<ProxyBody>>;
}

/// A signed-in visitor of one request: the session, and the person as they are known while it is decided and forwarded.
#[derive(Debug, Clone)]
pub(crate) struct Identified {
    pub(crate) session: Arc<LiveSession>,
    pub(crate) known: Arc<Known>,
}

/// The session of a request. The store is asked only about a ticket not seen before; only then is anything waited for.
pub(crate) async fn visitor(
    snapshot: &Snapshot,
    head: &CleanHead,
    now: SystemTime,
) -> Result<Option<Identified>, NotIdentified> {
    let session = match snapshot.identify.cached(head, now) {
        Some(session) => Some(session),
        None if snapshot.identify.has_ticket(head) => snapshot.identify.find(head, now).await?,
        None => None,
    };
    let session = session.filter(|session| !session.is_over(now));
    Ok(session.map(|session| Identified { known: session.known(), session }))
}

/// The ticket that takes the place of the one this request has brought, if that is to be replaced. Only a page load is
/// given one: a script's requests run side by side, and a WebSocket's answer is often looked at by nobody.
pub(crate) async fn new_ticket(
    snapshot: &Snapshot,
    head: &CleanHead,
    visitor: Option<&Identified>,
    now: SystemTime,
) -> Option<HeaderValue> {
    let session = &visitor?.session;
    if !session.has_outdated_tickets() || head.method() != Method::GET || !head.is_page_load() {
        return None;
    }
    snapshot.identify.new_ticket(head, session, now).await
}
