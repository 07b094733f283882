//! Signatures of JSON Web Tokens other than ID tokens (RFC 7515, RFC 8725).
//!
//! Refuses: whatever is not signed with a public key of the provider's set; a token that brings its own key, names
//! extensions we do not know, or is of another type than asked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::JsonWebKey as _;
use openidconnect::core::{CoreJsonWebKeySet, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::metadata::algorithm;

/// The longest token that is looked at, in characters.
const LONGEST: usize = 8 * 1024;
/// How many keys are tried for a token that names none.
const TRIED: usize = 16;

/// The header; what is not needed is not read, keys in it least of all.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A token taken apart, whose signature is still to be checked.
pub(super) struct Unverified<'a> {
    pub(super) claims: Map<String, Value>,
    /// Its `typ`, in small letters and without `application/` (RFC 7515 §4.1.9).
    pub(super) typ: Option<String>,
    algorithm: CoreJwsSigningAlgorithm,
    kid: Option<String>,
    message: &'a str,
    signature: Vec<u8>,
}

/// Takes a token apart; why it is none, else.
pub(super) fn take_apart<'a>(
    text: &'a str,
    allowed: &[CoreJwsSigningAlgorithm],
) -> Result<Unverified<'a>, &'static str> {
    if text.len() > LONGEST {
        return Err("it is too long");
    }
    let malformed = "it is no signed token";
    let (message, signature) = text.rsplit_once('.').ok_or(malformed)?;
    let (header, payload) = message.split_once('.').ok_or(malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
    if header.crit.is_some() {
        return Err("it needs extensions that are not known here");
    }
    let algorithm = algorithm(&header.alg).filter(|known| allowed.contains(known));
    Ok(Unverified {
        algorithm: algorithm.ok_or("it is signed with an algorithm that is not allowed")?,
        claims: serde_json::from_slice(&decode(payload)?).map_err(|_| malformed)?,
        typ: header.typ.map(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
        }),
        kid: header.kid,
        message,
        signature: decode(signature)?,
    })
}

impl Unverified<'_> {
    /// Whether one of these keys has signed it: the one it names, or any where it names none.
    pub(super) fn is_signed_with(&self, keys: &CoreJsonWebKeySet) -> bool {
        keys.keys()
            .iter()
            .filter(|key| key.key_use().is_none_or(|usage| *usage == CoreJsonWebKeyUse::Signature))
            .filter(|key| match &self.kid {
                Some(kid) => key.key_id().is_some_and(|id| id.as_str() == kid),
                None => true,
            })
            .take(TRIED)
            .any(|key| key.verify_signature(&self.algorithm, self.message.as_bytes(), &self.signature).is_ok())
    }
}
