//! Judges a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6).
//!
//! Refuses: another issuer, audience or type; one that is old, from the future, or over; one without `jti`, without the
//! logout event, without anybody to log out; one with a nonce, which would be an ID token; and one that no key of the
//! provider's has signed. Whether it was used before is for whoever remembers that.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::id_token::SKEW;
use super::{Ready, RelyingParty, jws};

/// How old a token may be. The specification wants tokens that expire within two minutes; clocks differ, and deliveries
/// are tried again.
const OLDEST: Duration = Duration::from_secs(5 * 60);
/// What says that it is about logging out (§2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest text in a token, in characters: OpenID Connect Core §2 has it for `sub`.
const LONGEST: usize = 255;

/// A logout token that passed.
#[derive(Debug)]
pub(crate) struct LogoutToken {
    /// Who sent it.
    pub(crate) issuer: String,
    /// Whose sessions end.
    pub(crate) subject: Option<String>,
    /// Which of the provider's sessions has ended.
    pub(crate) provider_session: Option<String>,
    /// Its name, to be used once.
    pub(crate) id: String,
    /// From when on it would be refused for its age.
    pub(crate) fresh_until: SystemTime,
}

/// Why a logout token is refused, in words that may be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LogoutRefused(pub(crate) &'static str);

impl RelyingParty {
    /// The token, once everything about it is right. Keys are fetched anew for one that is not known, not too often.
    pub(crate) async fn logout_token(
        &self,
        ready: &Ready,
        text: &str,
        now: SystemTime,
    ) -> Result<LogoutToken, LogoutRefused> {
        let unverified = jws::take_apart(text, &ready.metadata.algorithms).map_err(LogoutRefused)?;
        // The specification recommends a type of its own; a plain JWT is what providers sent before it did.
        if unverified.typ.as_deref().is_some_and(|typ| typ != "logout+jwt" && typ != "jwt") {
            return Err(LogoutRefused("it is another type of token"));
        }
        let claims = &unverified.claims;
        let issuer = ready.metadata.issuer.of_tenant(claims.get("tid").and_then(Value::as_str));
        let token = check(claims, issuer.as_deref(), &self.settings.client_id, now).map_err(LogoutRefused)?;
        let keys = ready.keys.current();
        if unverified.is_signed_with(&keys) {
            return Ok(token);
        }
        match ready.keys.newer_than(&keys, &self.http, now).await {
            Some(keys) if unverified.is_signed_with(&keys) => Ok(token),
            _ => Err(LogoutRefused("its signature is not the provider's")),
        }
    }
}

/// Every check but the signature's.
fn check(
    claims: &Map<String, Value>,
    issuer: Option<&str>,
    client_id: &str,
    now: SystemTime,
) -> Result<LogoutToken, &'static str> {
    let said = claims.get("iss").and_then(Value::as_str);
    let issuer = issuer.filter(|issuer| said == Some(issuer)).ok_or("it comes from another issuer")?;
    let is_for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == client_id,
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience.as_str() == Some(client_id)),
        _ => false,
    };
    if !is_for_us {
        return Err("it is for another audience");
    }
    let issued_at = time(claims.get("iat")).ok_or("it does not say when it was issued")?;
    if issued_at > now.checked_add(SKEW).unwrap_or(now) {
        return Err("it is from the future");
    }
    let fresh_until = issued_at.checked_add(OLDEST + SKEW).unwrap_or(issued_at);
    if now >= fresh_until {
        return Err("it is too old");
    }
    // Required since the specification is final; before, providers left it out, and its age bounds it as well.
    if let Some(expiry) = claims.get("exp") {
        let expiry = time(Some(expiry)).and_then(|expiry| expiry.checked_add(SKEW)).ok_or("its expiry is malformed")?;
        if now >= expiry {
            return Err("it has expired");
        }
    }
    if !matches!(claims.get("events"), Some(Value::Object(events)) if events.get(EVENT).is_some_and(Value::is_object)) {
        return Err("it does not say that anybody logs out");
    }
    if claims.contains_key("nonce") {
        return Err("it has a nonce, so it is no logout token");
    }
    let text = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() && text.chars().count() <= LONGEST => Ok(Some(text.clone())),
        Some(_) => Err("its `sub`, `sid` or `jti` is malformed"),
    };
    let (subject, provider_session) = (text("sub")?, text("sid")?);
    if subject.is_none() && provider_session.is_none() {
        return Err("it names neither a person nor a session");
    }
    let id = text("jti")?.ok_or("it has no `jti`")?;
    Ok(LogoutToken { issuer: issuer.to_owned(), subject, provider_session, id, fresh_until })
}

/// A NumericDate (RFC 7519 §2).
fn time(seconds: Option<&Value>) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(seconds?.as_f64()?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(test)]
mod tests;
