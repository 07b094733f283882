//! Sealing: AES-256-GCM-SIV (RFC 8452) under keys derived by HKDF-SHA-256 (RFC 5869).
//!
//! Refuses: opening what was sealed for another purpose, another name or another host, and what was altered.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, MAX_TAG_LEN, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::{SecretRing, SessionsError};

/// The version of the sealed format, its first byte.
const FORMAT: u8 = 1;
/// The longest plain text a [`Sealer`] takes, in bytes: a cookie holds less than 4096 characters.
const LONGEST: usize = 8 * 1024;
/// The longest sealed text as base64url.
const LONGEST_TEXT: usize = (1 + NONCE_LEN + LONGEST + MAX_TAG_LEN).div_ceil(3) * 4;

/// Thirty-two secret bytes, without `Debug` of their content, compared in constant time, erased when dropped.
#[derive(Clone)]
pub struct Secret32(Zeroizing<[u8; 32]>);

impl Secret32 {
    /// Takes the bytes over.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for deriving keys.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Chance.
    ///
    /// # Errors
    /// [`SessionsError::Cryptography`] when the system gives no random bytes.
    pub fn random() -> Result<Self, SessionsError> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| SessionsError::Cryptography)?;
        Ok(Self(bytes))
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret32 {}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(..)")
    }
}

/// Seals short texts for cookies and form fields: one purpose, one key.
///
/// What is sealed can be read and replayed by whoever can open it again, so put an expiry into the text and
/// what it is bound to (host, attempt) into the context.
#[derive(Clone)]
pub struct Sealer {
    secrets: SecretRing,
    purpose: &'static str,
}

impl Sealer {
    pub(crate) fn new(secrets: &SecretRing, purpose: &'static str) -> Self {
        Self { secrets: secrets.clone(), purpose }
    }

    /// The text sealed, as base64url. `context` is not in it: whoever opens it must name the same.
    ///
    /// # Errors
    /// [`SessionsError::TooLong`] above 8 KiB, [`SessionsError::Cryptography`] when the system has no randomness.
    pub fn seal(&self, plain: &[u8], context: &[u8]) -> Result<String, SessionsError> {
        if plain.len() > LONGEST {
            return Err(SessionsError::TooLong { length: plain.len(), limit: LONGEST });
        }
        Ok(URL_SAFE_NO_PAD.encode(self.key(self.secrets.now().newest())?.seal(plain, context)?))
    }

