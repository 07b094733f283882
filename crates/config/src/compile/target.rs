//! What answers on a route: exactly one of `to`, `redirect` and `response`.

use doorward_hygiene::Scheme;
use http::StatusCode;

use super::Compiler;
use super::route::Defaults;
use crate::domain::route::{Redirect, StaticResponse, Target};
use crate::raw::At;
use crate::raw::route::{RawRedirect, RawResponse, RawRoute};

impl Compiler<'_> {
    /// The target, and the path in `to` if it has one.
    pub(super) fn target(&mut self, raw: &RawRoute, defaults: &Defaults<'_>) -> Option<(Target, Option<At<String>>)> {
        let mut given = Vec::new();
        given.extend(raw.to.value().map(|to| ("to", &to.place)));
        given.extend(raw.redirect.as_ref().map(|redirect| ("redirect", &redirect.place)));
        given.extend(raw.response.as_ref().map(|response| ("response", &response.place)));
        match given.as_slice() {
            [] if !raw.to.is_absent() => None,
            [] => {
                self.problems.error(
                    &raw.place,
                    "this route leads nowhere",
                    "Add `to: http://HOST:PORT` (or `redirect`, or `response`).",
                );
                None
            }
            [_, (second, place), ..] => {
                let keys: Vec<_> = given.iter().map(|(key, _)| format!("`{key}`")).collect();
                self.problems.error(
                    place,
                    format!("a route has one of `to`, `redirect` and `response`, but here are {}", keys.join(" and ")),
                    format!("Remove `{second}`, or make two routes."),
                );
                None
            }
            [_] => {
                if let Some(to) = raw.to.value() {
                    let (mut upstream, base) = self.upstream(to, &raw.tls, defaults.authorities)?;
                    upstream.lookup = defaults.lookup;
                    return Some((Target::Upstream(upstream), base));
                }
                let redirect = raw.redirect.as_ref().map(|redirect| self.redirect(redirect));
                let response = raw.response.as_ref().and_then(|response| self.response(response));
                redirect.map(Target::Redirect).or(response.map(Target::Response)).map(|target| (target, None))
            }
        }
    }

    fn redirect(&mut self, raw: &RawRedirect) -> Redirect {
        let https = raw.https_redirect.as_ref().is_some_and(|flag| flag.value);
        let scheme = match &raw.scheme_redirect {
            None => https.then_some(Scheme::Https),
            Some(text) => self.redirect_scheme(text, https),
        };
        let host = raw.host_redirect.as_ref().and_then(|text| self.hostname("host_redirect", text));
        let path = raw.path_redirect.as_ref().and_then(|text| self.redirect_path("path_redirect", text));
        let prefix = raw.prefix_rewrite.as_ref().and_then(|text| self.redirect_path("prefix_rewrite", text));
        if let (Some(_), Some(prefix)) = (&raw.path_redirect, &raw.prefix_rewrite) {
            self.problems.error(
                &prefix.place,
                "a redirect has one of `path_redirect` and `prefix_rewrite`, but here are both",
                "Remove one of them.",
            );
        }
        let port = raw.port_redirect.as_ref().map(|port| port.value);
        let moves = raw.host_redirect.is_some()
            || port.is_some()
            || raw.path_redirect.is_some()
            || raw.prefix_rewrite.is_some()
            || scheme == Some(Scheme::Http);
        if !moves {
            self.problems.error(
                &raw.place,
                "this redirect leads back to the address it came from",
                "Say what changes: `host_redirect`, `port_redirect`, `path_redirect` or `prefix_rewrite`. \
                 From http to https is redirected without a route.",
            );
        }
        Redirect {
            scheme,
            host,
            port,
            path,
            prefix_rewrite: prefix,
            response_code: self.redirect_code(raw.response_code.as_ref()),
            strip_query: raw.strip_query.as_ref().is_some_and(|flag| flag.value),
        }
    }

    fn redirect_scheme(&mut self, text: &At<String>, https: bool) -> Option<Scheme> {
        if https {
            self.problems.error(
                &text.place,
                "`https_redirect` and `scheme_redirect` are both given",
                "Keep one of them.",
            );
        }
        match text.value.to_ascii_lowercase().as_str() {
            "https" => Some(Scheme::Https),
            "http" => Some(Scheme::Http),
            _ => {
                self.problems.error(&text.place, "`scheme_redirect` is either `https` or `http`", "Write one of them.");
                None
            }
        }
    }

    /// A path in a redirect goes into the `Location` header as it is written.
    fn redirect_path(&mut self, key: &str, text: &At<String>) -> Option<String> {
        let visible = text.value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        // Two slashes in front would be another host to a browser.
        if text.value.starts_with('/') && !text.value.starts_with("//") && visible {
            return Some(text.value.clone());
        }
        self.problems.error(
            &text.place,
            format!("`{key}` of a redirect is no path"),
            "Begin it with a single `/`, and percent-encode what is not visible ASCII.",
        );
        None
    }

    fn redirect_code(&mut self, code: Option<&At<u16>>) -> StatusCode {
        let Some(code) = code else { return StatusCode::MOVED_PERMANENTLY };
        match StatusCode::from_u16(code.value) {
            Ok(status) if matches!(code.value, 301 | 302 | 303 | 307 | 308) => status,
            _ => {
                self.problems.error(&code.place, "`response_code` is no redirect", "It is 301, 302, 303, 307 or 308.");
                StatusCode::MOVED_PERMANENTLY
            }
        }
    }

    fn response(&mut self, raw: &RawResponse) -> Option<StaticResponse> {
        let body = raw.body.as_ref().map(|body| body.value.clone()).unwrap_or_default();
        let Some(status) = &raw.status else {
            self.problems.error(&raw.place, "this `response` has no `status`", "Add `status: 200`.");
            return None;
        };
        match StatusCode::from_u16(status.value) {
            Ok(code) if (200..600).contains(&status.value) => Some(StaticResponse { status: code, body }),
            _ => {
                self.problems.error(&status.place, "`status` is none a response can have", "It is from 200 to 599.");
                None
            }
        }
    }
}
