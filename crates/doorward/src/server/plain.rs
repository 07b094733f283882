//! Small answers of the listeners that are for machines: health and metrics. GET and HEAD alone.

use bytes::Bytes;
use doorward_proxy::ProxyBody;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

/// The refusal of any other method.
pub(super) fn refuse_to_change(request: &Request<Incoming>) -> Option<Response<ProxyBody>> {
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return None;
    }
    let mut refused = Response::new(ProxyBody::empty());
    *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    Some(refused)
}

/// An answer that is not to be kept.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<ProxyBody> {
    let mut answer = Response::new(ProxyBody::full(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
