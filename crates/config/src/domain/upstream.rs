//! The applications behind routes.

use std::fmt;
use std::hash::{Hash, Hasher};

use rustls_pki_types::CertificateDer;

use super::dns::LookupFamily;
use crate::Secret;

/// An application: where it is and how it is known to be the right one.
///
/// Equal upstreams may share connections, across routes and reloads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// Its addresses; at least one.
    pub addresses: Vec<UpstreamUrl>,
    /// Which addresses of their names are used.
    pub lookup: LookupFamily,
    /// How its certificate is judged. Without meaning for addresses without TLS.
    pub tls: UpstreamTls,
}

/// How an application is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpstreamScheme {
    /// `http://`: HTTP/1.1 in the clear.
    Http,
    /// `https://`: HTTP/2 or HTTP/1.1 over TLS, as the application prefers (ALPN, RFC 7301).
    Https,
    /// `h2c://`: HTTP/2 in the clear, known beforehand to be spoken there (RFC 9113 §3.3).
    H2c,
    /// `unix://`: HTTP/1.1 over a socket of this machine.
    Unix,
    /// `https+unix://`: as `https`, over a socket of this machine.
    UnixTls,
}

impl UpstreamScheme {
    /// As it is written in `to`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::H2c => "h2c",
            Self::Unix => "unix",
            Self::UnixTls => "https+unix",
        }
    }

    /// Whether what is sent there is encrypted, and the application's certificate is judged.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::UnixTls)
    }

    /// Whether it is a socket of this machine.
    pub fn is_unix(self) -> bool {
        matches!(self, Self::Unix | Self::UnixTls)
    }
}

/// One address of an application. A path in `to` is not kept here: it is the route's `prefix_rewrite`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamUrl {
    /// How it is spoken to.
    pub scheme: UpstreamScheme,
    /// A DNS name or an IP address, the latter without brackets; of a unix socket, its path.
    pub host: String,
    /// The port; 0 of a unix socket.
    pub port: u16,
}

impl UpstreamUrl {
    /// What stands in a Host header: the host, in brackets if IPv6, with the port unless it is the default; of a unix
    /// socket, `localhost`.
    pub fn authority(&self) -> String {
        if self.scheme.is_unix() {
            return "localhost".to_owned();
        }
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.scheme, self.port) {
            (UpstreamScheme::Http | UpstreamScheme::H2c, 80) | (UpstreamScheme::Https, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.as_str();
        if self.scheme.is_unix() {
            return write!(f, "{scheme}://{}", self.host);
        }
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
