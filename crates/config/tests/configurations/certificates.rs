//! Certificates and keys of every kind, made anew for each run: none is worth keeping.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519, PKCS_RSA_SHA256, date_time_ymd,
};

/// Before the numbers of the key in RSA's PKCS#8 (RFC 5208): version, algorithm and two lengths, always as long for
/// 2048 bits.
const PKCS8_HEAD: usize = 26;

/// Files by their name.
pub(crate) static FILES: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    let [rsa, p256, p384, ed25519] =
        [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519]
            .map(|kind| KeyPair::generate_for(kind).unwrap());
    let names = ["code.example.com", "*.apps.example.com", "192.0.2.7"];
    let certificate = |name: &str, key: &KeyPair, names: &[&str]| {
        let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2026, 11, 21);
        params.not_after = date_time_ymd(2126, 10, 28);
        params.self_signed(key).unwrap().pem()
    };
    let p256_pem = certificate("p256", &p256, &names);
    let p384_pem = certificate("p384", &p384, &names);
    let sec1: EcPrivateKeyRfc5915Der<'_> =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, p256.serialized_der())
            .unwrap()
            .private_key()
            .as_der()
            .unwrap();
    vec![
        ("rsa.pem", certificate("rsa", &rsa, &names)),
        ("rsa.key", rsa.serialize_pem()),
        ("rsa-pkcs1.key", pem("RSA PRIVATE KEY", &rsa.serialized_der()[PKCS8_HEAD..])),
        ("p256.key", p256.serialize_pem()),
        ("p256-sec1.key", pem("EC PRIVATE KEY", sec1.as_ref())),
        ("p384.key", p384.serialize_pem()),
        ("ed25519.pem", certificate("ed25519", &ed25519, &names)),
        ("ed25519.key", ed25519.serialize_pem()),
        ("nameless.pem", certificate("code.example.com", &p256, &[])),
        ("misordered.pem", format!("{p384_pem}{p256_pem}")),
        ("locked.key", pem("ENCRYPTED PRIVATE KEY", &[0x30; 64])),
        ("p256.pem", p256_pem),
        ("p384.pem", p384_pem),
    ]
});

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
