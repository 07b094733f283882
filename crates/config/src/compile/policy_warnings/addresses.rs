//! E-mail addresses, domains and user ids that are none, or are taken for each other.

use doorward_authorize::{Criterion, StringMatcher, StringTest};
use doorward_identity::Email;

use super::texts::domain_of;
use super::{quoted, yaml};
use crate::problem::{Place, Problems};

/// Of one criterion, so many values are told of.
const MOST_TOLD: usize = 3;

pub(super) fn criterion(problems: &mut Problems, criterion: &Criterion, place: &Place) {
    match criterion {
        Criterion::Email(matcher) => {
            for text in whole(matcher).filter(|text| !is_address(text)).take(MOST_TOLD) {
                problems.warning(
                    place,
                    format!(
                        "`email` is compared with something that is no e-mail address, so it never is one: `{}`",
                        quoted(text)
                    ),
                    mend_address(text),
                );
            }
        }
        Criterion::Domain(matcher) => domains(problems, matcher, place),
        Criterion::User(matcher) => {
            for text in whole(matcher).filter(|text| Email::parse(text).is_ok()).take(MOST_TOLD) {
                problems.warning(
                    place,
                    format!(
                        "`user` is compared with an e-mail address (`{}`), but asks for the provider's own name of a person (`sub`)",
                        quoted(text)
                    ),
                    format!("Write `email: {{is: {}}}`, unless your provider's ids look like that.", yaml::scalar(text)),
                );
            }
        }
        _ => {}
    }
}

/// A wildcard is a valid character of an address, but nobody has one.
fn is_address(text: &str) -> bool {
    Email::parse(text).is_ok() && !text.contains('*')
}

fn mend_address(text: &str) -> String {
    let domain = text.trim_start_matches('*').strip_prefix('@').unwrap_or(text);
    if domain.starts_with("*.") && is_domain(domain.trim_start_matches("*.")) {
        return format!(
            "For everybody below a domain write `domain: {{ends_with: {}}}`.",
            yaml::scalar(domain.trim_start_matches('*'))
        );
    }
    if is_domain(domain) && (domain.contains('.') || domain != text) {
        return format!("For everybody of a domain write `domain: {{is: {}}}`.", yaml::scalar(domain));
    }
    if let Some(address) = text.strip_prefix("mailto:").filter(|address| is_address(address)) {
        return format!("Write `email: {{is: {}}}`.", yaml::scalar(address));
    }
    if !text.contains(['@', ' ', '*']) {
        return format!(
            "Write a whole address, as in `email: {{is: {0}@example.com}}`; if it is the provider's id of a person, `user: {{is: {0}}}`.",
            yaml::scalar(text)
        );
    }
    "Write a whole address, as in `email: {is: you@example.com}`.".into()
}

fn domains(problems: &mut Problems, matcher: &StringMatcher, place: &Place) {
    let all = matcher.tests().iter().flat_map(|asked| match asked {
        StringTest::StartsWith(text) | StringTest::EndsWith(text) | StringTest::Contains(text) => vec![text.as_str()],
        _ => Vec::new(),
    });
    for text in whole(matcher).chain(all).filter(|text| text.contains('@')).take(MOST_TOLD) {
        let mend = match (Email::parse(text).is_ok() && !text.contains('*'), domain_of(text)) {
            (true, Some(domain)) => format!(
                "Write `email: {{is: {}}}` for this one person, or `domain: {{is: {}}}` for everybody there.",
                yaml::scalar(text),
                yaml::scalar(domain)
            ),
            (false, Some(domain)) if is_domain(domain) => format!("Write `domain: {{is: {}}}`.", yaml::scalar(domain)),
            _ => "Write what stands behind the `@` alone, as in `domain: {is: example.com}`.".into(),
        };
        problems.warning(
            place,
            format!("`domain` is compared with something that holds an `@`, which no domain does: `{}`", quoted(text)),
            mend,
        );
    }
    for text in whole(matcher).filter(|text| !text.contains('@') && !is_domain(text)).take(MOST_TOLD) {
        let (what, mend) = if let Some(below) = text.strip_prefix("*.").filter(|below| is_domain(below)) {
            (
                "a wildcard, which it takes for itself",
                format!(
                    "For everything below it write `domain: {{ends_with: .{below}}}`; the domain itself is `domain: {{is: {below}}}`."
                ),
            )
        } else if text.contains('*') {
            ("a wildcard, which it takes for itself", format!("Write `domain: {{glob: {}}}`.", yaml::scalar(text)))
        } else if let Some(below) = text.strip_prefix('.').filter(|below| is_domain(below)) {
            (
                "what no domain begins with, a dot",
                format!("For everything below it write `domain: {{ends_with: .{below}}}`."),
            )
        } else if let Some(host) = host_of(text) {
            ("a URL or a host with a port", format!("Write `domain: {{is: {}}}`.", yaml::scalar(host)))
        } else {
            ("something that is no domain", "Write it as in `domain: {is: example.com}`.".to_owned())
        };
        problems.warning(place, format!("`domain` is compared with {what}: `{}`", quoted(text)), mend);
    }
}

/// The host in what looks like a URL, or like a host with a port.
fn host_of(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', ':', '?', '#']).next()?;
    (host != text && is_domain(host)).then_some(host)
}

fn is_domain(text: &str) -> bool {
    doorward_hygiene::Hostname::parse(text).is_ok()
}

/// The texts that a value must be, or must not be, as a whole.
pub(super) fn whole(matcher: &StringMatcher) -> impl Iterator<Item = &str> {
    matcher.tests().iter().flat_map(|asked| {
        let (one, set) = match asked {
            StringTest::Is(text) | StringTest::Not(text) => (Some(text.as_str()), None),
            StringTest::In(texts) | StringTest::NotIn(texts) => (None, Some(texts.iter())),
            _ => (None, None),
        };
        one.into_iter().chain(set.into_iter().flatten())
    })
}
