//! The certificates that are served.

use std::fmt;

use doorward_hygiene::{HostPattern, Hostname};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::acme::Acme;
use super::client_certificates::ClientCertificates;

/// Which certificates there are, and for whom some must be.
#[derive(Debug)]
pub struct Tls {
    /// The configured certificates, each with the key that belongs to it.
    pub certificates: Vec<CertificatePair>,
    /// Every host and wildcard that is answered for, each once: the routes' and the sign-in host.
    pub hosts: Vec<HostPattern>,
    /// More names for the self-signed certificate (`--cert-host`).
    pub extra_hosts: Vec<Hostname>,
    /// Whether the certificate is self-signed: asked for by `--cert`, or no other is configured.
    pub self_signed: bool,
    /// Certificates that are ordered from an authority; none when none are.
    pub acme: Option<Acme>,
    /// The visitors' certificates that are believed on every host whose routes say nothing else.
    pub client_certificates: Option<ClientCertificates>,
    /// And on the hosts whose routes name an authority of their own (`tls_downstream_client_ca`).
    pub client_certificates_by_host: Vec<(HostPattern, ClientCertificates)>,
}

impl Tls {
    /// Whether a configured certificate names this host, or all those of a wildcard.
    pub fn covers(&self, hosts: &HostPattern) -> bool {
        !self.self_signed && self.certificates.iter().any(|pair| pair.covers(hosts))
    }
}

/// A certificate with its chain and its key.
pub struct CertificatePair {
    /// The certificate first, then those that lead to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key; checked to belong to the certificate.
    pub key: PrivateKeyDer<'static>,
    /// The DNS names (perhaps with one leading `*.`) and IP addresses of its subjectAltName, in lower case.
    pub names: Vec<String>,
    /// What to call it in messages: the path of its file.
    pub label: String,
}

impl CertificatePair {
    /// Whether the certificate names this host: exactly, or by a `*` that stands for one whole label
    /// (RFC 6125 §6.4.3). All hosts of a wildcard are named by that same wildcard and by nothing else.
    pub fn covers(&self, hosts: &HostPattern) -> bool {
        match hosts {
            HostPattern::Exact(host) => self.covers_host(host),
            HostPattern::Below(parent) => {
                self.names.iter().any(|name| name.strip_prefix("*.") == Some(parent.as_str()))
            }
        }
    }

    fn covers_host(&self, host: &Hostname) -> bool {
        if let Some(address) = host.ip() {
            return self.names.iter().any(|name| name.parse() == Ok(address));
        }
        let host = host.as_str();
        self.names.iter().any(|name| {
            name == host
                || name
                    .strip_prefix("*.")
                    .is_some_and(|parent| host.split_once('.').is_some_and(|(_, rest)| rest == parent))
        })
    }
}

impl fmt::Debug for CertificatePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificatePair")
            .field("label", &self.label)
            .field("names", &self.names)
            .field("chain", &self.chain.len())
            .finish_non_exhaustive()
    }
}
