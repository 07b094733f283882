//! What becomes of a path in which a slash is escaped: its route says.
//!
//! Refuses it, unless the route wants it in some way. One that is kept has found the same route in both of its readings,
//! and policy decides on both; one that is made plain has one reading from here on.

use doorward_config::EscapedSlashes;
use doorward_hygiene::{CleanHead, InvalidPath, Unclean};
use http::header::LOCATION;
use http::{HeaderValue, Response, StatusCode};

use crate::ProxyBody;
use crate::refusal::Refusal;
use crate::served_route::ServedRoute;

/// Settles it. What is returned is the answer, where the client is sent to the plain path.
///
/// # Errors
/// 400, with the reason.
pub(crate) fn settle(head: &mut CleanHead, route: &ServedRoute) -> Result<Option<Response<ProxyBody>>, Refusal> {
    let Some(plain) = head.path().with_plain_slashes() else { return Ok(None) };
    let refused = Unclean::Path(InvalidPath::EncodedSlash);
    match route.settings.escaped_slashes {
        EscapedSlashes::Reject => Err(refused.into()),
        EscapedSlashes::Keep => Ok(None),
        EscapedSlashes::Unescape => {
            head.take_slashes_for_plain()?;
            Ok(None)
        }
        EscapedSlashes::Redirect => {
            // Whole: of a path alone, two slashes in front would be another host.
            let origin = format!("{}://{}", route.settings.from.scheme.as_str(), head.authority());
            let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
            let location = HeaderValue::try_from(format!("{origin}{plain}{query}")).map_err(|_| refused)?;
            let mut response = Response::new(ProxyBody::empty());
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(LOCATION, location);
            Ok(Some(response))
        }
    }
}
