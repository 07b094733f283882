//! Deny rules that need to know who asks, where nobody is to be asked.

use doorward_authorize::{Action, Criterion, Operator};

use super::{RouteFacts, is_public, lets_in, parts, shown, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::Problems;

pub(super) fn rules(problems: &mut Problems, rules: &[&PlacedRule], route: &RouteFacts) {
    let public = is_public(rules);
    let preflight = rules
        .iter()
        .filter(|placed| lets_in(placed))
        .any(|placed| placed.rule.operator == Operator::Or && placed.rule.criteria.contains(&Criterion::CorsPreflight));
    if !public && !preflight {
        return;
    }
    for placed in rules.iter().filter(|placed| placed.rule.action == Action::Deny) {
        let Some((criterion, place)) = parts(placed).find(|(criterion, _)| criterion.is_about_a_person()) else {
            continue;
        };
        let asks = shown(criterion);
        if public {
            problems.warning(
                place,
                format!("this route is public, but to tell `{asks}` every anonymous visitor has to sign in first"),
                format!(
                    "Under `and` it is the same. Put what is public on a route of its own, without this rule:\n{}",
                    public_route(route)
                ),
            );
        } else {
            problems.warning(
                place,
                format!("CORS pre-flights carry no cookie, so to tell `{asks}` they are sent to sign in, and fail"),
                "Say it where the route allows, in place of this `deny`, as in:\n- allow:\n    and:\n      \
                 - domain: {is: example.com}\n      - email: {not: former@example.com}",
            );
        }
    }
}

fn public_route(route: &RouteFacts) -> String {
    let from = if route.from.is_empty() { "https://www.example.com" } else { &route.from };
    let to = route.to.first().map_or("http://127.0.0.1:8080", String::as_str);
    format!("- from: {}\n  prefix: /public/\n  to: {}\n  allow_public_unauthenticated_access: true", url(from), url(to))
}

/// A URL as it is usually written, without quotes.
fn url(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || ":/.-_%~".contains(character);
    if text.starts_with("http") && !text.ends_with(':') && text.chars().all(plain) {
        text.to_owned()
    } else {
        yaml::scalar(text)
    }
}
