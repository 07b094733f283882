//! The keys for upstreams, on every host, for anybody: a JWKS (RFC 7517 §5).
//!
//! Refuses to publish anything but public halves, and to change anything: GET and HEAD alone.

use std::sync::Arc;

use bytes::Bytes;
use doorward_assertion::{JWKS_CACHE_CONTROL, SigningKeys};
use doorward_config::{Config, Provider};
use doorward_hygiene::CleanHead;
use doorward_proxy::ProxyBody;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde_json::json;

const JWKS: &str = "/.well-known/doorward/jwks.json";
const POMERIUMS_JWKS: &str = "/.well-known/pomerium/jwks.json";
const POMERIUMS_PAGES: [&str; 2] = ["/.well-known/pomerium", "/.well-known/pomerium/"];

/// The keys, and where they are found.
pub(crate) struct PublishedKeys {
    keys: Arc<SigningKeys>,
    /// What Pomerium says of itself, where its names are answered to.
    pomerium: Option<Bytes>,
}

impl PublishedKeys {
    pub(crate) fn new(keys: Arc<SigningKeys>, config: &Config) -> Self {
        Self { keys, pomerium: config.assertion.pomerium_compatibility.then(|| page_of_pomerium(config)) }
    }

    /// Whether this path is answered here.
    pub(crate) fn owns(&self, path: &str) -> bool {
        path == JWKS || (self.pomerium.is_some() && (path == POMERIUMS_JWKS || POMERIUMS_PAGES.contains(&path)))
    }

    /// Answers a request for a path that [is owned](Self::owns).
    pub(crate) fn answer(&self, head: &CleanHead) -> Response<ProxyBody> {
        let mut answer = Response::new(ProxyBody::empty());
        let headers = answer.headers_mut();
        if head.method() != Method::GET && head.method() != Method::HEAD {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            return answer;
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(JWKS_CACHE_CONTROL));
        // Public keys are for everybody, pages of other origins included.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let page = self.pomerium.as_ref().filter(|_| POMERIUMS_PAGES.contains(&head.path().decoded()));
        if let Some(page) = page {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *answer.body_mut() = ProxyBody::full(page.clone());
            return answer;
        }
        let published = self.keys.published();
        let known = knows(head.headers(), &published.etag);
        headers.insert(ETAG, published.etag);
        if known {
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
            *answer.body_mut() = ProxyBody::full(published.body);
        }
        answer
    }
}

/// Whether the client has this already (RFC 9110 §13.1.2, compared weakly).
fn knows(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    tags.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}

fn page_of_pomerium(config: &Config) -> Bytes {
    let origin = &config.sign_in.origin;
    let mut page = json!({
        "issuer": format!("{origin}/"),
        "jwks_uri": format!("{origin}{POMERIUMS_JWKS}"),
        "frontchannel_logout_uri": format!("{origin}/.doorward/frontchannel_logout"),
    });
    // Built-in accounts come back from nowhere.
    if let (Provider::Oidc(provider), Some(page)) = (&config.sign_in.provider, page.as_object_mut()) {
        let callback = format!("{origin}{}", provider.redirect_path);
        page.insert("authentication_callback_endpoint".to_owned(), callback.into());
    }
    page.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_has_is_found_among_what_it_names() {
        let etag = HeaderValue::from_static("\"abc\"");
        for (line, known) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("*", true),
            ("\"abcd\"", false),
            ("abc", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(line))]);
            assert_eq!(knows(&headers, &etag), known, "{line}");
        }
        assert!(!knows(&HeaderMap::new(), &etag));
    }
}
