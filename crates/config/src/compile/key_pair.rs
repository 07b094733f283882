//! Whether a private key belongs to a certificate.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;

/// The public half of a private key, as it stands in the BIT STRING of a certificate's subject public key
/// (RFC 5280 §4.1.2.7); none for a key of a kind that is not served: RSA of 2048 bits and more, P-256, P-384,
/// P-521 and Ed25519 are.
pub(super) fn public_half(key: &PrivateKeyDer<'_>) -> Option<Vec<u8>> {
    let curves = [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING];
    match key {
        PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()),
        PrivateKeyDer::Sec1(der) => curves
            .iter()
            .find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der.secret_sec1_der()).ok())
            .map(|pair| pair.public_key().as_ref().to_vec()),
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            rsa(RsaKeyPair::from_pkcs8(der).ok())
                .or_else(|| {
                    let pair = curves.iter().find_map(|curve| EcdsaKeyPair::from_pkcs8(curve, der).ok())?;
                    Some(pair.public_key().as_ref().to_vec())
                })
                .or_else(|| {
                    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok()?;
                    Some(pair.public_key().as_ref().to_vec())
                })
        }
        _ => None,
    }
}

fn rsa(pair: Option<RsaKeyPair>) -> Option<Vec<u8>> {
    Some(pair?.public_key().as_ref().to_vec())
}
