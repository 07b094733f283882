//! How a route's upstream is told of visitors.

use doorward_assertion::Terms;
use doorward_config::{HeaderContent, HeaderPart, Route};

/// What of it is known before any request.
#[derive(Debug)]
pub(crate) struct Telling {
    /// On which terms.
    pub(crate) terms: Terms,
    /// Whether any header holds the signed statement, so that it has to be made.
    pub(crate) in_signed_form: bool,
}

impl Telling {
    pub(crate) fn of(route: &Route) -> Self {
        let states = route.set_request_headers.iter().any(|(_, content)| match content {
            HeaderContent::Fixed(_) => false,
            HeaderContent::Assembled(parts) => parts.contains(&HeaderPart::Assertion),
        });
        Self {
            terms: Terms::new(route.jwt_issuer_format, route.jwt_groups_filter.clone()),
            in_signed_form: route.pass_identity_headers || states,
        }
    }
}
