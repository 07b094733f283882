//! Signing, once for each session and audience rather than for each request.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_identity::Identity;
use http::HeaderValue;
use serde::Serialize;

use crate::{SignError, SigningKeys};

/// How long an assertion is good for.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// One with less than this left is replaced, so that an upstream with a slow clock still takes it.
const REPLACE_BEFORE: Duration = Duration::from_secs(60);
/// How many assertions are kept; the least used go first.
const CAPACITY: u64 = 50_000;

/// Makes the value of the `X-Doorward-Jwt-Assertion` header.
pub struct Signer {
    keys: Arc<SigningKeys>,
    issuer: String,
    signed: moka::sync::Cache<String, Signed>,
}

#[derive(Clone)]
struct Signed {
    value: HeaderValue,
    issued_at: SystemTime,
    expires_at: SystemTime,
    last_one: bool,
}

/// The claims (RFC 7519 §4.1, and Pomerium's names for the rest).
#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: String,
    sub: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    /// Never null: there are libraries that take null for "any".
    groups: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    sid: &'a str,
}

impl Signer {
    /// A signer that names itself `issuer` (`iss`).
    pub fn new(keys: Arc<SigningKeys>, issuer: impl Into<String>) -> Self {
        let signed = moka::sync::Cache::builder().max_capacity(CAPACITY).time_to_live(LIFETIME).build();
        Self { keys, issuer: issuer.into(), signed }
    }

    /// The assertion that `who` is asking, for the upstream behind `audience` (the route's host). Good for five
    /// minutes, but no longer than the session; the same value is returned while more than one minute is left.
    ///
    /// The e-mail address is in it only when the provider vouches for it.
    ///
    /// # Errors
    /// [`SignError::SessionOver`], [`SignError::Token`], [`SignError::System`].
    pub fn sign(
        &self,
        who: &Identity,
        session_id: &str,
        session_expires: SystemTime,
        audience: &str,
        now: SystemTime,
    ) -> Result<HeaderValue, SignError> {
        // A session id has no white space, so no other pair makes the same key.
        let key = [session_id, " ", audience].concat();
        if let Some(signed) = self.signed.get(key.as_str()).filter(|signed| signed.is_fresh(now)) {
            return Ok(signed.value);
        }
        if session_expires <= now {
            return Err(SignError::SessionOver);
        }
        let full = now.checked_add(LIFETIME).ok_or(SignError::System)?;
        let expires_at = full.min(session_expires);
        let value = self.make(who, session_id, audience, now, expires_at)?;
        let signed = Signed { value: value.clone(), issued_at: now, expires_at, last_one: session_expires <= full };
        self.signed.insert(key, signed);
        Ok(value)
    }

    fn make(
        &self,
        who: &Identity,
        session_id: &str,
        audience: &str,
        now: SystemTime,
        expires_at: SystemTime,
    ) -> Result<HeaderValue, SignError> {
        let mut jti = [0; 16];
        rand::fill(&mut jti).map_err(|_| SignError::System)?;
        let assertion = Assertion {
            iss: &self.issuer,
            aud: audience,
            iat: seconds(now)?,
            exp: seconds(expires_at)?,
            jti: URL_SAFE_NO_PAD.encode(jti),
            sub: &who.subject.id,
            user: &who.subject.id,
            email: who.email.verified().map(doorward_identity::Email::as_str),
            groups: who.groups.as_slice(),
            name: who.name.as_deref(),
            sid: session_id,
        };
        let token = jsonwebtoken::encode(self.keys.header(), &assertion, self.keys.signing())?;
        let mut value = HeaderValue::try_from(token).map_err(|_| SignError::System)?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Signed {
    fn is_fresh(&self, now: SystemTime) -> bool {
        // A clock set back makes what was signed look issued in the future.
        let issued = self.issued_at <= now;
        let left = self.expires_at.duration_since(now).unwrap_or_default();
        // The last of a session cannot be replaced by one that lasts longer.
        issued && (left > REPLACE_BEFORE || (self.last_one && !left.is_zero()))
    }
}

/// NumericDate (RFC 7519 §2).
fn seconds(time: SystemTime) -> Result<u64, SignError> {
    time.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).map_err(|_| SignError::System)
}

#[cfg(test)]
mod tests;
