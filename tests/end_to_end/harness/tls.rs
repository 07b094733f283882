//! TLS as a client: with a judgement like a browser's, or without any, noting what was shown.

use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::authority::Pair;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A client that trusts these authorities (PEM, one or more in a text) and nobody else.
pub(crate) fn trusting(authorities: &[String], alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for pem in authorities {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// A client that takes whatever it is shown and remembers it.
pub(crate) struct Undemanding {
    pub(crate) config: ClientConfig,
    shown: Arc<Shown>,
}

impl Undemanding {
    pub(crate) fn new(alpn: &[&str], versions: &[&'static SupportedProtocolVersion]) -> Self {
        let shown = Arc::new(Shown::default());
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(shown.clone())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config, shown }
    }

    /// Shows this certificate to whoever asks.
    pub(crate) fn showing(mut self, pair: &Pair) -> Self {
        let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let key = CertifiedKey::from_der(chain, key, &provider()).unwrap();
        self.config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(key));
        self
    }

    /// The certificate of the last handshake, DER.
    pub(crate) fn shown(&self) -> Option<Vec<u8>> {
        self.shown.0.lock().unwrap().clone()
    }
}

/// Shakes hands; `sni` is also the name looked for in the certificate. Without one, none is sent.
pub(crate) async fn shake_hands(
    mut config: ClientConfig,
    stream: TcpStream,
    sni: Option<&str>,
) -> std::io::Result<TlsStream<TcpStream>> {
    // An IP address is never sent as SNI (RFC 6066 §3), so any will do where none is wanted.
    let name = ServerName::try_from(sni.unwrap_or("127.0.0.1").to_owned()).map_err(std::io::Error::other)?;
    config.enable_sni = sni.is_some();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[derive(Debug, Default)]
struct Shown(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = Some(leaf.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
