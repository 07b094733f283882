//! One certificate with its chain and its key, read and checked.

use std::net::IpAddr;
use std::path::Path;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::chain::{self, Unusable};
use super::{Compiler, key_pair};
use crate::domain::tls::CertificatePair;
use crate::problem::Place;

/// A path, the key that gave it, and where.
pub(super) struct Named<'a> {
    pub(super) key: &'a str,
    pub(super) path: &'a Path,
    pub(super) place: &'a Place,
}

/// A text in PEM form.
pub(super) struct Text {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// What to call it in messages: its path or its key, as code.
    pub(super) name: String,
    /// The key that gave it, and its path if it has one.
    pub(super) given: String,
    pub(super) place: Place,
}

/// A chain and the key that belongs to its first certificate.
pub(super) struct Pair {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Compiler<'_> {
    /// The certificate of two files, to be served.
    pub(super) fn certificate_pair(&mut self, cert: &Named<'_>, key: &Named<'_>) -> Option<CertificatePair> {
        let label = cert.path.display().to_string();
        let (cert, key) = (self.text_of(cert), self.text_of(key));
        let cert = cert?;
        let pair = self.pair(&cert, &key?)?;
        let (_, leaf) = X509Certificate::from_der(pair.chain.first()?).ok()?;
        self.validity(&leaf, &cert, "Browsers");
        let names = names(&leaf);
        if names.is_empty() {
            self.problems.warning(
                &cert.place,
                format!("the certificate in {} names no host in its subjectAltName", cert.name),
                "Browsers look nowhere else. Have it issued again with the names of the hosts it is for.",
            );
        }
        Some(CertificatePair { names, label, chain: pair.chain, key: pair.key })
    }

    fn text_of(&mut self, file: &Named<'_>) -> Option<Text> {
        let bytes = Zeroizing::new(self.file_at(file.key, file.path, file.place)?);
        let name = format!("`{}`", file.path.display());
        Some(Text { bytes, given: format!("`{}`: {name}", file.key), name, place: file.place.clone() })
    }

    /// The chain of one text, in order, and the key of another that belongs to it.
    pub(super) fn pair(&mut self, cert: &Text, key: &Text) -> Option<Pair> {
        let certificates = self.certificates(cert);
        let private = self.private_key(key);
        let (certificates, private) = (certificates?, private?);
        let Some(public) = key_pair::public_half(&private) else {
            self.problems.error(
                &key.place,
                format!("the private key in {} is damaged, or of a kind that cannot be used", key.name),
                "Keys may be RSA (2048 bits or more), ECDSA (P-256, P-384, P-521) or Ed25519.",
            );
            return None;
        };
        let arranged = match chain::arrange(&certificates, &public, self.now) {
            Ok(arranged) => arranged,
            Err(Unusable::Damaged(number)) => {
                let which =
                    if certificates.len() == 1 { "the certificate".into() } else { format!("certificate {number}") };
                self.problems.error(
                    &cert.place,
                    format!("{which} in {} is damaged", cert.name),
                    "Fetch it again from where it was issued.",
                );
                return None;
            }
            Err(Unusable::NotOfKey) => {
                self.problems.error(
                    &key.place,
                    format!("the private key {} does not belong to the certificate {}", key.name, cert.name),
                    "Give the key that the certificate was issued for.",
                );
                return None;
            }
        };
        if arranged.unrelated > 0 {
            let (count, verb) = match arranged.unrelated {
                1 => ("one certificate".into(), "has"),
                more => (format!("{more} certificates"), "have"),
            };
            self.problems.hint(
                &cert.place,
                format!("{count} in {} {verb} nothing to do with the one the key belongs to; left out", cert.name),
                "Remove what is not of its chain.",
            );
        }
        Some(Pair { chain: arranged.chain, key: private })
    }

    fn certificates(&mut self, cert: &Text) -> Option<Vec<CertificateDer<'static>>> {
        let certificates: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&cert.bytes).collect();
        match certificates {
            Ok(certificates) if !certificates.is_empty() => Some(certificates),
            _ => {
                self.problems.error(
                    &cert.place,
                    format!("{} holds no certificate in PEM form", cert.given),
                    "It begins with `-----BEGIN CERTIFICATE-----`, and holds the certificate and its chain.",
                );
                None
            }
        }
    }

    pub(super) fn private_key(&mut self, key: &Text) -> Option<PrivateKeyDer<'static>> {
        if let Ok(private) = PrivateKeyDer::from_pem_slice(&key.bytes) {
            return Some(private);
        }
        let encrypted = key.bytes.windows(9).any(|window| window == b"ENCRYPTED");
        let (what, mend) = if encrypted {
            (
                "holds a private key that is locked by a pass phrase",
                "Unlock it with `openssl pkey -in KEY -out UNLOCKED`, and keep that readable for Doorward alone.",
            )
        } else {
            ("holds no private key in PEM form", "It begins with a line such as `-----BEGIN PRIVATE KEY-----`.")
        };
        self.problems.error(&key.place, format!("{} {what}", key.given), mend);
        None
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.trim_end_matches('.').to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}
