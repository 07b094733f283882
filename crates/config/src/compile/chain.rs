//! Certificates in the order a server sends them: the one the key belongs to, then whoever issued it, and so on.
//!
//! Refuses: a certificate that is damaged, and certificates of which none belongs to the key. Those that have
//! nothing to do with it are left out.

use std::collections::HashSet;
use std::time::SystemTime;

use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer;

use super::validity;

/// Certificates in order.
#[derive(Debug)]
pub(super) struct Arranged {
    /// At least one.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// How many were left out.
    pub(super) unrelated: usize,
}

/// Why there is no chain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// One cannot be read; its number, counted from 1.
    Damaged(usize),
    /// None belongs to the key.
    NotOfKey,
}

/// The chain of the certificate with this public key. Of several with it, the first that is valid `now`.
pub(super) fn arrange(
    certificates: &[CertificateDer<'static>],
    public: &[u8],
    now: SystemTime,
) -> Result<Arranged, Unusable> {
    let mut seen = HashSet::new();
    let mut parsed = Vec::with_capacity(certificates.len());
    for (index, der) in certificates.iter().enumerate() {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| Unusable::Damaged(index + 1))?;
        if seen.insert(der) {
            parsed.push((der, certificate));
        }
    }
    let of_key = |certificate: &X509Certificate<'_>| certificate.public_key().subject_public_key.data == public;
    let leaf = parsed
        .iter()
        .position(|(_, certificate)| of_key(certificate) && validity::holds(certificate, now))
        .or_else(|| parsed.iter().position(|(_, certificate)| of_key(certificate)))
        .ok_or(Unusable::NotOfKey)?;
    let mut chain = vec![parsed.swap_remove(leaf)];
    let mut left = parsed;
    let mut at = 0;
    while let Some((_, child)) = chain.get(at) {
        // All of them, when several authorities of one name and key were themselves issued by different ones.
        let (issuers, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, issuer)| issued(issuer, child));
        chain.extend(issuers);
        left = others;
        at += 1;
    }
    Ok(Arranged { chain: chain.into_iter().map(|(der, _)| der.clone()).collect(), unrelated: left.len() })
}

/// Whether one says of the other that it issued it: by its name, and its key where both name that (RFC 5280 §4.1.2.4
/// and §4.2.1.1). Whoever is shown the chain checks the signature.
fn issued(issuer: &X509Certificate<'_>, child: &X509Certificate<'_>) -> bool {
    if issuer.subject().as_raw() != child.issuer().as_raw() {
        return false;
    }
    let of_issuer = issuer.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0),
        _ => None,
    });
    let named = child.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(identifier) => identifier.key_identifier.as_ref().map(|key| key.0),
        _ => None,
    });
    match (of_issuer, named) {
        (Some(of_issuer), Some(named)) => of_issuer == named,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
