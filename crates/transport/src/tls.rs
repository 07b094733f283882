//! The TLS settings of the listener.
//!
//! Refuses: TLS before 1.2, early data (it can be replayed), renegotiation (the library has none), and clients that
//! insist on a protocol other than HTTP/2 and HTTP/1.1. A session of one set of settings is never resumed under
//! another: whoever gives the keys for tickets gives each set its own.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ConfigBuilder, ServerConfig, WantsVerifier, version};

use crate::error::TransportError;
use crate::terms::Versions;
use crate::tickets::TicketKeys;

/// The protocol ids of ALPN (RFC 7301), the preferred one first.
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// What an authority speaks that checks a name by its certificate (RFC 8737 §6.2).
pub(crate) const ACME: &[u8] = b"acme-tls/1";
const AES_128: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// TLS 1.2 and 1.3 with ALPN of these `versions`, post-quantum key exchange first; `resolver` chooses the certificate,
/// and refuses the handshake by choosing none. It is asked at resumptions too. `clients` asks for the client's
/// certificate and says which will do. Sessions are resumed by tickets under `tickets`, which no other settings of this
/// process may have; none for keys that nobody else has, and that change every few hours.
///
/// # Errors
/// [`TransportError::Tls`] when the library refuses, which no input from outside can bring about.
pub fn server_config(
    resolver: Arc<dyn ResolvesServerCert>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    tickets: Option<TicketKeys>,
    versions: Versions,
) -> Result<Arc<ServerConfig>, TransportError> {
    // The library does not have a certificate judged again when a session is resumed, and one that had to be believed
    // may have been revoked meanwhile.
    let resumes = clients.as_ref().is_none_or(|clients| !clients.client_auth_mandatory());
    let builder = builder()?;
    let builder = match clients {
        Some(clients) => builder.with_client_cert_verifier(clients),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = match versions {
        Versions::Both => vec![HTTP2.to_vec(), HTTP1.to_vec()],
        Versions::Http1 => vec![HTTP1.to_vec()],
        Versions::Http2 => vec![HTTP2.to_vec()],
    };
    config.max_early_data_size = 0;
    config.ignore_client_order = true;
    if resumes {
        // Sessions live with the client under a key that rotates, so that memory does not grow with visitors.
        config.ticketer = match tickets {
            Some(tickets) => Arc::new(tickets),
            None => aws_lc_rs::Ticketer::new()?,
        };
        config.send_tls13_tickets = 1;
    } else {
        never_resume(&mut config);
    }
    Ok(Arc::new(config))
}

/// For an authority that checks a name: `acme-tls/1`, this certificate, and nothing else (RFC 8737 §3).
///
/// # Errors
/// [`TransportError::Tls`] when the library refuses, which no input from outside can bring about.
pub fn challenge_config(key: Arc<CertifiedKey>) -> Result<Arc<ServerConfig>, TransportError> {
    let mut config = builder()?.with_no_client_auth().with_cert_resolver(Arc::new(Only(key)));
    config.alpn_protocols = vec![ACME.to_vec()];
    never_resume(&mut config);
    Ok(Arc::new(config))
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, TransportError> {
    // Named here, not taken from the process: no dependency can change what we speak.
    let mut provider = aws_lc_rs::default_provider();
    // The order is ours, and AES-128 comes first in it: as good as AES-256 for what passes here, and quicker.
    provider.cipher_suites.sort_by_key(|suite| !AES_128.contains(&suite.suite()));
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    Ok(builder.with_protocol_versions(&[&version::TLS13, &version::TLS12])?)
}

fn never_resume(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
}

/// One certificate, whoever asks.
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl fmt::Debug for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Only").finish_non_exhaustive()
    }
}
