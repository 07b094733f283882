//! An upstream's answer becomes the visitor's.

use http::{Response, StatusCode};

use crate::ProxyBody;
use crate::body::Download;
use crate::error::ForwardError;
use crate::headers::to_visitor::{Framing, clean};
use crate::held::Terms;
use crate::served_route::ServedRoute;
use crate::upstreams::Exchange;

/// Cleans the head and passes the body on as it comes.
///
/// # Errors
/// When the upstream changed protocols unasked, or the body cannot be passed on.
pub(crate) fn pass_on(
    exchange: Exchange,
    route: &ServedRoute,
    cookie_stem: &str,
    terms: Terms,
) -> Result<Response<ProxyBody>, ForwardError> {
    let Exchange { response, lease, upstream, in_flight, unasked } = exchange;
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(ForwardError::Misbehaved { upstream, reason: "it switched protocols and nobody had asked" });
    }
    let framing =
        clean(&mut parts, route, cookie_stem).map_err(|reason| ForwardError::Misbehaved { upstream, reason })?;
    let lease = lease.filter(|_| framing == Framing::Clear);
    let body = ProxyBody::download(Box::new(Download::new(body, lease, terms).counting(in_flight).keeping(unasked)));
    Ok(Response::from_parts(parts, body))
}
