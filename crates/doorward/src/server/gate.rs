//! Where the siblings meet: the proxy asks who somebody is and leaves our own endpoints to the authenticator.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use doorward_assertion::{JWKS_CACHE_CONTROL, SigningKeys};
use doorward_authenticate::Authenticator;
use doorward_hygiene::CleanHead;
use doorward_proxy::{Identify, OwnEndpoints, ProxyBody};
use doorward_sessions::{LiveSession, StoreUnavailable};
use futures_util::future::BoxFuture;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;

/// Where upstreams find the keys for the assertion, on every host.
const JWKS: &str = "/.well-known/doorward/jwks.json";

/// The authenticator as the proxy sees it, and the published keys.
pub(crate) struct Gate {
    authenticator: Authenticator,
    jwks: Bytes,
}

impl Gate {
    pub(crate) fn new(authenticator: Authenticator, keys: &SigningKeys) -> Self {
        Self { authenticator, jwks: keys.jwks().to_string().into() }
    }

    fn publish_keys(&self, method: &Method) -> Response<ProxyBody> {
        let mut answer = Response::new(ProxyBody::empty());
        let headers = answer.headers_mut();
        if method == Method::GET || method == Method::HEAD {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(JWKS_CACHE_CONTROL));
            // Public keys are for everybody, pages of other origins included.
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            *answer.body_mut() = ProxyBody::full(self.jwks.clone());
        } else {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        answer
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

    fn sign_in(&self, head: &CleanHead, request_id: &str, now: SystemTime) -> Response<Bytes> {
        self.authenticator.begin_sign_in(head, request_id, now)
    }
}

impl OwnEndpoints for Gate {
    fn owns(&self, head: &CleanHead) -> bool {
        head.path().decoded() == JWKS || self.authenticator.owns(head)
    }

    fn answer(
        &self,
        head: CleanHead,
        body: Incoming,
        request_id: &str,
        _: IpAddr,
    ) -> BoxFuture<'static, Response<ProxyBody>> {
        if head.path().decoded() == JWKS {
            let answer = self.publish_keys(head.method());
            return Box::pin(async move { answer });
        }
        let (authenticator, request_id) = (self.authenticator.clone(), request_id.to_owned());
        Box::pin(async move { authenticator.answer(head, body, &request_id).await.map(ProxyBody::full) })
    }
}