    /// The text that was sealed with this purpose and context, or `None` for anything else.
    pub fn open(&self, sealed: &str, context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if sealed.len() > LONGEST_TEXT {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        self.secrets.now().all().find_map(|secret| self.key(secret).ok()?.open(&sealed, context))
    }

    fn key(&self, secret: &Secret32) -> Result<SealKey, SessionsError> {
        SealKey::derive(secret, b"doorward sealer", self.purpose.as_bytes())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// A key for sealing, derived from a secret, bound to what it is for.
pub(crate) struct SealKey(Secret32);

impl SealKey {
    /// The key for `purpose` out of `material`, mixed with `salt`. Whoever lacks either cannot derive it.
    pub(crate) fn derive(material: &Secret32, salt: &[u8], purpose: &[u8]) -> Result<Self, SessionsError> {
        let mut key = Zeroizing::new([0; 32]);
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(material.expose())
            .expand(&[purpose], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(key.as_mut_slice()))
            .map_err(|_| SessionsError::Cryptography)?;
        Ok(Self(Secret32(key)))
    }

    /// Format byte, nonce, cipher text with its tag.
    pub(crate) fn seal(&self, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, SessionsError> {
        // Encrypted in place behind a gap for the head, so that the plain text is in no second buffer.
        let head = 1 + NONCE_LEN;
        let mut sealed = Vec::with_capacity(head + plain.len() + MAX_TAG_LEN);
        sealed.push(FORMAT);
        sealed.resize(head, 0);
        sealed.extend_from_slice(plain);
        let text = sealed.get_mut(head..).unwrap_or_default();
        let (nonce, tag) = self
            .cipher()?
            .seal_in_place_separate_tag(Aad::from(context), text)
            .map_err(|_| SessionsError::Cryptography)?;
        sealed.get_mut(1..head).unwrap_or_default().copy_from_slice(nonce.as_ref());
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// The plain text, or `None` when any bit or the context differs.
    pub(crate) fn open(&self, sealed: &[u8], context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&FORMAT, rest) = sealed.split_first()? else { return None };
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = Zeroizing::new(text.to_vec());
        let length = self.cipher().ok()?.open_in_place(Nonce::from(nonce), Aad::from(context), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, SessionsError> {
        RandomizedNonceKey::new(&AES_256_GCM_SIV, self.0.expose()).map_err(|_| SessionsError::Cryptography)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealer(secret: u8, purpose: &'static str) -> Sealer {
        Sealer::new(&SecretRing::from([secret; 32]), purpose)
    }

    #[test]
    fn what_an_older_secret_sealed_still_opens_and_the_newest_seals() {
        let [older, newer] = [[1; 32], [2; 32]].map(Secret32::new);
        let ring = SecretRing::new(older.clone(), []);
        let changing = Sealer::new(&ring, "attempt");
        let before = changing.seal(b"text", b"").unwrap();
        ring.replace(newer, [older]);
        assert!(changing.open(&before, b"").is_some());
        let after = changing.seal(b"text", b"").unwrap();
        assert!(sealer(2, "attempt").open(&after, b"").is_some());
        assert!(sealer(1, "attempt").open(&after, b"").is_none());
        ring.replace(Secret32::new([2; 32]), []);
        assert!(changing.open(&before, b"").is_none(), "a secret that is gone opens nothing");
    }

    #[test]
    fn only_the_same_secret_purpose_and_context_open() {
        let sealed = sealer(1, "attempt").seal(b"return to /editor", b"a.example").unwrap();
        let open = |sealer: Sealer, context: &[u8]| sealer.open(&sealed, context).map(|plain| plain.to_vec());
        assert_eq!(open(sealer(1, "attempt"), b"a.example").as_deref(), Some(b"return to /editor".as_slice()));
        assert_eq!(open(sealer(1, "attempt"), b"b.example"), None);
        assert_eq!(open(sealer(1, "attempt"), b""), None);
        assert_eq!(open(sealer(1, "csrf"), b"a.example"), None);
        assert_eq!(open(sealer(2, "attempt"), b"a.example"), None);
    }

    #[test]
    fn the_same_text_is_never_sealed_alike() {
        let sealer = sealer(1, "attempt");
        assert_ne!(sealer.seal(b"text", b"").unwrap(), sealer.seal(b"text", b"").unwrap());
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let key = SealKey::derive(&Secret32::new([7; 32]), b"salt", b"purpose").unwrap();
        let sealed = key.seal(b"identity", b"context").unwrap();
        assert!(key.open(&sealed, b"context").is_some());
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&altered, b"context").is_none(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(key.open(&sealed[..length], b"context").is_none(), "{length} bytes");
        }
        assert!(key.open(&[sealed.as_slice(), &[0]].concat(), b"context").is_none());
    }

    #[test]
    fn what_no_cookie_holds_is_not_sealed_and_not_opened() {
        let sealer = sealer(1, "attempt");
        assert!(matches!(sealer.seal(&vec![0; LONGEST + 1], b""), Err(SessionsError::TooLong { .. })));
        let longest = sealer.seal(&vec![0; LONGEST], b"").unwrap();
        assert!(sealer.open(&longest, b"").is_some());
        assert!(sealer.open(&format!("{longest}AAAA"), b"").is_none());
    }

    #[test]
    fn secrets_do_not_show() {
        assert_eq!(format!("{:?}", Secret32::new([65; 32])), "Secret32(..)");
        assert!(!format!("{:?}", sealer(65, "attempt")).contains("65"));
    }

    proptest! {
        #[test]
        fn opening_never_panics(text in "\\PC{0,200}", context: Vec<u8>) {
            prop_assert!(sealer(1, "attempt").open(&text, &context).is_none());
        }

        #[test]
        fn what_is_sealed_opens(plain: Vec<u8>, context: Vec<u8>) {
            let sealer = sealer(1, "attempt");
            let sealed = sealer.seal(&plain, &context).unwrap();
            prop_assert_eq!(sealer.open(&sealed, &context).map(|opened| opened.to_vec()), Some(plain));
        }
    }
}
