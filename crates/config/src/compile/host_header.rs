//! Which `Host` a route's upstream gets: one of four ways to say it, else its own name.

use doorward_hygiene::Authority;
use doorward_hygiene::headers::is_reserved;
use http::HeaderValue;
use http::header::{AUTHORIZATION, COOKIE};

use super::Compiler;
use super::from::no_host;
use super::rewriting::Keys;
use crate::domain::route::HostHeader;
use crate::problem::Place;
use crate::raw::At;
use crate::raw::rewriting::RawRewriting;

const BY_PATH: Keys = ("host_path_regex_rewrite_pattern", "host_path_regex_rewrite_substitution");

impl Compiler<'_> {
    pub(super) fn host_header(&mut self, raw: &RawRewriting) -> Option<HostHeader> {
        let preserve = raw.preserve_host_header.as_ref().filter(|flag| flag.value);
        let given: Vec<(&str, &Place)> = [
            ("host_rewrite", raw.host.as_ref().map(|text| &text.place)),
            ("host_rewrite_header", raw.host_header.as_ref().map(|text| &text.place)),
            (BY_PATH.0, raw.host_by_path.place()),
            ("preserve_host_header: true", preserve.map(|flag| &flag.place)),
        ]
        .into_iter()
        .filter_map(|(key, place)| Some((key, place?)))
        .collect();
        if let [(first, place), (second, _), ..] = given.as_slice() {
            self.problems.error(
                place,
                format!("`{first}` and `{second}` contradict each other"),
                "Remove one of the two.",
            );
            return None;
        }
        if let Some(text) = &raw.host {
            return self.fixed_host(text);
        }
        if let Some(name) = &raw.host_header {
            return self.host_of_header(name);
        }
        if raw.host_by_path.place().is_some() {
            return self.regex_rewrite(BY_PATH, &raw.host_by_path).map(HostHeader::OfPath);
        }
        Some(if preserve.is_some() { HostHeader::Preserve } else { HostHeader::OfUpstream })
    }

    fn fixed_host(&mut self, text: &At<String>) -> Option<HostHeader> {
        match Authority::parse(&text.value) {
            Ok(authority) => HeaderValue::from_str(&authority.to_string()).ok().map(HostHeader::Fixed),
            Err(error) => {
                self.problems.error(
                    &text.place,
                    format!("`host_rewrite` is a host, but {}", no_host(&text.value, &error)),
                    "Write a name such as `app.internal`, with `:PORT` if need be, without scheme or path. \
                     `preserve_host_header: true` passes on the visitor's.",
                );
                None
            }
        }
    }

    fn host_of_header(&mut self, name: &At<String>) -> Option<HostHeader> {
        let key = "host_rewrite_header";
        let header = self.header_name(key, name)?;
        if header == http::header::HOST {
            self.problems.error(
                &name.place,
                "`host_rewrite_header` names `Host` itself",
                "Write `preserve_host_header: true` instead.",
            );
            return None;
        }
        if is_reserved(&header) || header == COOKIE || header == AUTHORIZATION {
            self.problems.error(
                &name.place,
                format!("`{key}` names a header that is never a visitor's way to say a host"),
                "Name one that the client sets for it, such as `X-Backend-Host`.",
            );
            return None;
        }
        Some(HostHeader::OfHeader(header))
    }
}
