//! The table from names to certificates, swapped whole, and the resolver that reads it for each handshake.
//!
//! Refuses: a name that is not ours, and a client that names no host unless one of ours is an IP address (which
//! cannot be named in a handshake, RFC 6066 §3).

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use doorward_config::CertificatePair;
use doorward_hygiene::Hostname;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::{CertificatesError, LocalAuthority, Obtained};

/// Where certificates come from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The configured ones; the first that names a host answers it.
    pub pairs: &'a [CertificatePair],
    /// Every host that must be answered.
    pub hosts: &'a [Hostname],
    /// Who issues for the hosts no configured certificate names; without it they are not answered.
    pub authority: Option<&'a LocalAuthority>,
}

/// The certificates in use.
#[derive(Debug)]
pub struct Certificates {
    resolver: Arc<Resolver>,
}

impl Certificates {
    /// Reads and checks every certificate.
    ///
    /// # Errors
    /// [`CertificatesError`]; nothing is answered with certificates of which one is refused.
    pub fn new(sources: Sources<'_>, now: SystemTime) -> Result<Self, CertificatesError> {
        let table = ArcSwap::from_pointee(Table::build(sources, now)?);
        Ok(Self { resolver: Arc::new(Resolver { table, obtained: Obtained::new() }) })
    }

    /// Replaces every certificate at once; handshakes under way and open connections keep theirs.
    ///
    /// # Errors
    /// [`CertificatesError`]; then everything stays as it was.
    pub fn replace(&self, sources: Sources<'_>, now: SystemTime) -> Result<(), CertificatesError> {
        self.resolver.table.store(Arc::new(Table::build(sources, now)?));
        Ok(())
    }

    /// Where certificates ordered from an authority are put in service, beside the table.
    pub fn obtained(&self) -> Obtained {
        self.resolver.obtained.clone()
    }

    /// For the TLS configuration; sees every replacement.
    pub fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.resolver) as _
    }

    /// The hosts that no certificate names, for a warning.
    pub fn uncovered(&self) -> Vec<Hostname> {
        self.resolver.table.load().uncovered.clone()
    }
}

struct Resolver {
    table: ArcSwap<Table>,
    obtained: Obtained,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name();
        self.table.load().find(name).or_else(|| self.obtained.find(&name?.to_ascii_lowercase()))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Table {
    /// By whole name, in lower case.
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// `*.example.com` by `example.com`.
    wildcards: HashMap<String, Arc<CertifiedKey>>,
    /// For clients that name no host.
    unnamed: Option<Arc<CertifiedKey>>,
    uncovered: Vec<Hostname>,
}

impl Table {
    fn build(sources: Sources<'_>, now: SystemTime) -> Result<Self, CertificatesError> {
        let mut table = Self::default();
        let provider = aws_lc_rs::default_provider();
        for pair in sources.pairs {
            let key = Arc::new(check(pair, &provider)?);
            for name in &pair.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut table.wildcards, parent.to_owned()),
                    None => (&mut table.exact, spelled(name)),
                };
                names.entry(name).or_insert_with(|| Arc::clone(&key));
            }
        }
        let uncovered: Vec<_> = sources.hosts.iter().filter(|host| table.of_host(host).is_none()).cloned().collect();
        match sources.authority {
            Some(authority) if !uncovered.is_empty() => {
                let key = authority.issue(&uncovered, now)?;
                table.exact.extend(uncovered.iter().map(|host| (spelled(host.as_str()), Arc::clone(&key))));
            }
            _ => table.uncovered = uncovered,
        }
        table.unnamed = sources.hosts.iter().filter(|host| host.is_ip()).find_map(|host| table.of_host(host));
        Ok(table)
    }

    fn find(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let Some(name) = server_name else { return self.unnamed.clone() };
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.of_name(&name.to_ascii_lowercase());
        }
        self.of_name(name)
    }

    fn of_host(&self, host: &Hostname) -> Option<Arc<CertifiedKey>> {
        if host.is_ip() { self.exact.get(&spelled(host.as_str())).cloned() } else { self.of_name(host.as_str()) }
    }

    /// Exactly, else by a `*` that stands for one whole label (RFC 6125 §6.4.3).
    fn of_name(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let by_wildcard = || name.split_once('.').and_then(|(_, parent)| self.wildcards.get(parent));
        self.exact.get(name).or_else(by_wildcard).cloned()
    }
}

/// An address in its one spelling, without the brackets of a URL; a name as it is.
fn spelled(name: &str) -> String {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().map_or_else(|_| name.to_owned(), |address| address.to_string())
}

/// The pair for the TLS library, if its key belongs to its first certificate.
fn check(pair: &CertificatePair, provider: &CryptoProvider) -> Result<CertifiedKey, CertificatesError> {
    let label = || pair.label.clone();
    if pair.names.is_empty() {
        return Err(CertificatesError::NoNames { label: label() });
    }
    let unusable = |source| CertificatesError::Unusable { label: label(), source };
    let key = provider.key_provider.load_private_key(pair.key.clone_key()).map_err(unusable)?;
    let belongs = |position: usize| {
        let rest = pair.chain.get(position..).unwrap_or_default().to_vec();
        CertifiedKey::new(rest, Arc::clone(&key)).keys_match()
    };
    match belongs(0) {
        Ok(()) => Ok(CertifiedKey::new(pair.chain.clone(), key)),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let elsewhere = (1..pair.chain.len()).any(|position| belongs(position).is_ok());
            Err(if elsewhere {
                CertificatesError::ChainOrder { label: label() }
            } else {
                CertificatesError::KeyMismatch { label: label() }
            })
        }
        Err(error) => Err(unusable(error)),
    }
}

#[cfg(test)]
mod tests;
