//! One certificate with its key, read and checked.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::{Compiler, key_pair};
use crate::domain::tls::CertificatePair;
use crate::problem::Place;

/// A path, the key that gave it, and where.
pub(super) struct Named<'a> {
    pub(super) key: &'a str,
    pub(super) path: &'a Path,
    pub(super) place: &'a Place,
}

impl Compiler<'_> {
    /// The certificate of two files.
    pub(super) fn certificate_pair(&mut self, cert: &Named<'_>, key: &Named<'_>) -> Option<CertificatePair> {
        let chain = self.chain(cert);
        let private = self.private_key(key);
        let (chain, private) = (chain?, private?);
        let leaf = chain.first()?;
        let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
            self.problems.error(
                cert.place,
                format!("the certificate in `{}` is damaged", cert.path.display()),
                "Fetch it again from where it was issued.",
            );
            return None;
        };
        let Some(public) = key_pair::public_half(&private) else {
            self.problems.error(
                key.place,
                format!("the private key in `{}` is damaged, or of a kind that cannot be served", key.path.display()),
                "Keys may be RSA (2048 bits or more), ECDSA (P-256, P-384, P-521) or Ed25519.",
            );
            return None;
        };
        if subject_public_key(leaf).is_none_or(|subject| subject != public) {
            self.does_not_belong(cert, key, &chain, &public);
            return None;
        }
        self.validity(&parsed, cert);
        let names = names(&parsed);
        if names.is_empty() {
            self.problems.warning(
                cert.place,
                format!("the certificate in `{}` names no host in its subjectAltName", cert.path.display()),
                "Browsers look nowhere else. Have it issued again with the names of the hosts it is for.",
            );
        }
        Some(CertificatePair { names, label: cert.path.display().to_string(), chain, key: private })
    }

    fn chain(&mut self, cert: &Named<'_>) -> Option<Vec<CertificateDer<'static>>> {
        let bytes = self.file_at(cert.key, cert.path, cert.place)?;
        let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
        match chain {
            Ok(chain) if !chain.is_empty() => Some(chain),
            _ => {
                self.problems.error(
                    cert.place,
                    format!(
                        "`{key}`: `{path}` holds no certificate in PEM form",
                        key = cert.key,
                        path = cert.path.display()
                    ),
                    "It begins with `-----BEGIN CERTIFICATE-----`, the host's own certificate first, then its chain.",
                );
                None
            }
        }
    }

    fn private_key(&mut self, key: &Named<'_>) -> Option<PrivateKeyDer<'static>> {
        let bytes = zeroize::Zeroizing::new(self.file_at(key.key, key.path, key.place)?);
        if let Ok(private) = PrivateKeyDer::from_pem_slice(&bytes) {
            return Some(private);
        }
        let encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
        let (what, mend) = if encrypted {
            (
                "holds a private key that is locked by a pass phrase",
                "Unlock it with `openssl pkey -in KEY -out UNLOCKED`, and keep that readable for Doorward alone.",
            )
        } else {
            ("holds no private key in PEM form", "It begins with a line such as `-----BEGIN PRIVATE KEY-----`.")
        };
        self.problems.error(key.place, format!("`{}`: `{}` {what}", key.key, key.path.display()), mend);
        None
    }

    fn does_not_belong(&mut self, cert: &Named<'_>, key: &Named<'_>, chain: &[CertificateDer<'_>], public: &[u8]) {
        let elsewhere = chain.iter().skip(1).position(|other| subject_public_key(other).as_deref() == Some(public));
        let mend = match elsewhere {
            Some(index) => {
                format!("It belongs to certificate {} of that file: put the host's own certificate first.", index + 2)
            }
            None => "Give the key that the certificate was issued for.".into(),
        };
        self.problems.error(
            key.place,
            format!(
                "the private key `{}` does not belong to the certificate `{}`",
                key.path.display(),
                cert.path.display()
            ),
            mend,
        );
    }

    fn validity(&mut self, parsed: &X509Certificate<'_>, cert: &Named<'_>) {
        let (from, until) = (parsed.validity().not_before, parsed.validity().not_after);
        let path = cert.path.display();
        if time(until) < self.now {
            self.problems.warning(
                cert.place,
                format!("the certificate in `{path}` expired on {until}"),
                "Browsers refuse it. Renew it.",
            );
        } else if time(from) > self.now {
            self.problems.warning(
                cert.place,
                format!("the certificate in `{path}` is valid only from {from}"),
                "Check this machine's clock, or wait.",
            );
        }
    }
}

fn time(time: ASN1Time) -> SystemTime {
    match u64::try_from(time.timestamp()) {
        Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH),
        Err(_) => UNIX_EPOCH,
    }
}

fn subject_public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.public_key().subject_public_key.data.to_vec())
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
