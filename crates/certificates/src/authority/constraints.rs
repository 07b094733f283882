//! What an authority may name: a stolen key must not be good for every site its owner visits (RFC 5280 §4.2.1.10).
//!
//! Refuses: hosts outside of what the authority's certificate permits, and constraints it does not understand.

use std::collections::BTreeSet;
use std::net::IpAddr;

use doorward_hygiene::{HostPattern, Hostname};
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::prelude::{GeneralName, X509Certificate};

/// Labels that stand before a country's as others stand alone: nobody's own names are directly below `co.uk`.
const LONGEST_SHARED_LABEL: usize = 3;

/// What an authority permits and excludes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Constraints {
    /// It may name anything, as those made before there were constraints.
    None,
    /// It may name these.
    Only {
        /// Names; each permits those below it as well.
        names: BTreeSet<String>,
        /// Addresses.
        addresses: BTreeSet<IpAddr>,
    },
    /// Something else, as an authority brought from elsewhere may have.
    Foreign,
}

impl Constraints {
    /// Wide enough for these hosts and their neighbours, no wider.
    pub(crate) fn around(hosts: &[HostPattern]) -> Self {
        let names = hosts.iter().filter_map(realm).collect();
        let addresses = hosts.iter().filter_map(|host| host.exact()?.ip()).collect();
        Self::Only { names, addresses }
    }

    /// Those of a certificate.
    pub(crate) fn of(certificate: &X509Certificate<'_>) -> Self {
        let extension = match certificate.name_constraints() {
            Ok(None) => return Self::None,
            Ok(Some(extension)) => extension.value,
            Err(_) => return Self::Foreign,
        };
        let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for subtree in extension.permitted_subtrees.iter().flatten() {
            match &subtree.base {
                GeneralName::DNSName(name) => drop(names.insert(name.to_ascii_lowercase())),
                GeneralName::IPAddress(bytes) => match one_address(bytes) {
                    Some(address) => drop(addresses.insert(address)),
                    None => return Self::Foreign,
                },
                _ => return Self::Foreign,
            }
        }
        let ours = Self::Only { names, addresses };
        let excluded = |subtree: &x509_parser::extensions::GeneralSubtree<'_>| match &subtree.base {
            GeneralName::DNSName(name) => ours.names_nothing() && name.is_empty(),
            GeneralName::IPAddress(bytes) => bytes.iter().all(|byte| *byte == 0),
            _ => false,
        };
        if extension.excluded_subtrees.iter().flatten().all(excluded) { ours } else { Self::Foreign }
    }

    /// Whether a certificate for this host would be accepted.
    pub(crate) fn permit(&self, host: &HostPattern) -> bool {
        let Self::Only { names, addresses } = self else { return *self == Self::None };
        if let Some(address) = host.exact().and_then(Hostname::ip) {
            return addresses.contains(&address);
        }
        let name = match host {
            HostPattern::Exact(host) | HostPattern::Below(host) => host.as_str(),
        };
        let below = |suffix: &str| names.contains(suffix);
        below(name) || name.match_indices('.').any(|(dot, _)| name.get(dot + 1..).is_some_and(below))
    }

    /// For the certificate. What nothing is permitted of is excluded: else all of it would be permitted.
    pub(crate) fn extension(&self) -> Option<NameConstraints> {
        let Self::Only { names, addresses } = self else { return None };
        let permitted_names = names.iter().cloned().map(GeneralSubtree::DnsName);
        let permitted_addresses = addresses.iter().map(|address| GeneralSubtree::IpAddress(subnet(*address)));
        let mut excluded = Vec::new();
        if names.is_empty() {
            excluded.push(GeneralSubtree::DnsName(String::new()));
        }
        if addresses.is_empty() {
            excluded.push(GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])));
            excluded.push(GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])));
        }
        Some(NameConstraints {
            permitted_subtrees: permitted_names.chain(permitted_addresses).collect(),
            excluded_subtrees: excluded,
        })
    }

    fn names_nothing(&self) -> bool {
        matches!(self, Self::Only { names, .. } if names.is_empty())
    }
}

/// The name below which a host and its neighbours are; none of an address.
fn realm(host: &HostPattern) -> Option<String> {
    let host = match host {
        HostPattern::Below(parent) => return Some(parent.as_str().to_owned()),
        HostPattern::Exact(host) if host.is_ip() => return None,
        HostPattern::Exact(host) => host.as_str(),
    };
    if host.ends_with(".localhost") {
        return Some("localhost".to_owned());
    }
    let parent = host.split_once('.').map(|(_, parent)| parent).filter(|parent| is_somebody_s(parent));
    Some(parent.unwrap_or(host).to_owned())
}

/// Whether a domain can belong to somebody, as neither `com` nor `co.uk` can. Where that is uncertain (`ab.de`), no:
/// then only the host itself is permitted.
fn is_somebody_s(domain: &str) -> bool {
    match domain.split('.').collect::<Vec<_>>().as_slice() {
        [second, top] => top.len() > 2 || second.len() > LONGEST_SHARED_LABEL,
        labels => labels.len() > 2,
    }
}

fn subnet(address: IpAddr) -> CidrSubnet {
    match address {
        IpAddr::V4(address) => CidrSubnet::V4(address.octets(), [u8::MAX; 4]),
        IpAddr::V6(address) => CidrSubnet::V6(address.octets(), [u8::MAX; 16]),
    }
}

/// The address of a subtree that permits one alone: address and mask.
fn one_address(bytes: &[u8]) -> Option<IpAddr> {
    let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
    if !mask.iter().all(|byte| *byte == u8::MAX) {
        return None;
    }
    let v4 = || <[u8; 4]>::try_from(address).map(IpAddr::from);
    v4().or_else(|_| <[u8; 16]>::try_from(address).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<HostPattern> {
        names.iter().map(|name| HostPattern::parse(name).unwrap()).collect()
    }

    fn realm_of(name: &str) -> Option<String> {
        realm(&HostPattern::parse(name).unwrap())
    }

    #[test]
    fn a_realm_is_as_wide_as_the_neighbours_and_never_a_whole_registry() {
        for (host, expected) in [
            ("code.dev.example.com", "dev.example.com"),
            ("code.example.com", "example.com"),
            ("example.com", "example.com"),
            ("*.dev.example.com", "dev.example.com"),
            ("code.localhost", "localhost"),
            ("a.b.localhost", "localhost"),
            ("localhost", "localhost"),
            ("*.localhost", "localhost"),
            ("nas", "nas"),
            ("nas.local", "nas.local"),
            ("code.example.de", "example.de"),
            ("example.co.uk", "example.co.uk"),
            ("code.example.co.uk", "example.co.uk"),
        ] {
            assert_eq!(realm_of(host).as_deref(), Some(expected), "{host}");
        }
        assert_eq!(realm_of("192.0.2.1"), None);
        assert_eq!(realm_of("[::1]"), None);
    }

    #[test]
    fn what_is_permitted_is_what_lies_below_label_by_label() {
        let constraints = Constraints::around(&hosts(&["code.example.com", "192.0.2.1"]));
        for (host, expected) in [
            ("other.example.com", true),
            ("example.com", true),
            ("a.b.example.com", true),
            ("*.example.com", true),
            ("*.dev.example.com", true),
            ("badexample.com", false),
            ("com", false),
            ("example.org", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("[::1]", false),
        ] {
            assert_eq!(constraints.permit(&HostPattern::parse(host).unwrap()), expected, "{host}");
        }
    }
}
