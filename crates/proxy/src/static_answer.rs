//! Routes that answer by themselves: a redirect or a fixed text. They too answer only what policy allowed.

use bytes::Bytes;
use doorward_config::{PathRule, Redirect};
use doorward_hygiene::CleanHead;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};

use crate::ProxyBody;
use crate::error::ForwardError;
use crate::headers::rewrite::rewritten;
use crate::served_route::ServedRoute;

/// The redirect of a route: what it says is changed, the rest of the URL stays.
///
/// Where the host or the scheme changes and no port is said, the port is the scheme's own.
pub(crate) fn redirect(
    redirect: &Redirect,
    route: &ServedRoute,
    head: &CleanHead,
) -> Result<Response<ProxyBody>, ForwardError> {
    let no_url = |_| ForwardError::Internal("the route's redirect makes no URL");
    let query = if redirect.strip_query { None } else { head.query() };
    let target = match (&redirect.path, &redirect.prefix_rewrite) {
        (Some(path), _) => {
            rewritten(&PathRule::Exact(String::new()), path, head.path(), query).map_err(no_url)?.to_string()
        }
        (None, Some(with)) => rewritten(&route.settings.path, with, head.path(), query).map_err(no_url)?.to_string(),
        (None, None) if redirect.strip_query => head.path().raw().to_owned(),
        (None, None) => head.path_and_query().to_owned(),
    };
    let from = &route.settings.from;
    let scheme = redirect.scheme.unwrap_or(from.scheme);
    let host = redirect.host.as_ref().unwrap_or(head.host());
    let moved = redirect.host.is_some() || redirect.scheme.is_some_and(|scheme| scheme != from.scheme);
    let port = redirect.port.or_else(|| if moved { None } else { head.authority().port });
    let port = port.filter(|port| *port != scheme.default_port()).map(|port| format!(":{port}")).unwrap_or_default();
    let location = HeaderValue::try_from(format!("{}://{host}{port}{target}", scheme.as_str()))
        .map_err(|_| ForwardError::Internal("the route's redirect makes no URL"))?;
    let mut response = Response::new(ProxyBody::empty());
    *response.status_mut() = redirect.response_code;
    response.headers_mut().insert(LOCATION, location);
    Ok(finished(response, route))
}

/// The fixed text of a route.
pub(crate) fn text(status: StatusCode, body: &Bytes, route: &ServedRoute) -> Response<ProxyBody> {
    let mut response = Response::new(ProxyBody::full(body.clone()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    finished(response, route)
}

fn finished(mut response: Response<ProxyBody>, route: &ServedRoute) -> Response<ProxyBody> {
    let headers = response.headers_mut();
    if !route.public {
        // Policy let this visitor see it, not whoever shares a cache with them.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    for (name, value) in &route.settings.set_response_headers {
        headers.insert(name, value.clone());
    }
    response
}
