//! Certificates out of a file: PEM, or one as DER.
//!
//! Refuses: more than 1 MiB, more than 32 certificates, and what holds none. Private keys are passed over unread.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// The longest input, in bytes.
const LONGEST: usize = 1024 * 1024;
/// The most certificates.
const MOST: usize = 32;

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no certificate.
    #[error("there is no certificate in it: a file begins with -----BEGIN CERTIFICATE----- (PEM), or is one as DER")]
    Empty,
    /// It is too long.
    #[error("it is longer than 1 MiB: no certificate with its chain is")]
    TooLong,
    /// There are too many.
    #[error("it holds more than {MOST} certificates: give the server's own with those that lead to its authority")]
    TooMany,
    /// What stands between the lines of PEM is no base64.
    #[error("its PEM is broken: copy it again whole, from -----BEGIN to -----END")]
    Pem,
    /// One of them is no certificate.
    #[error("certificate {place} in it is broken ({why}): copy it again whole")]
    Broken {
        /// Which, counted from 1.
        place: usize,
        /// What the parser said.
        why: String,
    },
}

/// Every certificate in a file.
///
/// # Errors
/// [`InspectError`].
pub fn read(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, InspectError> {
    if bytes.len() > LONGEST {
        return Err(InspectError::TooLong);
    }
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        found.push(certificate.map_err(|_| InspectError::Pem)?);
        within_limits(&found)?;
    }
    // DER begins with a SEQUENCE; no text does.
    if found.is_empty() && bytes.first() == Some(&0x30) {
        found.push(CertificateDer::from(bytes.to_vec()));
    }
    if found.is_empty() {
        return Err(InspectError::Empty);
    }
    Ok(found)
}

pub(super) fn within_limits(chain: &[CertificateDer<'_>]) -> Result<(), InspectError> {
    if chain.len() > MOST {
        return Err(InspectError::TooMany);
    }
    if chain.iter().map(|certificate| certificate.len()).sum::<usize>() > LONGEST {
        return Err(InspectError::TooLong);
    }
    Ok(())
}
