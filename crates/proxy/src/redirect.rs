//! Plain HTTP where TLS is spoken: the visitor is sent to the same page over https.
//!
//! Refuses to send anybody to a host that is not served here: the new address is made of the configuration, and only
//! the path and the query are the visitor's.

use doorward_hygiene::CleanHead;
use doorward_transport::{Arrival, Peer};
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use crate::ProxyBody;
use crate::refusal::Refusal;
use crate::snapshot::Snapshot;

/// What a proxy before us says of how the request reached it.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether what arrives here gets no answer but the right address.
pub(crate) fn is_wanted(peer: &Peer) -> bool {
    match peer.arrival {
        Arrival::PlainOnTlsPort | Arrival::RedirectPort => true,
        Arrival::Tls { .. } | Arrival::Cleartext => false,
    }
}

/// 301 to the https address of what was asked for.
///
/// # Errors
/// 404 for a host that is not ours, 400 for a target that makes no address, and for a request that came by the https
/// address already: it would come again.
pub(crate) fn to_https(head: &CleanHead, snapshot: &Snapshot) -> Result<Response<ProxyBody>, Refusal> {
    // Whoever says so without need only keeps the right address from themselves.
    if head.headers().get_all(FORWARDED_PROTO).iter().any(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https")) {
        return Err(Refusal::TlsTakenOff);
    }
    let origin = snapshot.origin_of(head.host(), head.authority().port).ok_or(Refusal::UnknownHost)?;
    let location =
        HeaderValue::try_from(format!("{origin}{}", head.path_and_query())).map_err(|_| Refusal::AmbiguousPath)?;
    let mut response = Response::new(ProxyBody::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
