//! The certificate we show an upstream that asks for one, and what is to be made of it when the upstream says no.
//!
//! Refuses to guess: only an upstream that did ask for a certificate is said to want one.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use doorward_config::ClientCertificatePair;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, Error, SignatureScheme};
use rustls_pki_types::PrivateKeyDer;

/// Sessions kept of an upstream that knows us by our certificate.
const SESSIONS: usize = 16;

/// What an upstream holds against our side of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientCertificateProblem {
    /// It wants a certificate, and the route has none.
    #[error(
        "it requires a client certificate and none is configured: set tls_client_cert_file and tls_client_key_file on \
         the route, to a certificate of an authority that it trusts"
    )]
    Required,
    /// It got ours and refused it.
    #[error(
        "it did not accept our client certificate ({said}): see that tls_client_cert_file is in date, meant for clients \
         (clientAuth), and of an authority that it trusts, with the certificates in between"
    )]
    Refused {
        /// What it says of it.
        said: &'static str,
    },
}

/// What we show one upstream, and whether it ever asked.
pub(super) struct Shown {
    key: Option<Arc<CertifiedKey>>,
    asked: AtomicBool,
}

impl Shown {
    /// Of this pair, or nothing.
    ///
    /// # Errors
    /// When the key is none TLS can use, or another certificate's.
    pub(super) fn new(pair: Option<&ClientCertificatePair>, provider: &CryptoProvider) -> Result<Arc<Self>, Error> {
        let key = pair.map(|pair| {
            let key = PrivateKeyDer::try_from(pair.key.expose())
                .map_err(|reason| Error::General(format!("the client certificate's key: {reason}")))?;
            CertifiedKey::from_der(pair.chain.clone(), key.clone_key(), provider).map(Arc::new)
        });
        Ok(Arc::new(Self { key: key.transpose()?, asked: AtomicBool::new(false) }))
    }

    /// The same settings, showing this.
    pub(super) fn put_into(self: &Arc<Self>, config: &ClientConfig) -> Arc<ClientConfig> {
        let mut config = config.clone();
        config.client_auth_cert_resolver = Arc::clone(self) as _;
        if self.key.is_some() {
            // A session stands for who we were when it began: it is kept for this upstream alone.
            config.resumption = Resumption::in_memory_sessions(SESSIONS);
        }
        Arc::new(config)
    }

    /// What an alert of the upstream says about our certificate, if it is about that.
    pub(super) fn problem(&self, error: &Error) -> Option<ClientCertificateProblem> {
        let Error::AlertReceived(alert) = error else { return None };
        let said = about_certificates(*alert)?;
        // Some say no more than that the handshake failed, and that has other causes too.
        if *alert != AlertDescription::CertificateRequired && !self.asked.load(Ordering::Relaxed) {
            return None;
        }
        Some(match &self.key {
            None => ClientCertificateProblem::Required,
            Some(_) => ClientCertificateProblem::Refused { said },
        })
    }

    /// The same in an exchange: since TLS 1.3 a client has to wait for the first answer to learn of it.
    pub(super) fn problem_in_exchange(&self, error: &hyper::Error) -> Option<ClientCertificateProblem> {
        let io = error.source()?.downcast_ref::<std::io::Error>()?;
        self.problem(io.get_ref()?.downcast_ref::<Error>()?)
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        self.key.is_some()
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("any", &self.key.is_some()).field("asked", &self.asked).finish()
    }
}

/// The alerts that are sent about a client's certificate (RFC 8446 §6.2), in words.
fn about_certificates(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateRequired => "it says there was none",
        AlertDescription::BadCertificate => "it calls it bad",
        AlertDescription::UnsupportedCertificate => "it calls it of an unsupported kind",
        AlertDescription::CertificateRevoked => "it says it was revoked",
        AlertDescription::CertificateExpired => "it says it has expired",
        AlertDescription::CertificateUnknown => "it gives no reason",
        AlertDescription::UnknownCA => "it does not know its authority",
        AlertDescription::AccessDenied => "it denies access with it",
        AlertDescription::DecryptError => "it could not check the signature made with it",
        AlertDescription::HandshakeFailure => "it broke off the handshake",
        _ => return None,
    })
}
