//! The request an upstream gets: the visitor's, without anything by which a visitor could speak for us, and with what
//! we say ourselves.
//!
//! Order is security. Hop-by-hop headers go first, so that no `Connection` line can name one of ours for removal;
//! then every reserved name and our cookies; only then ours are added. `Authorization` is the visitor's own business
//! with the application and passes.

use std::sync::Arc;
use std::time::SystemTime;

use doorward_assertion::{Introduction, Told, Visit};
use doorward_config::{HostHeader, Route};
use doorward_hygiene::headers::{Peer, is_reserved, set_forwarded, strip_cookies, strip_hop_by_hop, strip_reserved};
use doorward_hygiene::{Authority, CleanHead, Upgrade, UpgradeToken};
use doorward_identity::Presented;
use doorward_telemetry::RequestId;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;

use super::kubernetes;
use super::regex_rewrite::{host_of_path, rewritten_path};
use super::rewrite::rewritten;
use super::template;
use crate::body::{Upload, is_kept_back};
use crate::error::ForwardError;
use crate::identify::Identified;
use crate::served_route::ServedRoute;
use crate::snapshot::Snapshot;

/// The request's id, on both legs.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is said of a request besides what its head says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) route: &'a ServedRoute,
    pub(crate) visitor: Option<&'a Identified>,
    pub(crate) certificate: &'a Presented,
    pub(crate) request_id: &'a RequestId,
    pub(crate) now: SystemTime,
}

/// Makes the request to be forwarded. Without a Host header it is to get the upstream's own.
pub(crate) fn request(head: CleanHead, body: Incoming, said: Said<'_>) -> Result<Request<Upload>, ForwardError> {
    let Said { snapshot, route, .. } = said;
    let settings = &route.settings;
    let (authority, client) = (head.authority().clone(), head.client().clone());
    let upgrade = head.upgrade().map(|upgrade| match upgrade {
        Upgrade::WebSocket(_) | Upgrade::ExtendedConnect => HeaderValue::from_static("websocket"),
        Upgrade::Other(token) => as_written(head.headers(), token),
    });
    let target = rewritten_target(settings, &head)?;
    let named_by_path = match &settings.host_header {
        HostHeader::OfPath(rewrite) => host_of_path(rewrite, head.path()),
        _ => None,
    };
    let parts = head.request_parts();
    let target = target.or_else(|| parts.uri.path_and_query().cloned());
    let mut body = if upgrade.is_some() {
        Upload::nothing()
    } else {
        let (most, signer) = (settings.limits.max_request_bytes, snapshot.signer.clone());
        Upload::new(body, parts.version, most, signer, route.said_headers.clone())
    };

    let mut headers = parts.headers;
    let wants_trailers = says_trailers(&headers);
    let trailers = headers.get(TRAILER).cloned();
    strip_hop_by_hop(&mut headers);
    strip_reserved(&mut headers);
    strip_cookies(&mut headers, &snapshot.cookie_stem);
    let kept_back = !body.is_end_stream() && is_kept_back(&headers, parts.version);
    if !kept_back {
        headers.remove(EXPECT);
    }

    set_host(&mut headers, &settings.host_header, &authority, named_by_path.as_ref());
    let peer = if snapshot.proxies.skip_append { Peer::Skipped } else { Peer::Appended };
    set_forwarded(&mut headers, &client, peer, settings.from.scheme, &authority);
    set(&mut headers, REQUEST_ID, said.request_id.as_str());
    if let Some(signer) = &snapshot.signer {
        signer.strip_claims(&mut headers);
    }
    let introduction = introduce(&authority, said)?;
    // Put together before anything is set or removed: a header may be made of another that the upstream does not get.
    let sources = template::Sources {
        told: said.visitor.map(|visitor| told(visitor, route)),
        tokens: said.visitor.map(|visitor| &visitor.known.tokens),
        introduction: introduction.as_deref(),
        certificate: said.certificate,
        headers: &headers,
    };
    let filled: Vec<_> = settings.set_request_headers.iter().map(|(_, content)| sources.filled(content)).collect();
    if let Some(introduction) = introduction.filter(|_| settings.pass_identity_headers) {
        for (name, value) in &introduction.headers {
            headers.insert(name, value.clone());
        }
    }
    for name in &settings.remove_request_headers {
        headers.remove(name);
    }
    for ((name, _), value) in settings.set_request_headers.iter().zip(filled) {
        match value {
            Some(value) => headers.insert(name, value),
            // Nothing to say: then nobody else says it.
            None => headers.remove(name),
        };
    }

    if let Some(authorization) = &settings.kubernetes {
        let visitor = said.visitor.map(|visitor| told(visitor, route));
        if let Err(reason) = kubernetes::impersonate(&mut headers, authorization, visitor) {
            let request_id = said.request_id.as_str();
            tracing::info!(request_id, %reason, "passed on without the Kubernetes token: the visitor cannot be named");
        }
    }

    // Where the route takes the expectation off, nobody is asked, and nobody is waited for.
    if kept_back && headers.contains_key(EXPECT) {
        body.keep_back();
    }

    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, protocol);
    } else {
        frame(&mut headers, &body, trailers.as_ref());
        if wants_trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            headers.insert(CONNECTION, HeaderValue::from_static("TE"));
        }
    }

    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = target.map_or_else(Uri::default, |target: PathAndQuery| Uri::from(target));
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The protocol as the visitor wrote it: applications may be strict where the RFC is not.
fn as_written(headers: &HeaderMap, token: &UpgradeToken) -> HeaderValue {
    let written = headers.get(UPGRADE).filter(|value| token.is(value.as_bytes())).cloned();
    written.or_else(|| HeaderValue::from_str(token.as_str()).ok()).unwrap_or(HeaderValue::from_static(""))
}

