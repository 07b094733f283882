//! Networks that everybody is in, or that do not tell people apart.

use doorward_authorize::{Action, Criterion, Operator};

use super::{lets_in, opens, parts, shown, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// Networks of no certain place (RFC 1918 §3, RFC 6598 §7, RFC 4193 §3.1, RFC 3927, RFC 1122 §3.2.1.3, RFC 4291).
const PRIVATE: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
];

pub(super) fn criterion(problems: &mut Problems, placed: &PlacedRule, criterion: &Criterion, place: &Place) {
    let Criterion::SourceIp(networks) = criterion else { return };
    let all = |four: bool| {
        networks.written().iter().any(|network| network.prefix_len() == 0 && network.addr().is_ipv4() == four)
    };
    let who = match (all(true), all(false)) {
        (true, true) => "for every address",
        (true, false) => "for every IPv4 address",
        (false, true) => "for every IPv6 address",
        (false, false) => return,
    };
    let public = placed.rule.action == Action::Allow && opens(placed);
    problems.warning(
        place,
        format!("`{}` always holds {who}", shown(criterion)),
        if public {
            "Name the networks that are meant. If everybody is, write:\n- allow:\n    or:\n      - accept: true"
        } else {
            "Name the networks that are meant, as in `source_ip: 192.0.2.0/24`, or remove it."
        },
    );
}

/// Private networks that let people in by themselves.
pub(super) fn alone(problems: &mut Problems, rules: &[&PlacedRule]) {
    let private: Vec<_> = PRIVATE.iter().filter_map(|text| doorward_authorize::Networks::parse_one(text)).collect();
    for placed in rules.iter().filter(|placed| lets_in(placed)) {
        let alone = match placed.rule.operator {
            Operator::Or => true,
            Operator::And => placed.rule.criteria.iter().all(|criterion| matches!(criterion, Criterion::SourceIp(_))),
            Operator::Not | Operator::Nor => false,
        };
        for (criterion, place) in parts(placed).filter(|_| alone) {
            let Criterion::SourceIp(networks) = criterion else { continue };
            if networks.written().iter().any(|network| private.iter().any(|of| of.contains(network))) {
                problems.hint(
                    place,
                    format!(
                        "`{}` lets in whoever comes from there, and behind a load balancer or in a container network that may be everybody",
                        shown(criterion)
                    ),
                    match yaml::criterion(criterion) {
                        Some(written) => format!(
                            "Look at the `client` of a few access lines. To ask for a sign-in as well:\n{}",
                            yaml::rule(Action::Allow, Operator::And, &[written, "authenticated_user: true".into()])
                        ),
                        None => "Look at the `client` of a few access lines, or ask for a sign-in as well, under `and`.".into(),
                    },
                );
            }
        }
    }
}
