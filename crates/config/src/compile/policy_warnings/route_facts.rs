//! What a warning has to know of the route a policy stands on.

use url::Url;

use crate::raw::At;
use crate::raw::route::RawRoute;

/// A route as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct RouteFacts {
    /// As it is written.
    pub(super) from: String,
    /// Where it leads, as it is written.
    pub(super) to: Vec<String>,
    /// What people call it.
    pub(super) called: Vec<String>,
    /// Whether it has all that code-server needs.
    pub(super) fits_code_server: bool,
}

impl RouteFacts {
    pub(super) fn of(raw: &RawRoute) -> Self {
        let text = |given: &Option<At<String>>| given.as_ref().map(|text| text.value.clone());
        let on = |flag: &Option<At<bool>>| flag.as_ref().is_some_and(|flag| flag.value);
        let to: Vec<_> = raw.to.value().into_iter().flat_map(|to| &to.value).map(|to| to.value.clone()).collect();
        let leads_to_8080 = to.iter().filter_map(|to| Url::parse(to).ok()).any(|to| to.port() == Some(8080));
        Self {
            from: raw.from.value().map(|from| from.value.clone()).unwrap_or_default(),
            called: text(&raw.name).into_iter().chain(text(&raw.description)).collect(),
            fits_code_server: leads_to_8080 && on(&raw.allow_websockets) && on(&raw.rewriting.preserve_host_header),
            to,
        }
    }

    /// The host of `from`, up to its first dot.
    pub(super) fn first_label(&self) -> Option<String> {
        let host = Url::parse(&self.from).ok()?.host_str()?.to_owned();
        host.split('.').next().map(ToOwned::to_owned)
    }

    /// The hosts it leads to.
    pub(super) fn hosts(&self) -> impl Iterator<Item = String> {
        self.to.iter().filter_map(|to| Some(Url::parse(to).ok()?.host_str()?.to_owned()))
    }
}
