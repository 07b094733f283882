//! Which names are ordered, when, and which cannot be.

use std::collections::HashSet;

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
    sort(tls.hosts.iter().cloned(), |pattern| tls.covers(pattern), on_demand, challenges)
}

fn sort(
    patterns: impl Iterator<Item = HostPattern>,
    covered: impl Fn(&HostPattern) -> bool,
    on_demand: bool,
    challenges: &[ChallengeKind],
) -> Names {
    let mut names = Names::default();
    let mut seen = HashSet::new();
    for pattern in patterns.filter(|pattern| seen.insert(pattern.clone())) {
        let list = if covered(&pattern) {
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
        list.push(pattern);
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

/// Whether a host is none of the public DNS: an address, a name of this machine (RFC 6761 §6.3), a single label.
fn is_private(pattern: &HostPattern) -> bool {
    let (HostPattern::Exact(host) | HostPattern::Below(host)) = pattern;
    let name = host.as_str();
    let single = pattern.exact().is_some() && !name.contains('.');
    host.is_ip() || single || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChallengeKind::{Dns01, Http01, TlsAlpn01};

    fn below(parent: &str) -> HostPattern {
        HostPattern::Below(Hostname::parse(parent).unwrap())
    }

    fn exact(host: &str) -> HostPattern {
        HostPattern::Exact(Hostname::parse(host).unwrap())
    }

    /// The names of these patterns with nothing configured.
    fn chosen(patterns: &[HostPattern], on_demand: bool, challenges: &[ChallengeKind]) -> Names {
        sort(patterns.iter().cloned(), |_| false, on_demand, challenges)
    }

    #[test]
    fn a_wildcard_is_proved_by_dns_or_its_hosts_are_on_demand() {
        let hosts = [exact("code.example.com"), below("dev.example.com")];
        let names = chosen(&hosts, false, &[Dns01, TlsAlpn01]);
        assert_eq!((names.at_once, names.unprovable), (hosts.to_vec(), vec![]));
        let names = chosen(&hosts, true, &[TlsAlpn01]);
        assert_eq!((names.at_once, names.on_demand), (vec![exact("code.example.com")], vec![below("dev.example.com")]));
        let names = chosen(&hosts, true, &[Dns01]);
        assert_eq!(names.on_demand, [below("dev.example.com")], "what is asked for by name is done");
        let names = chosen(&hosts, false, &[TlsAlpn01, Http01]);
        assert_eq!(names.unprovable, [below("dev.example.com")]);
    }

    #[test]
    fn what_no_authority_names_is_not_ordered() {
        let private = [
            exact("192.0.2.1"),
            exact("[::1]"),
            exact("localhost"),
            exact("code.localhost"),
            exact("nas"),
            below("localhost"),
        ];
        let names = chosen(&private, true, &[Dns01, TlsAlpn01]);
        assert_eq!(names, Names { impossible: private.to_vec(), ..Names::default() });
    }

    #[test]
    fn each_host_is_ordered_once_and_what_is_covered_is_not() {
        let hosts = [exact("a.example.com"), exact("b.example.com"), exact("a.example.com")];
        let names = sort(hosts.into_iter(), |pattern| *pattern == exact("b.example.com"), false, &[TlsAlpn01]);
        assert_eq!(names.at_once, [exact("a.example.com")]);
    }

    #[test]
    fn hosts_that_dns_alone_can_prove_are_known() {
        let names = chosen(&[exact("code.example.com"), below("dev.example.com")], false, &[Dns01, TlsAlpn01]);
        let shown =
            |hosts: Vec<&Hostname>| hosts.into_iter().map(Hostname::as_str).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(shown(names.by_dns_alone(&[Dns01, TlsAlpn01])), ["dev.example.com"]);
        assert_eq!(shown(names.by_dns_alone(&[Dns01])), ["code.example.com", "dev.example.com"]);
    }
}
