//! The signed statement itself (a JWT, RFC 7519): its claims, under Pomerium's names.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

use crate::SignError;
use crate::claims::Told;

/// Claims that are always there or always ours, and never taken from what a provider said.
const OURS: [&str; 12] = ["aud", "email", "exp", "groups", "iat", "iss", "jti", "name", "nbf", "sid", "sub", "user"];

#[derive(Serialize)]
pub(crate) struct Statement<'a> {
    iss: String,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    sub: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    /// Never null: there are libraries that take null for "any".
    groups: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    sid: &'a str,
    #[serde(flatten)]
    more: BTreeMap<&'a str, Value>,
}

impl<'a> Statement<'a> {
    /// What is stated of a visitor to the application behind `audience`: the usual, and the claims of these names.
    ///
    /// `as_text` writes those claims as texts, lists joined by commas, as Pomerium does; else they are what the
    /// provider said.
    pub(crate) fn new(
        told: &'a Told<'a>,
        audience: &'a str,
        now: SystemTime,
        expires_at: SystemTime,
        claims: impl Iterator<Item = &'a str>,
        as_text: bool,
    ) -> Result<Self, SignError> {
        let mut jti = [0; 16];
        rand::fill(&mut jti).map_err(|_| SignError::System)?;
        let more = claims.filter(|claim| !OURS.contains(claim)).filter_map(|claim| {
            let value = told.json(claim)?;
            Some((claim, if as_text { Value::String(text(&value)) } else { value }))
        });
        Ok(Self {
            iss: told.terms.issuer(audience),
            aud: audience,
            iat: seconds(now)?,
            exp: seconds(expires_at)?,
            jti: URL_SAFE_NO_PAD.encode(jti),
            sub: &told.who.subject.id,
            user: &told.who.subject.id,
            email: told.email(),
            groups: told.terms.groups(&told.who.groups).collect(),
            name: told.who.name.as_deref(),
            sid: told.session_id,
            more: more.collect(),
        })
    }
}

/// As Pomerium writes a claim. A comma within an item, and `%`, are percent-encoded: an item is not to become two.
fn text(value: &Value) -> String {
    let single = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Array(items) => {
            let items = items.iter().filter(|item| !item.is_null());
            items.map(|item| single(item).replace('%', "%25").replace(',', "%2C")).collect::<Vec<_>>().join(",")
        }
        value => single(value),
    }
}

/// NumericDate (RFC 7519 §2).
fn seconds(time: SystemTime) -> Result<u64, SignError> {
    time.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).map_err(|_| SignError::System)
}
