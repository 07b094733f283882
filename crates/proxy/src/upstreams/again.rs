//! A request kept for the case that an HTTP/2 upstream says that it has done nothing about it.
//!
//! Refuses to gather: of a body, only what fits into a few frames is remembered, and it is shared, not copied.

use std::time::Duration;

use http::{HeaderMap, Method, Request, Uri, Version};

use crate::body::{Returned, Upload};

/// How long it takes at most until a body is let go of that is not wanted any more.
const GIVEN_BACK: Duration = Duration::from_secs(1);

/// What it takes to send a request once more.
#[derive(Debug)]
pub(super) struct Again {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    /// Where its body comes back; None when it has none.
    body: Option<Returned>,
}

impl Again {
    /// Of a request about to be sent.
    pub(super) fn of(request: Request<Upload>) -> (Request<Upload>, Self) {
        let (parts, mut body) = request.into_parts();
        let again = Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            headers: parts.headers.clone(),
            body: body.want_back(),
        };
        (Request::from_parts(parts, body), again)
    }

    /// The same request, if nothing of it is lost.
    pub(super) async fn request(self) -> Option<Request<Upload>> {
        let body = match self.body {
            None => Upload::nothing(),
            Some(returned) => tokio::time::timeout(GIVEN_BACK, returned).await.ok()?.ok()?,
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        *request.version_mut() = Version::HTTP_2;
        Some(request)
    }
}
