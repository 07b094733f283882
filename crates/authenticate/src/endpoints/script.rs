//! The two scripts for single-page applications: the same for everybody, and kept by browsers for a while.
//!
//! Neither holds anything about anybody, so that whoever reads them, signed in or not, learns nothing.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

struct Script {
    text: Bytes,
    /// The beginning of its SHA-256, in quotes (RFC 9110 §8.8.3).
    tag: String,
}

static SESSION: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../scripts/session.js")));
static SIGNED_IN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../../scripts/signed_in.js")));

/// `GET /.doorward/session.js`.
pub(super) async fn session(headers: HeaderMap) -> Response {
    SESSION.answer(&headers)
}

/// `GET /.doorward/signed_in.js`.
pub(super) async fn signed_in(headers: HeaderMap) -> Response {
    SIGNED_IN.answer(&headers)
}

impl Script {
    /// The script as it is sent: without indentation and the lines that are comments.
    fn new(source: &str) -> Self {
        let lines = source.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()));
        Self { tag: format!("\"{}\"", hash.get(..22).unwrap_or_default()), text: text.into() }
    }

    /// The script, or 304 for who has it already.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let is_known = asked
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .any(|tag| matches!(tag.trim(), "*") || tag.trim().trim_start_matches("W/") == self.tag);
        let mut answer = Response::new(if is_known { axum::body::Body::empty() } else { self.text.clone().into() });
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(doorward_pages::INTERCEPTED, HeaderValue::from_static("true"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert(ETAG, tag);
        }
        if is_known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_are_tiny_and_plain() {
        for (script, most) in [(&SESSION, 4096), (&SIGNED_IN, 512)] {
            let text = std::str::from_utf8(&script.text).unwrap();
            assert!(text.len() < most, "{} bytes", text.len());
            assert!(text.is_ascii() && text.starts_with("(() => {\n'use strict';"), "{text}");
            for forbidden in ["eval", "innerHTML", "document.write", "setAttribute('style", "http:", "https:", "`\n"] {
                assert!(!text.contains(forbidden), "{forbidden}");
            }
        }
    }
}
