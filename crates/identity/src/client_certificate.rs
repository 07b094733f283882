//! The certificate a visitor's browser or program showed, as policies and upstreams may know it.
//!
//! Refuses: to be made of a certificate nobody judged. Whether it was believed is [`Presented`].

use std::sync::Arc;
use std::time::SystemTime;

/// What a visitor showed in the TLS handshake, after it was judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Presented {
    /// No certificate.
    #[default]
    Nothing,
    /// One that is not believed, with the reason in a few plain words ("it was revoked").
    Refused {
        /// What it says, whoever made it.
        certificate: Arc<ClientCertificate>,
        /// Why it is not believed.
        reason: Arc<str>,
    },
    /// One that is believed.
    Accepted(Arc<ClientCertificate>),
}

impl Presented {
    /// The certificate, believed or not.
    pub fn certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Nothing => None,
            Self::Refused { certificate, .. } | Self::Accepted(certificate) => Some(certificate),
        }
    }
}

/// What a client certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// SHA-256 of the certificate, 64 hexadecimal digits in lower case.
    pub fingerprint: String,
    /// SHA-256 of its SubjectPublicKeyInfo, base64 with padding (RFC 7469 §2.4).
    pub spki_hash: String,
    /// The subject's distinguished name, for logs.
    pub subject: String,
    /// The DNS names of its subjectAltName.
    pub san_dns: Vec<String>,
    /// The e-mail addresses of its subjectAltName.
    pub san_email: Vec<String>,
    /// The URIs of its subjectAltName.
    pub san_uri: Vec<String>,
    /// When it ends.
    pub not_after: SystemTime,
}
