//! The table from names to certificates, swapped whole, and the resolver that reads it for each handshake: what is
//! configured first, then what was obtained, then the local authority's.
//!
//! Refuses: a name that is not ours, and a client that names no host unless one of ours is an IP address (which
//! cannot be named in a handshake, RFC 6066 §3).

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use doorward_config::CertificatePair;
use doorward_hygiene::{HostPattern, Hostname};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::minting::Minting;
use crate::names::{Names, Served, spelled};
use crate::report::{CertificateReport, Source};
use crate::{CertificatesError, LeafFacts, LocalAuthority, Obtained};

/// Where certificates come from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The configured ones; the first that names a host answers it.
    pub pairs: &'a [CertificatePair],
    /// Every host that must be answered.
    pub hosts: &'a [HostPattern],
    /// Who issues for the hosts no configured certificate names; without it they are answered only once a
    /// certificate was [obtained](Certificates::obtained).
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

    /// Replaces every certificate at once but those obtained; handshakes under way and open connections keep theirs.
    ///
    /// # Errors
    /// [`CertificatesError`]; then everything stays as it was.
    pub fn replace(&self, sources: Sources<'_>, now: SystemTime) -> Result<(), CertificatesError> {
        self.resolver.table.store(Arc::new(Table::build(sources, now)?));
        Ok(())
    }

    /// Puts certificates ordered from an authority in service. They answer before the local authority's and after
    /// the configured ones.
    pub fn obtained(&self) -> Obtained {
        self.resolver.obtained.clone()
    }

    /// For the TLS configuration; sees every replacement.
    pub fn resolver(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.resolver) as _
    }

    /// What the resolver chooses for a name as a client sent it, or for none.
    pub fn choose(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        self.resolver.choose(server_name)
    }

    /// The hosts that no certificate names, for a warning.
    pub fn uncovered(&self) -> Vec<HostPattern> {
        let table = self.resolver.table.load();
        table.uncovered.iter().filter(|host| self.resolver.obtained.of(host).is_none()).cloned().collect()
    }

    /// Every certificate in use, those that end first at the beginning.
    pub fn report(&self, now: SystemTime) -> Vec<CertificateReport> {
        let mut known = HashSet::new();
        let table = self.resolver.table.load();
        let all = table.configured.all().cloned().chain(self.resolver.obtained.all()).chain(table.local.all().cloned());
        let mut served: Vec<_> = all.filter(|served| known.insert(Arc::as_ptr(served))).collect();
        served.sort_by(|a, b| (a.facts.not_after, &a.facts.names).cmp(&(b.facts.not_after, &b.facts.names)));
        served.iter().map(|served| CertificateReport::of(served, now)).collect()
    }

    /// The certificate that a host, or all one label below one, is answered with.
    pub fn answer(&self, host: &HostPattern, now: SystemTime) -> Option<CertificateReport> {
        let table = self.resolver.table.load();
        let configured = table.configured.of(host).cloned();
        let served =
            configured.or_else(|| self.resolver.obtained.of(host)).or_else(|| table.local.of(host).cloned())?;
        Some(CertificateReport::of(&served, now))
    }
}

struct Resolver {
    table: ArcSwap<Table>,
    obtained: Obtained,
}

impl Resolver {
    /// For what a client names: configured, else obtained, else the local authority's. No more look-ups with more
    /// certificates, and no lock.
    fn choose(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let served = match server_name {
            None => self.find(self.table.load().unnamed.as_deref()?),
            Some(name) if name.bytes().any(|byte| byte.is_ascii_uppercase()) => self.find(&name.to_ascii_lowercase()),
            Some(name) => self.find(name),
        };
        served.map(|served| Arc::clone(&served.key))
    }

    /// For a name in lower case.
    fn find(&self, name: &str) -> Option<Arc<Served>> {
        let table = self.table.load();
        let configured = table.configured.find(name).cloned();
        let local = || table.local.find(name).cloned().or_else(|| table.minting.find(name));
        configured.or_else(|| self.obtained.find(name)).or_else(local)
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Table {
    configured: Names,
    local: Names,
    minting: Minting,
    /// The address that clients mean who name no host.
    unnamed: Option<Box<str>>,
    uncovered: Vec<HostPattern>,
}

impl Table {
    fn build(sources: Sources<'_>, now: SystemTime) -> Result<Self, CertificatesError> {
        let mut table = Self::default();
        let provider = aws_lc_rs::default_provider();
        for pair in sources.pairs {
            let served = Arc::new(configured(pair, &provider)?);
            for name in &pair.names {
                table.configured.add(name, &served);
            }
        }
        let unnamed: Vec<_> =
            sources.hosts.iter().filter(|host| table.configured.of(host).is_none()).cloned().collect();
        match sources.authority {
            Some(authority) if !unnamed.is_empty() => {
                for issued in authority.issue(&unnamed, now)? {
                    let served = Served { key: issued.key, facts: issued.facts, source: Source::Local, label: None };
                    let served = Arc::new(served);
                    issued.hosts.iter().for_each(|host| table.local.put(host, Arc::clone(&served)));
                }
                table.minting = authority.minting(&unnamed, now)?;
            }
            _ => table.uncovered = unnamed,
        }
        let addresses = || sources.hosts.iter().filter(|host| host.exact().is_some_and(Hostname::is_ip));
        let answered = addresses().find(|host| !table.uncovered.contains(host));
        table.unnamed = answered.or_else(|| addresses().next()).map(|host| spelled(&host.to_string()));
        Ok(table)
    }
}

fn configured(pair: &CertificatePair, provider: &CryptoProvider) -> Result<Served, CertificatesError> {
    let key = check(pair, provider)?;
    let broken = || CertificatesError::Unusable {
        label: pair.label.clone(),
        source: rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding),
    };
    let facts = pair.chain.first().and_then(|leaf| LeafFacts::of(leaf).ok()).ok_or_else(broken)?;
    Ok(Served { key: Arc::new(key), facts, source: Source::File, label: Some(pair.label.clone()) })
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
