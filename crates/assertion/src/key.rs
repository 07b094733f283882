//! One ES256 key (RFC 7518 §3.4), ready to sign.
//!
//! Refuses every key but one on the curve P-256.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use zeroize::Zeroizing;

use crate::SignError;

/// A private key, with what is published of it.
pub(crate) struct SigningKey {
    encoding: EncodingKey,
    header: Header,
    public: Jwk,
}

impl SigningKey {
    /// The key in this DER: PKCS#8, or as SEC1 has it.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        // One form for both, and for keys that came without their public half.
        let encoding = EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref());
        let mut public = Jwk::from_encoding_key(&encoding, Algorithm::ES256).ok()?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Some(Self { encoding, header: Header { kid: Some(kid), ..Header::new(Algorithm::ES256) }, public })
    }

    /// A new one, as PKCS#8 DER.
    pub(crate) fn generate() -> Result<Zeroizing<Vec<u8>>, SignError> {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| SignError::System)?;
        Ok(Zeroizing::new(key.as_ref().to_vec()))
    }

    /// The public half, its `kid` being its thumbprint (RFC 7638).
    pub(crate) fn public(&self) -> &Jwk {
        &self.public
    }

    /// The name of the key.
    pub(crate) fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// A token with these claims (RFC 7519).
    pub(crate) fn sign(&self, claims: &impl serde::Serialize) -> Result<String, SignError> {
        Ok(jsonwebtoken::encode(&self.header, claims, &self.encoding)?)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid()).finish_non_exhaustive()
    }
}
