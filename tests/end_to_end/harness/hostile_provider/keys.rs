//! Keys that sign id_tokens, made once for the whole test run.

use std::sync::OnceLock;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

/// An RSA key: RS256 is what every client understands.
pub(super) struct Key {
    signing: EncodingKey,
    public_pem: String,
}

/// The provider's own keys. Rotating moves from one to the next.
pub(super) fn numbered(number: usize) -> &'static Key {
    static KEYS: [OnceLock<Key>; 3] = [const { OnceLock::new() }; 3];
    KEYS[number].get_or_init(Key::generate)
}

/// A key of somebody else's.
pub(super) fn foreign() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(Key::generate)
}

impl Key {
    fn generate() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let signing = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { signing, public_pem: pair.public_key_pem() }
    }

    /// The public half as a JSON Web Key.
    pub(super) fn jwk(&self, id: &str) -> Value {
        let mut key = serde_json::to_value(Jwk::from_encoding_key(&self.signing, Algorithm::RS256).unwrap()).unwrap();
        key["kid"] = json!(id);
        key["use"] = json!("sig");
        key["alg"] = json!("RS256");
        key
    }

    /// The signature of a message, base64url.
    pub(super) fn sign(&self, message: &str) -> String {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, Algorithm::RS256).unwrap()
    }

    /// The message under HMAC, the published key being the secret.
    pub(super) fn confuse(&self, message: &str) -> String {
        let secret = EncodingKey::from_secret(self.public_pem.as_bytes());
        jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap()
    }
}

/// The name under which a key is published.
pub(super) fn name(number: usize) -> String {
    format!("key-{number}")
}
