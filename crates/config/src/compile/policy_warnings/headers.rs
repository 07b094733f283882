//! What a client says of itself: anybody can say it.

use doorward_authorize::{Criterion, Networks, Operator, StringMatcher};
use doorward_hygiene::headers::is_reserved;

use super::addresses::whole;
use super::{inverts, is_public, lets_in, parts, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// A header that looks as if somebody trustworthy had set it.
pub(super) fn criterion(problems: &mut Problems, criterion: &Criterion, place: &Place) {
    let Criterion::HttpHeader { name: header, matcher } = criterion else { return };
    let name = header.as_str();
    let mend = if matches!(
        name,
        "x-forwarded-for" | "x-real-ip" | "true-client-ip" | "cf-connecting-ip" | "x-client-ip"
    ) {
        addresses(matcher)
    } else if let Some(claim) = claim_of(name) {
        of_claim(claim)
    } else if matches!(
        name,
        "forwarded" | "x-forwarded-host" | "x-forwarded-proto" | "x-forwarded-port" | "x-forwarded-server"
    ) {
        "Hosts are told apart by the `from` of routes, and visitors by `source_ip`.".into()
    } else if name.starts_with("x-forwarded-") {
        of_claim("email")
    } else if matches!(name, "authorization" | "proxy-authorization" | "cookie") {
        "Doorward does not check what is in it. Let people sign in and ask who they are, as in \
         `email: {is: you@example.com}`; programs can show a client certificate (`client_certificate`)."
            .into()
    } else if name.starts_with("x-doorward-") || name.starts_with("x-pomerium-") {
        "These are sent to applications, not by visitors. Ask who the person is, as in `email: {is: you@example.com}`."
            .into()
    } else if is_reserved(header) {
        "Ask where the request comes from, as in `source_ip: 192.0.2.0/24`, or who the person is.".into()
    } else {
        return;
    };
    let what = if is_reserved(header) {
        format!(
            "no policy sees the header `{name}`: anybody could send it, so it is taken away before, and this never holds"
        )
    } else {
        format!("anybody can send the header `{name}`, with any value")
    };
    problems.warning(place, what, mend);
}

/// Addresses that the header is compared with, as networks.
fn addresses(matcher: &StringMatcher) -> String {
    let listed: Vec<_> =
        whole(matcher).take(9).map(|text| Networks::parse_one(text).map(|_| yaml::scalar(text))).collect();
    match listed.into_iter().collect::<Option<Vec<_>>>().as_deref() {
        Some([one]) => format!("Write `source_ip: {one}`, the address the request comes from."),
        Some(several @ [_, _, ..]) if several.len() <= 8 => {
            format!("Write `source_ip: [{}]`, the address the request comes from.", several.join(", "))
        }
        _ => "Write `source_ip: 192.0.2.0/24`, with the network that the requests come from.".into(),
    }
}

/// The claim that a header of this name carries to applications.
fn claim_of(header: &str) -> Option<&str> {
    header.strip_prefix("x-doorward-claim-").or_else(|| header.strip_prefix("x-pomerium-claim-"))
}

fn of_claim(claim: &str) -> String {
    match claim {
        "email" => "Ask who the person is: `email: {is: you@example.com}`.".into(),
        "groups" => "Ask for the groups of the person: `groups: {has: GROUP}`.".into(),
        "user" | "sub" => "Ask who the person is: `user: {is: ID}`.".into(),
        other => format!("Ask for the claim of the person: `claim/{other}: {{has: VALUE}}`."),
    }
}

/// What a client puts into a request as it likes.
fn is_forgeable(criterion: &Criterion) -> bool {
    matches!(criterion, Criterion::HttpHeader { .. } | Criterion::UserAgent(_) | Criterion::HttpQuery { .. })
}

/// Rules that let in whoever says the right thing.
pub(super) fn alone(problems: &mut Problems, rules: &[&PlacedRule]) {
    if is_public(rules) {
        return;
    }
    for placed in rules.iter().filter(|placed| lets_in(placed)) {
        let any = matches!(placed.rule.operator, Operator::Or | Operator::Nor);
        if !any && !placed.rule.criteria.iter().all(is_forgeable) {
            continue;
        }
        let Some((criterion, place)) = parts(placed).find(|(criterion, _)| is_forgeable(criterion)) else { continue };
        let name = criterion.name();
        let mend = match (inverts(placed.rule.operator), yaml::criterion(criterion)) {
            (false, Some(written)) => format!(
                "Ask who it is as well:\n{}",
                yaml::rule(placed.rule.action, Operator::And, &[written, "email: {is: you@example.com}".into()])
            ),
            _ => format!(
                "Put it under `and`, beside a criterion about the person such as `email: {{is: you@example.com}}`: `{name}` stays as it is."
            ),
        };
        problems.warning(place, format!("`{name}` alone lets people in, but anybody can write anything there"), mend);
    }
}
