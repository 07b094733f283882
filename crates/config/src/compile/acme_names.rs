//! Which names are ordered, when, and which cannot be.

use std::net::IpAddr;

use doorward_hygiene::{HostPattern, Hostname};

use crate::domain::acme::ChallengeKind;
use crate::domain::tls::Tls;

/// The hosts that no configured certificate names, each once, in the order of the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Ordered as soon as possible.
    pub(super) at_once: Vec<HostPattern>,
    /// Ordered one by one, when somebody asks for them.
    pub(super) on_demand: Vec<HostPattern>,
    /// No authority gives certificates for these.
    pub(super) impossible: Vec<HostPattern>,
    /// Wildcards, with no way to prove them and not on demand.
    pub(super) unprovable: Vec<HostPattern>,
}

/// Sorts the hosts. A wildcard is proved by DNS alone (RFC 8555 §7.1.3 leaves it to the authority, and all want that),
/// or each of its hosts is ordered on demand.
pub(super) fn choose(tls: &Tls, on_demand: bool, challenges: &[ChallengeKind]) -> Names {
    let mut names = Names::default();
    for pattern in tls.hosts.iter().cloned().map(HostPattern::from) {
        let list = if covered(tls, &pattern) {
            continue;
        } else if is_private(&pattern) {
            &mut names.impossible
        } else if pattern.exact().is_some() {
            &mut names.at_once
        } else if on_demand {
            &mut names.on_demand
        } else if challenges.contains(&ChallengeKind::Dns01) {
            &mut names.at_once
        } else {
            &mut names.unprovable
        };
        if !list.contains(&pattern) {
            list.push(pattern);
        }
    }
    names
}

impl Names {
    /// Those that nothing but a record in the DNS can prove.
    pub(super) fn by_dns_alone(&self, challenges: &[ChallengeKind]) -> Vec<&Hostname> {
        let by_dns_alone = challenges.iter().all(|kind| *kind == ChallengeKind::Dns01);
        let hosts = self.at_once.iter().filter_map(|pattern| match pattern {
            HostPattern::Below(parent) => Some(parent),
            HostPattern::Exact(host) if by_dns_alone => Some(host),
            HostPattern::Exact(_) => None,
        });
        hosts.collect()
    }
}

/// Whether a configured certificate names all of these hosts.
fn covered(tls: &Tls, pattern: &HostPattern) -> bool {
    let wildcard = pattern.to_string();
    match pattern.exact() {
        Some(host) => tls.covers(host),
        None => !tls.self_signed && tls.certificates.iter().any(|pair| pair.names.contains(&wildcard)),
    }
}

/// Whether a host is none of the public DNS: an address, a name of this machine (RFC 6761 §6.3), a single label.
fn is_private(pattern: &HostPattern) -> bool {
    let (HostPattern::Exact(host) | HostPattern::Below(host)) = pattern;
    let name = host.as_str();
    let single = pattern.exact().is_some() && !name.contains('.');
    host.is_ip() || single || name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(hosts: &[&str]) -> Tls {
        Tls {
            certificates: Vec::new(),
            hosts: hosts.iter().map(|host| Hostname::parse(host).unwrap()).collect(),
            extra_hosts: Vec::new(),
            self_signed: true,
            acme: None,
            client_certificates: None,
            client_certificates_by_host: Vec::new(),
        }
    }
}
