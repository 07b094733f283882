//! How certificates are ordered from an authority (RFC 8555).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use doorward_hygiene::{HostPattern, Hostname};
use rustls_pki_types::CertificateDer;
use url::Url;

use crate::Secret;

/// The authority, our account with it, and what is ordered how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The authority's directory URL (RFC 8555 §7.1.1). Always https.
    pub directory: Url,
    /// The e-mail address the authority may write to.
    pub contact: Option<String>,
    /// Proof of an account elsewhere, where the authority wants one (RFC 8555 §7.3.4).
    pub external_account: Option<ExternalAccount>,
    /// Authorities believed for the directory's own TLS, besides the system's.
    pub trusted: Vec<CertificateDer<'static>>,
    /// The certificate profile asked for, such as `shortlived`.
    pub profile: Option<String>,
    /// Where account, certificates, attempts and pending challenges are kept.
    pub folder: PathBuf,
    /// What is ordered at once, a certificate for each, in the order of the file. None is an IP address.
    pub names: Vec<HostPattern>,
    /// Patterns whose hosts get a certificate of their own when the first handshake asks for them.
    pub on_demand: Vec<HostPattern>,
    /// Ways to prove that a host is ours, in the order they are tried. A wildcard is proved by DNS alone.
    pub challenges: Vec<ChallengeKind>,
    /// How records are put into the DNS, when they can be.
    pub dns: Option<Dns>,
}

impl Acme {
    /// Whether certificates for this host, or all of these hosts, are ordered.
    pub fn orders(&self, host: &HostPattern) -> bool {
        let named = |pattern: &HostPattern| pattern == host || host.exact().is_some_and(|exact| pattern.matches(exact));
        self.names.iter().chain(&self.on_demand).any(named)
    }
}

/// A way to prove that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChallengeKind {
    /// A TXT record (RFC 8555 §8.4).
    Dns01,
    /// A handshake on port 443 (RFC 8737).
    TlsAlpn01,
    /// A file on port 80 (RFC 8555 §8.3).
    Http01,
}

impl ChallengeKind {
    /// As the authorities call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
        }
    }
}

/// An account elsewhere that ours is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The key's name.
    pub key_id: String,
    /// The key itself, decoded.
    pub mac_key: Secret,
}

/// How TXT records come into the DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Who puts them there.
    pub updater: DnsUpdater,
    /// Who is asked whether a record can be seen; empty: where updates go (RFC 2136), else the system's resolvers.
    pub resolvers: Vec<SocketAddr>,
    /// How long is waited for a record to be seen before the authority is told to look all the same.
    pub propagation: Duration,
}

/// Who puts TXT records into the DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsUpdater {
    /// A name server that takes updates (RFC 2136) signed by TSIG (RFC 8945).
    Rfc2136(Rfc2136),
    /// An acme-dns server, to which `_acme-challenge` is delegated by CNAME.
    AcmeDns(AcmeDns),
    /// A program: `PROGRAM ARGUMENTS… present|cleanup NAME VALUE`.
    Exec(DnsCommand),
}

/// A name server that takes updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rfc2136 {
    /// Where it listens, TCP.
    pub server: SocketAddr,
    /// The zone; none: asked of the server (SOA).
    pub zone: Option<Hostname>,
    /// The key; none: updates go unsigned, for servers that go by address.
    pub key: Option<TsigKey>,
}

/// A key that signs updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsigKey {
    /// Its name, as the server knows it.
    pub name: String,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
    /// The key, decoded.
    pub secret: Secret,
}

/// The algorithms of RFC 8945 §6 that are still to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TsigAlgorithm {
    /// `hmac-sha256`
    HmacSha256,
    /// `hmac-sha384`
    HmacSha384,
    /// `hmac-sha512`
    HmacSha512,
}

/// An acme-dns server and what it gave us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeDns {
    /// Its API.
    pub url: Url,
    /// The account for each host; `*.example.com` and `example.com` are one.
    pub accounts: Vec<(Hostname, AcmeDnsAccount)>,
}

/// One registration with an acme-dns server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeDnsAccount {
    /// `X-Api-User`.
    pub username: String,
    /// `X-Api-Key`.
    pub password: Secret,
    /// The name whose TXT records it may set.
    pub subdomain: String,
}

/// A program that changes the DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsCommand {
    /// The program and its arguments; at least the program. No shell looks at them.
    pub command: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
}
