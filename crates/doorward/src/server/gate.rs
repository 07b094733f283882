//! Where the siblings meet: the proxy asks who somebody is and leaves our own endpoints to the authenticator.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use doorward_authenticate::{Authenticator, NotRecognised};
use doorward_hygiene::CleanHead;
use doorward_proxy::{Identify, NotIdentified, OwnEndpoints, ProxyBody, RefusedFor};
use doorward_sessions::LiveSession;
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
    ) -> BoxFuture<'a, Result<Option<Arc<LiveSession>>, NotIdentified>> {
        Box::pin(async move { self.authenticator.find(head, now).await.map_err(not_identified) })
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
        Box::pin(async move {
            let mut answer = authenticator.answer(head, body, &request_id).await.map(ProxyBody::full);
            let refused = answer.extensions_mut().remove::<doorward_authenticate::RefusedFor>();
            if let Some(doorward_authenticate::RefusedFor(reason)) = refused {
                answer.extensions_mut().insert(RefusedFor(reason));
            }
            answer
        })
    }
}

fn not_identified(why: NotRecognised) -> NotIdentified {
    match why {
        NotRecognised::Store(error) => NotIdentified::StoreDown(error),
        NotRecognised::TooManyUnknown { retry_after } => {
            NotIdentified::TooManyUnknown { retry_after: retry_after.as_secs() + 1 }
        }
    }
}
