//! What `check` warns of in policies that can be read: rules that do something else than they seem to.
//!
//! Refuses nothing. It would rather miss a mistake than call one what is meant: people stop reading warnings that are
//! wrong. Each says how the rule would have to be written, with the criteria that stand there.
//!
//! What is said of a rule speaks of the rule alone, so that the rules of a policy shared by many routes are warned of
//! once. What depends on the route is said for each.

mod addresses;
mod broad;
mod claims;
mod constants;
mod headers;
mod logic;
mod networks;
mod operators;
mod paths;
mod patterns;
mod public;
mod redundant;
mod regexes;
mod route_facts;
mod shells;
#[cfg(test)]
mod tests;
mod texts;
mod yaml;

use std::collections::BTreeSet;

use doorward_authorize::{Action, Criterion, Operator, Origin};

use self::route_facts::RouteFacts;
use super::Compiler;
use super::ppl::PlacedRule;
use crate::problem::{Place, Problems, Severity};
use crate::raw::route::RawRoute;

/// The rules that have been looked at by themselves: many routes may share one.
#[derive(Debug, Default)]
pub(super) struct LookedAt(BTreeSet<(Place, bool)>);

impl LookedAt {
    /// Whether it is the first time. Two actions may share an operator, by an alias.
    fn first(&mut self, placed: &PlacedRule) -> bool {
        self.0.insert((placed.operator.clone(), placed.rule.action == Action::Allow))
    }
}

impl Compiler<'_> {
    /// Warns of the rules of a route, unless there are more errors than `before`: of a policy that was read in part,
    /// nobody can say what it would do.
    pub(super) fn policy_warnings(
        &mut self,
        rules: &[PlacedRule],
        route: &RawRoute,
        before: usize,
        looked_at: &mut LookedAt,
    ) {
        if self.problems.count(Severity::Error) == before && !route.policy.unreadable && !self.shared.unreadable {
            warn(self.problems, rules, &RouteFacts::of(route), looked_at);
        }
    }
}

/// Says what is to be said of all the rules of a route: the global ones, the named ones and its own.
fn warn(problems: &mut Problems, rules: &[PlacedRule], route: &RouteFacts, looked_at: &mut LookedAt) {
    let rules: Vec<&PlacedRule> = rules.iter().filter(|placed| !placed.rule.criteria.is_empty()).collect();
    let joined = operators::several(problems, &rules);
    let fresh: Vec<&PlacedRule> = rules.iter().copied().filter(|placed| looked_at.first(placed)).collect();
    for placed in &fresh {
        if !is_shorthand(placed) {
            let settled = constants::rule(problems, placed);
            if !settled && !joined.contains(&placed.action) {
                operators::one(problems, placed);
            }
        }
        for (criterion, place) in parts(placed) {
            addresses::criterion(problems, criterion, place);
            claims::criterion(problems, criterion, place);
            paths::criterion(problems, placed, criterion, place);
            regexes::criterion(problems, criterion, place);
            patterns::criterion(problems, placed, criterion, place);
            headers::criterion(problems, criterion, place);
            networks::criterion(problems, placed, criterion, place);
        }
    }
    redundant::rules(problems, &fresh, &rules);
    headers::alone(problems, &rules);
    networks::alone(problems, &rules);
    public::rules(problems, &rules, route);
    shells::rules(problems, &rules, route);
}

/// Each criterion of a rule and where it stands.
fn parts(placed: &PlacedRule) -> impl Iterator<Item = (&Criterion, &Place)> {
    placed.rule.criteria.iter().zip(&placed.criteria)
}

/// Whether it comes of `allowed_users` and the like: those have no operator, hence no place of one.
fn is_shorthand(placed: &PlacedRule) -> bool {
    placed.action == placed.operator
}

fn inverts(operator: Operator) -> bool {
    matches!(operator, Operator::Not | Operator::Nor)
}

/// Whether more people pass when its criteria hold more often.
fn opens(placed: &PlacedRule) -> bool {
    (placed.rule.action == Action::Allow) != inverts(placed.rule.operator)
}

/// Whether it lets people in; the global policy never does by itself.
fn lets_in(placed: &PlacedRule) -> bool {
    placed.rule.action == Action::Allow && placed.rule.origin != Origin::Global
}

/// Whether anybody may pass without being known, by a rule that says so outright.
fn is_public(rules: &[&PlacedRule]) -> bool {
    let accepts = |placed: &&&PlacedRule| {
        placed.rule.operator == Operator::Or && placed.rule.criteria.contains(&Criterion::Accept)
    };
    let guards = |placed: &&&PlacedRule| placed.rule.action == Action::Allow && placed.rule.origin == Origin::Global;
    let required = rules.iter().any(|placed| guards(&placed));
    rules.iter().filter(|placed| lets_in(placed)).any(|placed| accepts(&placed))
        && (!required || rules.iter().filter(guards).any(|placed| accepts(&placed)))
}

/// A criterion for the middle of a sentence. What a header or a parameter has to be may be a secret.
fn shown(criterion: &Criterion) -> String {
    const LONGEST: usize = 120;
    if matches!(criterion, Criterion::HttpHeader { .. } | Criterion::HttpQuery { .. }) {
        return criterion.name().into_owned();
    }
    clipped(&criterion.to_string(), LONGEST)
}

/// A value for the middle of a sentence.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 80;
    clipped(text, LONGEST)
}

fn clipped(text: &str, longest: usize) -> String {
    let visible = |text: &str| text.chars().filter(|character| !character.is_control()).collect::<String>();
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", visible(text.get(..end).unwrap_or_default())),
        None => visible(text),
    }
}
