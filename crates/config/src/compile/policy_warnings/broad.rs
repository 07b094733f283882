//! Criteria that let in people nobody has counted.

use doorward_authorize::{Criterion, Operator, StringTest};

use super::texts::matcher_of;
use super::{is_shorthand, parts};
use crate::compile::ppl::PlacedRule;
use crate::problem::Place;

/// What in a rule lets in more people than somebody has listed; none where they are few.
pub(super) fn in_rule(placed: &PlacedRule) -> Option<(&Criterion, &Place)> {
    let mut broad = parts(placed).filter(|(criterion, _)| is_broad(criterion));
    match placed.rule.operator {
        Operator::Or => broad.next(),
        // One that is narrow makes the rule narrow.
        Operator::And
            if placed.rule.criteria.iter().all(|criterion| is_broad(criterion) || tells_nobody_apart(criterion)) =>
        {
            broad.next()
        }
        // What these let in has been warned of, wherever it stands.
        Operator::And | Operator::Not | Operator::Nor => None,
    }
}

/// The domain it is about, for an example.
pub(super) fn domain_in(criterion: &Criterion) -> Option<&str> {
    let text = matcher_of(criterion)?.tests().iter().find_map(|asked| match asked {
        StringTest::Is(text) | StringTest::EndsWith(text) => Some(text.as_str()),
        StringTest::In(texts) => texts.iter().next(),
        _ => None,
    })?;
    let domain = text.trim_start_matches(['@', '.']);
    (domain.contains('.') && doorward_hygiene::Hostname::parse(domain).is_ok()).then_some(domain)
}

fn is_broad(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Accept | Criterion::AuthenticatedUser => true,
        Criterion::Domain(matcher) => !matcher.tests().is_empty(),
        Criterion::Email(matcher) => matcher.tests().iter().all(|asked| match asked {
            StringTest::Is(_) | StringTest::In(_) | StringTest::InPeople(_) => false,
            StringTest::Matches(pattern) => pattern.as_str().starts_with(".*") || pattern.as_str().starts_with("^.*"),
            _ => true,
        }),
        _ => false,
    }
}

/// What many people have in common, and what says nothing of people.
fn tells_nobody_apart(criterion: &Criterion) -> bool {
    matches!(
        criterion,
        Criterion::HttpMethod(_)
            | Criterion::HttpPath(_)
            | Criterion::UserAgent(_)
            | Criterion::Websocket(_)
            | Criterion::AuthenticationAge(_)
            | Criterion::AuthenticationMethod(_)
            | Criterion::IdentityProvider(_)
            | Criterion::DayOfWeek(_)
            | Criterion::TimeOfDay(_)
    )
}

/// How to say it where the rule stands.
pub(super) fn rewrite(placed: &PlacedRule, criterion: &Criterion) -> String {
    let domain = domain_in(criterion).unwrap_or("example.com");
    if is_shorthand(placed) {
        return format!("`allowed_users: [you@{domain}]`");
    }
    format!("`email: {{in: [you@{domain}, colleague@{domain}]}}`")
}
