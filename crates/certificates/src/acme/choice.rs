//! Which way to prove a name is tried next.

use doorward_config::ChallengeKind;
use doorward_hygiene::HostPattern;

/// The ways for this name, the best first: as configured, but the one that worked last time before all others. A
/// wildcard is proved by DNS alone (RFC 8555 §8.4), and nothing is without a way into the DNS.
pub(crate) fn ways(
    name: &HostPattern,
    configured: &[ChallengeKind],
    dns: bool,
    worked: Option<ChallengeKind>,
) -> Vec<ChallengeKind> {
    let possible = |kind: &ChallengeKind| match kind {
        ChallengeKind::Dns01 => dns,
        ChallengeKind::TlsAlpn01 | ChallengeKind::Http01 => matches!(name, HostPattern::Exact(_)),
    };
    let mut ways: Vec<_> = configured.iter().copied().filter(possible).collect();
    // A stable sort: the others keep their order.
    ways.sort_by_key(|kind| Some(*kind) != worked);
    ways
}

/// The first that has not failed; the first of all again, when every one has.
pub(crate) fn next(ways: &[ChallengeKind], failed: &[ChallengeKind]) -> Option<ChallengeKind> {
    ways.iter().find(|kind| !failed.contains(kind)).or_else(|| ways.first()).copied()
}

/// Whether one is left that has not failed.
pub(crate) fn another(ways: &[ChallengeKind], failed: &[ChallengeKind]) -> bool {
    ways.iter().any(|kind| !failed.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::ChallengeKind::{Dns01, Http01, TlsAlpn01};
    use super::*;

    #[test]
    fn what_worked_comes_first_and_what_failed_last() {
        let name = HostPattern::parse("a.example.com").unwrap();
        let configured = [TlsAlpn01, Http01, Dns01];
        assert_eq!(ways(&name, &configured, true, None), configured);
        assert_eq!(ways(&name, &configured, false, None), [TlsAlpn01, Http01]);
        let ways = ways(&name, &configured, false, Some(Http01));
        assert_eq!(ways, [Http01, TlsAlpn01]);
        assert_eq!(next(&ways, &[]), Some(Http01));
        assert_eq!(next(&ways, &[Http01]), Some(TlsAlpn01));
        assert_eq!(next(&ways, &[Http01, TlsAlpn01]), Some(Http01), "round again");
        assert!(another(&ways, &[Http01]) && !another(&ways, &[Http01, TlsAlpn01]));
    }

    #[test]
    fn a_wildcard_is_proved_by_dns_or_not_at_all() {
        let name = HostPattern::parse("*.dev.example.com").unwrap();
        assert_eq!(ways(&name, &[TlsAlpn01, Http01, Dns01], true, Some(Http01)), [Dns01]);
        assert_eq!(next(&ways(&name, &[TlsAlpn01, Http01, Dns01], false, None), &[]), None);
    }
}
