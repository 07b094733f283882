//! Judging the certificates that visitors show (mutual TLS).
//!
//! Refuses: every certificate that does not lead, by signatures, dates, purposes and depth, to a configured authority
//! that took none of its chain back (RFC 5280 §6), and settings that could never refuse anybody: no authority, or one
//! that is no authority. A revocation list past its end is no proof that nothing was revoked, so it refuses too.

mod error;
mod facts;
mod path;
mod refusal;
mod trusts;
mod verifier;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use doorward_config::{ClientCertificates, Enforcement};
use doorward_identity::Presented;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::CertificateDer;

pub use error::InvalidClientTrust;
pub use trusts::ClientTrusts;

use crate::CertificatesError;
use facts::Names;
use path::Authorities;
use refusal::Refusal;
use verifier::Verifier;

/// More than any honest chain has; each costs signatures to check.
const LONGEST_CHAIN: usize = 8;
/// All certificates of a chain together, in bytes.
const LARGEST_CHAIN: usize = 64 * 1024;

/// Which visitors' certificates are believed.
pub struct ClientTrust {
    authorities: Authorities,
    names: Names,
    enforcement: Enforcement,
}

impl ClientTrust {
    /// Reads and checks the authorities, the revocation lists and the patterns.
    ///
    /// # Errors
    /// [`CertificatesError::ClientTrust`], naming what cannot be used.
    pub fn new(settings: &ClientCertificates) -> Result<Self, CertificatesError> {
        Ok(Self {
            authorities: Authorities::new(settings)?,
            names: Names::new(&settings.names)?,
            enforcement: settings.enforcement,
        })
    }

    /// What is to be made of a chain, the visitor's own certificate first. Whether the visitor has its key is for the
    /// handshake to find out, and it did.
    pub fn judge(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Presented {
        let Some((leaf, intermediates)) = chain.split_first() else { return Presented::Nothing };
        let certificate = Arc::new(facts::read(leaf));
        match self.examine(leaf, intermediates, now) {
            Ok(()) => Presented::Accepted(certificate),
            Err(refusal) => Presented::Refused { certificate, reason: refusal.to_string().into() },
        }
    }

    /// For the handshake: asks for a certificate of these authorities. Any is accepted whose key the client has, to be
    /// judged later, except under [`Enforcement::RejectConnection`]: then there has to be one, and one that is believed.
    pub fn verifier(self: &Arc<Self>) -> Arc<dyn ClientCertVerifier> {
        Arc::new(Verifier::new(Arc::clone(self)))
    }

    /// What happens without a certificate that is believed.
    pub fn enforcement(&self) -> Enforcement {
        self.enforcement
    }

    fn examine(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: SystemTime,
    ) -> Result<(), Refusal> {
        within_limits(leaf, intermediates)?;
        self.authorities.lead_to(leaf, intermediates, now)?;
        self.names.one_of(leaf)
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTrust").field("enforcement", &self.enforcement).finish_non_exhaustive()
    }
}

fn within_limits(leaf: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Result<(), Refusal> {
    let bytes = intermediates.iter().fold(leaf.len(), |sum, certificate| sum.saturating_add(certificate.len()));
    if intermediates.len() >= LONGEST_CHAIN || bytes > LARGEST_CHAIN {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
