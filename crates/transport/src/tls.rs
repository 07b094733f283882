//! The TLS settings of the listener.
//!
//! Refuses: TLS before 1.2, early data (it can be replayed), and clients that insist on a protocol other than
//! HTTP/2 and HTTP/1.1.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::ResolvesServerCert;
use rustls::{ServerConfig, version};

use crate::error::TransportError;

/// The protocol ids of ALPN (RFC 7301), the preferred one first.
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// TLS 1.2 and 1.3 with ALPN `h2` and `http/1.1`; `resolver` chooses the certificate, and refuses the
/// handshake by choosing none. It is asked at resumptions too.
///
/// # Errors
/// [`TransportError::Tls`] when the library refuses, which no input from outside can bring about.
pub fn server_config(resolver: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, TransportError> {
    // Named here, not taken from the process: no dependency can change what we speak.
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
    // Sessions live with the client under a key that rotates, so that memory does not grow with visitors.
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
