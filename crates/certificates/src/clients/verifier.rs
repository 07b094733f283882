//! The handshake's part: asks for a certificate and has the client prove that it has the key.
//!
//! Refuses: chains beyond the limits, signatures that are not of the certificate's key, and, when connections without
//! a believed certificate are to be rejected, those.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use doorward_config::Enforcement;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::{ClientTrust, within_limits};

/// What the TLS library asks.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Arc<ClientTrust>,
    /// Browsers offer only the certificates of these authorities.
    hints: Vec<DistinguishedName>,
}

impl Verifier {
    pub(super) fn new(trust: Arc<ClientTrust>) -> Self {
        let hints = trust.authorities.names().map(DistinguishedName::in_sequence).collect();
        Self { trust, hints }
    }

    fn rejects(&self) -> bool {
        self.trust.enforcement == Enforcement::RejectConnection
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.rejects()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.rejects() {
            let now = UNIX_EPOCH.checked_add(Duration::from_secs(now.as_secs())).unwrap_or(UNIX_EPOCH);
            self.trust.examine(end_entity, intermediates, now).map_err(|refusal| {
                tracing::debug!(%refusal, "a connection was rejected for its client certificate");
                Error::from(refusal)
            })?;
        } else {
            within_limits(end_entity, intermediates)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, self.trust.authorities.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, self.trust.authorities.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.authorities.algorithms().supported_schemes()
    }
}
