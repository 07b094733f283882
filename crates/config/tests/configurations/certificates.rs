//! Certificates and keys of every kind, made anew for each run: none is worth keeping.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, EcPrivateKeyRfc5915Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519, PKCS_RSA_SHA256, SerialNumber, date_time_ymd,
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
    let mut files = of_authorities(&p256);
    files.extend([
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
    ]);
    files
});

fn named(name: &str, year: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["code.example.com".to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 11, 21);
    params.not_after = date_time_ymd(year, 1, 20);
    params
}

/// An authority with an intermediate, what it issued for the key `p256.key`, and lists of what it took back.
fn of_authorities(key: &KeyPair) -> Vec<(&'static str, String)> {
    let authority = |name: &str, year| {
        let mut params = named(name, year);
        params.subject_alt_names.clear();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let [root_key, middle_key] = [(); 2].map(|()| KeyPair::generate().unwrap());
    let root_pem = authority("root", 2120).self_signed(&root_key).unwrap().pem();
    let ended_pem = authority("ended", 2026).self_signed(&root_key).unwrap().pem();
    let root = Issuer::new(authority("root", 2120), root_key);
    let middle_pem = authority("middle", 2120).signed_by(&middle_key, &root).unwrap().pem();
    let middle = Issuer::new(authority("middle", 2120), middle_key);
    let issued = |year, purposes: &[ExtendedKeyUsagePurpose]| {
        let mut params = named("leaf", year);
        params.extended_key_usages = purposes.to_vec();
        params.signed_by(key, &middle).unwrap().pem()
    };
    let list = |issuer: &Issuer<'_, KeyPair>, next| {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 11, 21),
            next_update: date_time_ymd(next, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(issuer).unwrap().pem().unwrap()
    };
    let leaf = issued(2120, &[]);
    let client = issued(2120, &[ExtendedKeyUsagePurpose::ClientAuth]);
    vec![
        ("chain.pem", format!("{root_pem}{leaf}{middle_pem}")),
        ("client.pem", format!("{client}{middle_pem}")),
        ("server-only.pem", issued(2120, &[ExtendedKeyUsagePurpose::ServerAuth])),
        ("ends-soon.pem", issued(2027, &[])),
        ("root.crl", list(&root, 2100)),
        ("root-old.crl", list(&root, 2027)),
        ("middle.crl", list(&middle, 2100)),
        ("middle.pem", middle_pem),
        ("ended.pem", ended_pem),
        ("root.pem", root_pem),
    ]
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
