//! The key assertions are signed with, and what is published of it.

use std::fmt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_private_files::PrivateFolder;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::SignError;

const FILE: &str = "assertion-key.pem";
/// More than any key file of ours is long.
const LONGEST: u64 = 16 * 1024;

/// The `Cache-Control` the JWKS is served with: short enough for a key replaced after a loss, long enough that
/// upstreams need not ask for each request.
pub const JWKS_CACHE_CONTROL: &str = "public, max-age=300";

/// The ES256 key (RFC 7518 §3.4) of this Doorward.
pub struct SigningKeys {
    signing: EncodingKey,
    header: Header,
    jwks: Value,
}

impl SigningKeys {
    /// Reads the key from `folder/assertion-key.pem`, or makes it there (0600) when there is none.
    ///
    /// # Errors
    /// [`SignError::KeyDamaged`] when the file holds anything but a PKCS#8 P-256 key (it is never replaced),
    /// [`SignError::File`], [`SignError::System`].
    pub fn open(folder: &Path) -> Result<Self, SignError> {
        // Two processes that start together must not each make a key.
        let folder = PrivateFolder::lock(folder)?;
        let pem = if let Some(pem) = folder.read(FILE, LONGEST)? {
            pem
        } else {
            let pem = Zeroizing::new(generate()?.as_bytes().to_vec());
            folder.write(FILE, &pem)?;
            pem
        };
        Self::from_pem(&pem).ok_or_else(|| SignError::KeyDamaged { path: folder.path_of(FILE) })
    }

    /// The public keys for upstreams (RFC 7517 §5), the `kid` being the key's thumbprint (RFC 7638).
    pub fn jwks(&self) -> Value {
        self.jwks.clone()
    }

    pub(crate) fn signing(&self) -> &EncodingKey {
        &self.signing
    }

    /// The head of every token: algorithm, type and `kid`.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    fn from_pem(pem: &[u8]) -> Option<Self> {
        let signing = EncodingKey::from_ec_pem(pem).ok()?;
        let mut public = Jwk::from_encoding_key(&signing, Algorithm::ES256).ok()?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).ok()?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let jwks = serde_json::to_value(JwkSet { keys: vec![public] }).ok()?;
        Some(Self { signing, header: Header { kid: Some(kid), ..Header::new(Algorithm::ES256) }, jwks })
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("kid", &self.header.kid).finish_non_exhaustive()
    }
}

/// A new key as PEM (RFC 7468 §10).
fn generate() -> Result<Zeroizing<String>, SignError> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| SignError::System)?;
    let text = Zeroizing::new(STANDARD.encode(key.as_ref()));
    let mut pem = Zeroizing::new(String::with_capacity(2 * text.len() + 64));
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    for (place, character) in text.char_indices() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let (first, second) = (SigningKeys::open(&data).unwrap(), SigningKeys::open(&data).unwrap());
        assert_eq!(first.jwks(), second.jwks());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&data), mode(&data.join(FILE))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "no leftovers");
    }

    #[test]
    fn those_who_start_together_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..6).map(|_| scope.spawn(|| SigningKeys::open(folder.path()).unwrap())).collect();
            starts.into_iter().map(|start| start.join().unwrap().jwks()).collect()
        });
        assert!(keys.iter().all(|jwks| jwks == &keys[0]));
    }

    #[test]
    fn only_the_public_half_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let jwks = SigningKeys::open(folder.path()).unwrap().jwks();
        let key = jwks["keys"][0].as_object().unwrap();
        let mut names: Vec<_> = key.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
            (&"EC".into(), &"P-256".into(), &"ES256".into(), &"sig".into())
        );
    }

    #[test]
    fn the_kid_is_the_thumbprint() {
        let folder = tempfile::tempdir().unwrap();
        let jwks = SigningKeys::open(folder.path()).unwrap().jwks();
        let key = &jwks["keys"][0];
        // RFC 7638 §3: the required members in the order of their names, without white space.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, key["x"], key["y"]);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
        let expected = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash);
        assert_eq!(key["kid"], expected.as_str());
    }

    #[test]
    fn a_damaged_key_is_named_and_left_alone() {
        let rsa_like = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
        let public =
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYD54V/vp\n-----END PUBLIC KEY-----\n";
        for damaged in ["", "no key", rsa_like, public, &generate().unwrap()[..100]] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(FILE);
            fs::write(&path, damaged).unwrap();
            let error = SigningKeys::open(folder.path()).unwrap_err();
            assert!(matches!(error, SignError::KeyDamaged { .. }), "{error:?}");
            assert!(error.to_string().contains(FILE), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
