//! What is published of the keys: a JWKS (RFC 7517 §5) and its entity tag.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::HeaderValue;
use jsonwebtoken::jwk::{Jwk, JwkSet};

/// The `Cache-Control` the JWKS is served with: short enough for a key replaced after a loss, long enough that
/// upstreams need not ask for each request.
pub const JWKS_CACHE_CONTROL: &str = "public, max-age=300";

/// The published keys.
#[derive(Debug, Clone)]
pub struct Published {
    /// The JWKS as JSON.
    pub body: Bytes,
    /// Its strong entity tag (RFC 9110 §8.8.3).
    pub etag: HeaderValue,
}

impl Published {
    pub(crate) fn of(keys: Vec<Jwk>) -> Option<Self> {
        let body = serde_json::to_vec(&JwkSet { keys }).ok()?;
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, &body));
        let etag = HeaderValue::try_from(format!("\"{hash}\"")).ok()?;
        Some(Self { body: body.into(), etag })
    }
}
