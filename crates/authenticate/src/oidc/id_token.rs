//! Judges an ID token (OpenID Connect Core §3.1.3.7).
//!
//! Refuses: a signature that is none, is made with a shared secret, or with an algorithm the provider does not
//! announce; another issuer, audience, authorised party or nonce; a token that is over, or from the future; and
//! one that came with another access token than its hash says.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::{AccessToken, ClientId};
use openidconnect::core::{CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJsonWebKeySet};
use openidconnect::{
    AccessTokenHash, ClaimsVerificationError, IssuerUrl, Nonce, NonceVerifier as _, SignatureVerificationError,
};
use serde_json::{Map, Value};

use super::metadata::Metadata;
use crate::AuthenticateError;
use crate::shorten::shorten;

/// How far the provider's clock may be off.
pub(super) const SKEW: Duration = Duration::from_secs(60);

/// What a token is held against.
pub(super) struct Expected<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) client_id: &'a ClientId,
    pub(super) nonce: ExpectedNonce<'a>,
    pub(super) access_token: &'a AccessToken,
    pub(super) now: SystemTime,
}

/// Which nonce a token has to have.
#[derive(Clone, Copy)]
pub(super) enum ExpectedNonce<'a> {
    /// That of the sign-in.
    Is(&'a Nonce),
    /// None, or that of the token at sign-in (OpenID Connect Core §12.2).
    NoneOr(Option<&'a str>),
}

impl ExpectedNonce<'_> {
    fn check(self, said: Option<&Nonce>) -> Result<(), String> {
        match self {
            Self::Is(nonce) => nonce.verify(said),
            Self::NoneOr(before) => match said {
                Some(said) if before != Some(said.secret().as_str()) => Err("it has another nonce".to_owned()),
                _ => Ok(()),
            },
        }
    }
}

/// Why a token is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// With other keys it may pass.
    Key(AuthenticateError),
    /// With any key it would not.
    Final(AuthenticateError),
}

impl Refusal {
    pub(super) fn because(why: impl AsRef<str>) -> Self {
        Self::Final(AuthenticateError::Untrusted(format!("its ID token is refused: {}", shorten(why.as_ref()))))
    }

    pub(super) fn into_error(self) -> AuthenticateError {
        match self {
            Self::Key(error) | Self::Final(error) => error,
        }
    }
}

/// A token that passed.
#[derive(Debug)]
pub(super) struct Verified {
    /// Every claim of it.
    pub(super) claims: Map<String, Value>,
    /// Who issued it.
    pub(super) issuer: String,
}

/// The token's claims, once everything about it is right.
pub(super) fn verify(
    token: &CoreIdToken,
    keys: &CoreJsonWebKeySet,
    expected: &Expected<'_>,
) -> Result<Verified, Refusal> {
    let claims = payload(&token.to_string()).ok_or_else(|| Refusal::because("its payload is not understood"))?;
    // Only to pick the one issuer the verifier then holds the signed claim against.
    let tenant = claims.get("tid").and_then(Value::as_str);
    let issuer = expected.metadata.issuer.of_tenant(tenant).ok_or_else(|| Refusal::because("it names no tenant"))?;
    let now = expected.now;
    // A public client's verifier, though we may have a secret: it knows no shared-secret algorithm at all.
    let verifier = CoreIdTokenVerifier::new_public_client(
        expected.client_id.clone(),
        IssuerUrl::new(issuer.clone()).map_err(|_| Refusal::because("its issuer is no URL"))?,
        keys.clone(),
    )
    .set_allowed_algs(expected.metadata.algorithms.iter().cloned())
    // Let through here, and held to the authorised party below.
    .set_other_audience_verifier_fn(|_| true)
    .set_time_fn(move || now.checked_sub(SKEW).unwrap_or(now).into())
    .set_issue_time_verifier_fn(move |issued_at| {
        if SystemTime::from(issued_at) > now + SKEW { Err("it is from the future".to_owned()) } else { Ok(()) }
    });
    let checked = token
        .claims(&verifier, |said: Option<&Nonce>| expected.nonce.check(said))
        .map_err(|error| refusal(&error, &claims, now))?;
    check_parties(checked, expected.client_id)?;
    check_not_before(&claims, now)?;
    if let Some(hash) = checked.access_token_hash() {
        let key = token.signing_key(&verifier).map_err(|error| Refusal::because(error.to_string()))?;
        let algorithm = token.signing_alg().map_err(|error| Refusal::because(error.to_string()))?;
        let actual = AccessTokenHash::from_token(expected.access_token, algorithm, key)
            .map_err(|error| Refusal::because(error.to_string()))?;
        if actual != *hash {
            return Err(Refusal::because("it belongs to another access token"));
        }
    }
    Ok(Verified { claims, issuer })
}

/// Several audiences need an authorised party, and an authorised party has to be us.
fn check_parties(claims: &CoreIdTokenClaims, client_id: &ClientId) -> Result<(), Refusal> {
    match claims.authorized_party() {
        Some(party) if party == client_id => Ok(()),
        Some(_) => Err(Refusal::because("it was issued to another client")),
        None if claims.audiences().len() > 1 => {
            Err(Refusal::because("it is for several audiences and does not say to whom it was issued"))
        }
        None => Ok(()),
    }
}

fn check_not_before(claims: &Map<String, Value>, now: SystemTime) -> Result<(), Refusal> {
    let Some(not_before) = claims.get("nbf") else { return Ok(()) };
    let begun = not_before
        .as_u64()
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .is_some_and(|begin| begin <= now + SKEW);
    if begun { Ok(()) } else { Err(Refusal::because("it is not valid yet")) }
}

/// Every claim of a token as the provider wrote it; the verifier's own type leaves some out.
pub(super) fn payload(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// A token that was made just now and is over or from the future tells of a clock. By then its signature is good.
fn clocks_differ(claims: &Map<String, Value>, now: SystemTime) -> Option<AuthenticateError> {
    let issued = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(claims.get("iat")?.as_u64()?))?;
    let (by, ahead) = match now.duration_since(issued) {
        Ok(behind) => (behind, false),
        Err(ahead) => (ahead.duration(), true),
    };
    (by > SKEW).then_some(AuthenticateError::ClocksDiffer { by, ahead })
}

fn refusal(error: &ClaimsVerificationError, claims: &Map<String, Value>, now: SystemTime) -> Refusal {
    if matches!(error, ClaimsVerificationError::Expired(_))
        && let Some(error) = clocks_differ(claims, now)
    {
        return Refusal::Final(error);
    }
    let text = super::http::chain(error);
    let refused = Refusal::because(text);
    match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey
            | SignatureVerificationError::AmbiguousKeyId(_)
            | SignatureVerificationError::CryptoError(_),
        ) => Refusal::Key(refused.into_error()),
        _ => refused,
    }
}
