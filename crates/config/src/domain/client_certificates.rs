//! Certificates that visitors show (mutual TLS).

use regex::Regex;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

/// Which visitors' certificates are believed, and what happens to the others.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// The authorities; never empty.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Lists of what they took back.
    pub revoked: Vec<CertificateRevocationListDer<'static>>,
    /// What happens without a certificate that is believed.
    pub enforcement: Enforcement,
    /// If there are any, one name of the certificate has to match one of them.
    pub names: Vec<NameMatch>,
    /// How many certificates may stand between the visitor's and the authority's; none is any number.
    pub max_verify_depth: Option<u8>,
}

/// What happens to a visitor without a certificate that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Every route denies them.
    PolicyWithDefaultDeny,
    /// The routes' policies decide.
    Policy,
    /// The handshake fails.
    RejectConnection,
}

/// What a name of the certificate has to look like.
#[derive(Debug, Clone)]
pub struct NameMatch {
    /// Which kind of name.
    pub kind: NameKind,
    /// The whole name has to match (it is anchored at both ends).
    pub pattern: Regex,
}

/// A kind of subjectAltName (RFC 5280 §4.2.1.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// `dNSName`
    Dns,
    /// `rfc822Name`
    Email,
    /// `iPAddress`, in text
    IpAddress,
    /// `uniformResourceIdentifier`
    Uri,
    /// `otherName` of the Microsoft user principal name (1.3.6.1.4.1.311.20.2.3)
    UserPrincipalName,
}