/// The path and query that are sent, where they are not those of the request.
fn rewritten_target(settings: &Route, head: &CleanHead) -> Result<Option<PathAndQuery>, ForwardError> {
    if let Some(rewrite) = &settings.regex_rewrite {
        return rewritten_path(rewrite, head.path(), head.query())
            .map_err(|why| ForwardError::NoPath { reason: why.to_string() });
    }
    let Some(with) = settings.prefix_rewrite.as_deref() else { return Ok(None) };
    rewritten(&settings.path, with, head.path(), head.query())
        .map(Some)
        .map_err(|_| ForwardError::Internal("the route's prefix_rewrite makes no path"))
}

fn set_host(headers: &mut HeaderMap, rule: &HostHeader, authority: &Authority, named_by_path: Option<&Authority>) {
    match rule {
        HostHeader::OfUpstream => {
            headers.remove(HOST);
        }
        HostHeader::OfHeader(name) => set_or_remove(headers, named_by(headers, name).as_ref()),
        HostHeader::OfPath(_) => set_or_remove(headers, named_by_path),
        HostHeader::Fixed(host) => {
            headers.insert(HOST, host.clone());
        }
        // Most often it already stands there just so.
        HostHeader::Preserve if headers.get(HOST).is_some_and(|host| is_written(host, authority)) => {}
        HostHeader::Preserve => set(headers, HOST, &authority.to_string()),
    }
}

fn set_or_remove(headers: &mut HeaderMap, host: Option<&Authority>) {
    match host {
        Some(host) => set(headers, HOST, &host.to_string()),
        None => {
            headers.remove(HOST);
        }
    }
}

/// The host that a header names, if it names one and no two.
fn named_by(headers: &HeaderMap, name: &HeaderName) -> Option<Authority> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Authority::parse(line.to_str().ok()?).ok(),
        _ => None,
    }
}

fn is_written(host: &HeaderValue, authority: &Authority) -> bool {
    let name = authority.host.as_str().as_bytes();
    match (host.as_bytes().strip_prefix(name), authority.port) {
        (Some(rest), None) => rest.is_empty(),
        (Some([b':', digits @ ..]), Some(port)) => {
            std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) == Some(port)
        }
        _ => false,
    }
}

/// What the upstream is told of who asks; nothing when nobody signs, nobody is signed in, or nobody wants to know.
fn introduce(authority: &Authority, said: Said<'_>) -> Result<Option<Arc<Introduction>>, ForwardError> {
    let wanted = said.route.telling.in_signed_form;
    let (Some(signer), Some(visitor), true) = (&said.snapshot.signer, said.visitor, wanted) else { return Ok(None) };
    let visit = Visit {
        told: told(visitor, said.route),
        expires_at: visitor.session.expires_at(),
        revision: visitor.known.revision,
    };
    let introduction = signer
        .introduce(&visit, authority.host.as_str(), said.now)
        .map_err(|_| ForwardError::Internal("the visitor's assertion cannot be signed"))?;
    Ok(Some(introduction))
}

/// The visitor, on the terms of the route.
fn told<'a>(visitor: &'a Identified, route: &'a ServedRoute) -> Told<'a> {
    Told { who: &visitor.known.identity, session_id: visitor.session.id(), terms: &route.telling.terms }
}

/// Says how the body is delimited where the library would guess "not at all", and which trailers come behind it.
fn frame(headers: &mut HeaderMap, body: &Upload, trailers: Option<&HeaderValue>) {
    if body.is_end_stream() || headers.contains_key(CONTENT_LENGTH) {
        return;
    }
    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    if let Some(trailers) = trailers.and_then(announced) {
        headers.insert(TRAILER, trailers);
    }
}

/// A `Trailer` line that names nothing only we may say.
pub(super) fn announced(line: &HeaderValue) -> Option<HeaderValue> {
    let names = line.to_str().ok()?.split(',').map(str::trim);
    let allowed: Vec<&str> = names
        .filter(|name| {
            name.parse::<HeaderName>().is_ok_and(|name| !is_reserved(&name) && name != http::header::SET_COOKIE)
        })
        .collect();
    HeaderValue::try_from(allowed.join(", ")).ok().filter(|line| !line.is_empty())
}

fn says_trailers(headers: &HeaderMap) -> bool {
    headers.get_all(TE).iter().any(|line| {
        line.as_bytes().split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    })
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    match HeaderValue::from_str(value) {
        Ok(value) => headers.insert(name, value),
        // A visitor's own may not stand in for it.
        Err(_) => headers.remove(name),
    };
}
