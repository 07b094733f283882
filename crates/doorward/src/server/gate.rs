//! Where the siblings meet: the proxy asks who somebody is and leaves our own endpoints to the authenticator.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use doorward_authenticate::Authenticator;
use doorward_hygiene::CleanHead;
use doorward_proxy::{Identify, OwnEndpoints, ProxyBody};
use doorward_sessions::{LiveSession, StoreUnavailable};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Response};
use hyper::body::Incoming;

use super::published_keys::PublishedKeys;

/// The authenticator as the proxy sees it, and the published keys.
pub(crate) struct Gate {
    authenticator: Authenticator,
    keys: PublishedKeys,
}

impl Gate {
    pub(crate) fn new(authenticator: Authenticator, keys: PublishedKeys) -> Self {
        Self { authenticator, keys }
    }
}

impl Identify for Gate {
    fn cached(&self, head: &CleanHead, now: SystemTime) -> Option<Arc<LiveSession>> {
        self.authenticator.find_cached(head, now)
    }

    fn has_ticket(&self, head: &CleanHead) -> bool {
        self.authenticator.has_ticket(head)
    }

    fn find<'a>(
        &'a self,
        head: &'a CleanHead,
        now: SystemTime,
    ) -> BoxFuture<'a, Result<Option<Arc<LiveSession>>, StoreUnavailable>> {
        Box::pin(self.authenticator.find(head, now))
    }

    fn new_ticket<'a>(
        &'a self,
        head: &'a CleanHead,
        session: &'a Arc<LiveSession>,
        now: SystemTime,
    ) -> BoxFuture<'a, Option<HeaderValue>> {
        Box::pin(self.authenticator.new_ticket(head, session, now))
    }

    fn sign_in(
        &self,
        head: &CleanHead,
        request_id: &str,
        max_age: Option<Duration>,
        now: SystemTime,
    ) -> Response<Bytes> {
        self.authenticator.begin_sign_in(head, request_id, max_age, now)
    }
}

impl OwnEndpoints for Gate {
    fn owns(&self, head: &CleanHead) -> bool {
        self.keys.owns(head.path().decoded()) || self.authenticator.owns(head)
    }

    fn answer(
        &self,
        head: CleanHead,
        body: Incoming,
        request_id: &str,
        _: IpAddr,
    ) -> BoxFuture<'static, Response<ProxyBody>> {
        if self.keys.owns(head.path().decoded()) {
            let answer = self.keys.answer(&head);
            return Box::pin(async move { answer });
        }
        let (authenticator, request_id) = (self.authenticator.clone(), request_id.to_owned());
        Box::pin(async move { authenticator.answer(head, body, &request_id).await.map(ProxyBody::full) })
    }
}
