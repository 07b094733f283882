//! The applications behind routes.

use std::fmt;
use std::hash::{Hash, Hasher};

use doorward_hygiene::Scheme;
use rustls_pki_types::CertificateDer;

use super::balancing::Balancing;
use crate::Secret;

/// An application: where it is and how it is known to be the right one.
///
/// Equal addresses with equal TLS settings share connections, across routes and reloads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// Its addresses; at least one.
    pub addresses: Vec<UpstreamUrl>,
    /// How its certificate is judged. Without meaning for http addresses.
    pub tls: UpstreamTls,
    /// How requests are spread over its addresses.
    pub balancing: Balancing,
}

/// One address of an application. A path in `to` is not kept here: it is the route's `prefix_rewrite`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamUrl {
    /// http or https.
    pub scheme: Scheme,
    /// A DNS name or an IP address, the latter without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl UpstreamUrl {
    /// What stands in a Host header: the host, in brackets if IPv6, with the port unless it is the default.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}", self.authority())
    }
}

/// How an upstream's certificate is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// Whether any certificate will do.
    pub skip_verify: bool,
    /// The name the certificate must have and that is asked for, instead of the address's host.
    pub server_name: Option<String>,
    /// Authorities trusted besides the system's: the global ones and the route's.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The certificate we show it, when it asks for one.
    pub client_certificate: Option<ClientCertificatePair>,
}

/// A certificate with its key that we show to an upstream.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificatePair {
    /// The certificate first, then those that lead to its authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key, PKCS#8, PKCS#1 or SEC1 DER; checked to belong to the certificate.
    pub key: Secret,
}

impl Hash for ClientCertificatePair {
    /// Of the chain alone: equal pairs have equal chains, and the key is nobody's business.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.chain.hash(state);
    }
}

impl fmt::Debug for ClientCertificatePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificatePair").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}
