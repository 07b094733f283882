//! How upstreams are believed: the system's authorities and the configured ones, or, if asked for, anybody.
//!
//! Refuses: a certificate that is expired, of an unknown authority, for another name, or that names its host
//! only by common name; the error says which and how to mend it.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate_problem::{CertificateProblem, explain};
use super::danger::AnyCertificate;

/// HTTP/2, as TLS calls it (RFC 7301 §6).
pub(super) const HTTP2: &[u8] = b"h2";
/// HTTP/1.1, as TLS calls it.
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// Makes client configurations, each distinct set of settings once: a thousand upstreams that trust the system's
/// authorities share one copy of them.
#[derive(Debug, Default)]
pub(super) struct TlsProfiles {
    system: Option<Arc<Vec<CertificateDer<'static>>>>,
    verified: Vec<(Vec<CertificateDer<'static>>, Arc<ClientConfig>)>,
}

impl TlsProfiles {
    /// The configuration that checks certificates against the system's authorities and `authorities`.
    ///
    /// # Errors
    /// When the cryptography offers no usable protocol version.
    pub(super) fn verified(&mut self, authorities: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, Error> {
        if let Some((_, config)) = self.verified.iter().find(|(known, _)| known == authorities) {
            return Ok(Arc::clone(config));
        }
        let mut roots = RootCertStore::empty();
        let (_added, _unreadable) = roots.add_parsable_certificates(self.system().iter().cloned());
        let (_added, unreadable) = roots.add_parsable_certificates(authorities.iter().cloned());
        if unreadable > 0 {
            tracing::warn!(unreadable, "some configured certificate authorities cannot be used as one");
        }
        let provider = provider();
        let inner = if roots.is_empty() {
            None
        } else {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().ok()
        };
        let verifier = Arc::new(Explaining { inner, provider: Arc::clone(&provider) });
        let config = Arc::new(client_config(provider, verifier)?);
        self.verified.push((authorities.to_vec(), Arc::clone(&config)));
        Ok(config)
    }

    /// The configuration that believes anybody; made anew, and warned of, for each upstream.
    ///
    /// # Errors
    /// As [`Self::verified`].
    pub(super) fn unverified(upstream: &str) -> Result<Arc<ClientConfig>, Error> {
        let provider = provider();
        let verifier = Arc::new(AnyCertificate::new(Arc::clone(&provider), upstream));
        Ok(Arc::new(client_config(provider, verifier)?))
    }

    /// The system's authorities, read the first time an upstream needs them.
    fn system(&mut self) -> Arc<Vec<CertificateDer<'static>>> {
        let loaded = self.system.get_or_insert_with(|| {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(%error, "a certificate authority of the system cannot be read");
            }
            if found.certs.is_empty() {
                tracing::warn!("the system has no certificate authorities; install its ca-certificates package");
            }
            Arc::new(found.certs)
        });
        Arc::clone(loaded)
    }
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn client_config(provider: Arc<CryptoProvider>, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Error> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    Ok(config)
}

/// The library's own check, with a reason a person can act on.
#[derive(Debug)]
struct Explaining {
    /// None when there is no authority to check against: then nothing is believed.
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Explaining {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Err(refusal(CertificateProblem::NoAuthorities)) };
        inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| refusal(explain(&error, end_entity, intermediates, server_name, now)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn refusal(problem: CertificateProblem) -> Error {
    CertificateError::Other(OtherError(Arc::new(problem))).into()
}

/// What the TLS library says of a failed handshake, if it was not the connection that failed.
pub(super) fn error_in(error: &std::io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The certificate's problem inside a failed handshake, if that was it.
pub(super) fn problem_in(error: &Error) -> Option<CertificateProblem> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            inner.downcast_ref::<CertificateProblem>().cloned()
        }
        _ => None,
    }
}
