//! Headers set on requests and answers.

use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderName, HeaderValue};

use super::Compiler;
use super::route::Routes;
use crate::domain::route::{HeaderContent, HeaderPart};
use crate::domain::tls::Tls;
use crate::raw::{At, HeaderPairs, OF_THE_CONNECTION, Pairs};
use crate::yaml::shown;

/// A year, for this host alone: subdomains and browsers' preload lists are for their owner to bring in.
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The key that turns the headers set by default off.
const DISABLE: &str = "disable";

/// Headers Doorward sets on every request it forwards.
const SET_BY_US: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-request-id"];

/// Headers set on answers, and whether those set by default are turned off.
#[derive(Default)]
pub(super) struct ResponseHeaders {
    pub(super) set: Vec<(HeaderName, HeaderValue)>,
    pub(super) disabled: bool,
}

/// Adds Strict-Transport-Security where the route wants headers set by default and a certificate is served that browsers are meant to trust, unless the
/// header is set otherwise. With a self-signed one it would only keep people from getting past the warning.
pub(super) fn add_strict_transport_security(routes: &mut Routes, tls: &Tls) {
    for route in &mut routes.list {
        let set = routes.bare.contains(&route.id)
            || route.set_response_headers.iter().any(|(name, _)| name == STRICT_TRANSPORT_SECURITY);
        let host = &route.from.host;
        let ordered = tls.acme.as_ref().is_some_and(|acme| !acme.is_for_trying() && acme.orders(host));
        if !set && (tls.covers(host) || ordered) {
            route.set_response_headers.push((STRICT_TRANSPORT_SECURITY, ONE_YEAR));
        }
    }
}

impl Compiler<'_> {
    pub(super) fn global_headers(&mut self, given: Option<&At<Pairs>>) -> ResponseHeaders {
        given.map(|pairs| self.response_headers(pairs)).unwrap_or_default()
    }

    /// A route's headers over the global ones. `disable` in a route leaves those out.
    pub(super) fn route_headers(&mut self, given: Option<&At<Pairs>>, global: &ResponseHeaders) -> ResponseHeaders {
        let own = self.global_headers(given);
        let mut set = if own.disabled { Vec::new() } else { global.set.clone() };
        set.retain(|(name, _)| own.set.iter().all(|(other, _)| other != name));
        set.extend(own.set);
        ResponseHeaders { set, disabled: own.disabled }
    }

    fn response_headers(&mut self, pairs: &At<Pairs>) -> ResponseHeaders {
        let key = "set_response_headers";
        let mut headers = ResponseHeaders::default();
        for (name, value) in &pairs.value {
            if name.value == DISABLE {
                headers.disabled = !matches!(value.value.as_str(), "" | "false");
                continue;
            }
            let Some((header, value)) = self.header(key, name, value) else { continue };
            if is_doorwards(&header) {
                self.reserved(key, name);
                continue;
            }
            self.add(key, &mut headers.set, name, header, value);
        }
        headers
    }

    pub(super) fn request_headers(&mut self, given: Option<&At<HeaderPairs>>) -> Vec<(HeaderName, HeaderContent)> {
        let key = "set_request_headers";
        let mut headers = Vec::new();
        for (name, value) in given.iter().flat_map(|pairs| &pairs.value) {
            let Some((header, value)) = self.request_header(key, name, value) else { continue };
            if header == http::header::HOST {
                self.problems.error(
                    &name.place,
                    "`set_request_headers` cannot set `Host`",
                    "Use `host_rewrite` for a fixed name, or `preserve_host_header: true` for the visitor's.",
                );
            } else if is_set_by_us(&header) {
                self.reserved(key, name);
            } else {
                self.add(key, &mut headers, name, header, value);
            }
        }
        headers
    }

    fn request_header(
        &mut self,
        key: &str,
        name: &At<String>,
        value: &At<Vec<HeaderPart>>,
    ) -> Option<(HeaderName, HeaderContent)> {
        let mut text = String::new();
        for part in &value.value {
            match part {
                HeaderPart::Text(part) => text.push_str(part),
                // In the place of what is put in later, which is made of characters that a header can carry.
                _ => text.push('x'),
            }
        }
        let assembled = value.value.iter().any(|part| !matches!(part, HeaderPart::Text(_)));
        let (header, mut content) = self.header(key, name, &At::new(text, &value.place))?;
        if assembled {
            return Some((header, HeaderContent::Assembled(value.value.clone())));
        }
        // It may well be a password: kept out of debug output and compression tables.
        content.set_sensitive(true);
        Some((header, HeaderContent::Fixed(content)))
    }

    pub(super) fn removed_headers(&mut self, given: Option<&At<Vec<At<String>>>>) -> Vec<HeaderName> {
        let key = "remove_request_headers";
        let mut headers = Vec::new();
        for name in given.iter().flat_map(|names| &names.value) {
            let Some(header) = self.header_name(key, name) else { continue };
            if header == http::header::HOST || is_set_by_us(&header) {
                self.reserved(key, name);
            } else if !headers.contains(&header) {
                headers.push(header);
            }
        }
        headers
    }

    fn add<V>(
        &mut self,
        key: &str,
        headers: &mut Vec<(HeaderName, V)>,
        name: &At<String>,
        header: HeaderName,
        value: V,
    ) {
        if headers.iter().any(|(other, _)| *other == header) {
            self.problems.error(
                &name.place,
                format!("`{}` is given twice in `{key}`; upper and lower case are the same", shown(&name.value)),
                "Keep one of them.",
            );
            return;
        }
        headers.push((header, value));
    }

    fn header(&mut self, key: &str, name: &At<String>, value: &At<String>) -> Option<(HeaderName, HeaderValue)> {
        let header = self.header_name(key, name);
        let Ok(content) = HeaderValue::from_str(value.value.trim()) else {
            self.problems.error(
                &value.place,
                format!("the value of `{}` in `{key}` has a character that no header can carry", shown(&name.value)),
                "Use visible ASCII characters on one line.",
            );
            return None;
        };
        Some((header?, content))
    }

    pub(super) fn header_name(&mut self, key: &str, name: &At<String>) -> Option<HeaderName> {
        let Ok(header) = HeaderName::from_bytes(name.value.as_bytes()) else {
            self.problems.error(
                &name.place,
                format!("`{}` in `{key}` is no name of a header", shown(&name.value)),
                "Names are letters, digits and `-`, without a colon.",
            );
            return None;
        };
        if OF_THE_CONNECTION.contains(&header.as_str()) {
            self.problems.error(
                &name.place,
                format!("`{header}` in `{key}` is about the connection, which is Doorward's own"),
                "Remove it.",
            );
            return None;
        }
        Some(header)
    }

    pub(super) fn reserved(&mut self, key: &str, name: &At<String>) {
        self.problems.error(
            &name.place,
            format!("`{}` in `{key}` is a header that Doorward alone sets", shown(&name.value)),
            "Choose another name. What it would say must not depend on the configuration.",
        );
    }
}

/// Whether a request header is Doorward's to set. `_` counts as `-`.
pub(super) fn is_set_by_us(header: &HeaderName) -> bool {
    is_doorwards(header) || SET_BY_US.contains(&header.as_str().replace('_', "-").as_str())
}

/// Whether a header speaks for Doorward, or for Pomerium in its place. `_` counts as `-`.
fn is_doorwards(header: &HeaderName) -> bool {
    let plain = header.as_str().replace('_', "-");
    plain.starts_with("x-doorward-") || plain.starts_with("x-pomerium-")
}
