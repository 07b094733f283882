//! The authorities that may vouch for a store's server, where the system's are not meant.
//!
//! Refuses: a file without a certificate, and one with something broken in it.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::SessionsError;

/// The authorities of a PEM: at least one.
pub(super) fn authorities(pem: &[u8]) -> Result<RootCertStore, SessionsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
        added.ok_or_else(not_pem)?;
    }
    if roots.is_empty() { Err(not_pem()) } else { Ok(roots) }
}

fn not_pem() -> SessionsError {
    unusable(
        "the authorities given for its server are not certificates in PEM (-----BEGIN CERTIFICATE-----)".to_owned(),
    )
}

pub(super) fn unusable(problem: String) -> SessionsError {
    SessionsError::StoreAddress { problem }
}
