//! Criteria and rules that are there twice, that a broader one makes useless, or that a `deny` undoes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use doorward_authorize::{Action, Criterion, Operator, Origin, StringTest};

use super::logic::is_part_of;
use super::{is_shorthand, lets_in, parts, shown, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// So many broad criteria are compared with all others.
const MOST_BROAD: usize = 40;

/// So many repeated criteria are told of in each rule.
const MOST_TOLD: usize = 3;

/// Rules with more criteria are not compared as a whole.
const MOST_SORTED: usize = 200;

/// Warns of those rules that are looked at for the first time. All rules of a shared policy are so together.
pub(super) fn rules(problems: &mut Problems, fresh: &[&PlacedRule], all: &[&PlacedRule]) {
    for placed in fresh {
        twice_in_a_rule(problems, placed);
    }
    twice(problems, fresh);
    swallowed(problems, fresh, all);
    denied_at_once(problems, fresh);
}

/// Criteria that may be equal say the same; of long lists only the beginning is said.
fn key(criterion: &Criterion) -> String {
    criterion.to_string()
}

fn twice_in_a_rule(problems: &mut Problems, placed: &PlacedRule) {
    let mut seen: HashMap<String, (&Criterion, &Place)> = HashMap::new();
    let mut told = 0;
    for (criterion, place) in parts(placed) {
        match seen.entry(key(criterion)) {
            Entry::Occupied(first) => {
                let (same, first) = *first.get();
                if same == criterion && first != place && told < MOST_TOLD {
                    told += 1;
                    problems.hint(
                        place,
                        format!("`{}` stands in this rule twice", shown(criterion)),
                        "Remove one of the two.",
                    );
                }
            }
            Entry::Vacant(slot) => {
                slot.insert((criterion, place));
            }
        }
    }
}

fn twice(problems: &mut Problems, rules: &[&PlacedRule]) {
    let mut seen: HashMap<(bool, &str, Vec<String>), &PlacedRule> = HashMap::new();
    for placed in rules.iter().filter(|placed| !is_shorthand(placed) && placed.rule.criteria.len() <= MOST_SORTED) {
        let rule = &placed.rule;
        let mut criteria: Vec<_> = rule.criteria.iter().map(key).collect();
        criteria.sort_unstable();
        criteria.dedup();
        // With one criterion, `and` and `or` say the same.
        let operator = match rule.operator {
            Operator::And if criteria.len() > 1 => "and",
            Operator::Nor if criteria.len() > 1 => "nor",
            Operator::And | Operator::Or => "or",
            Operator::Not | Operator::Nor => "not",
        };
        match seen.entry((rule.action == Action::Allow, operator, criteria)) {
            Entry::Occupied(first) => {
                let first = first.get();
                let same = rule.criteria.iter().all(|criterion| first.rule.criteria.contains(criterion));
                if same && first.operator != placed.operator && first.rule.origin == rule.origin {
                    problems.hint(
                        &placed.operator,
                        format!("this rule stands here twice: line {} says the same", first.rule.line),
                        "Remove one of the two.",
                    );
                }
            }
            Entry::Vacant(slot) => {
                slot.insert(placed);
            }
        }
    }
}

/// Whether each of its criteria does by itself.
fn is_any_of(placed: &PlacedRule) -> bool {
    placed.rule.operator == Operator::Or || (placed.rule.operator == Operator::And && placed.rule.criteria.len() == 1)
}

/// Whether others may be part of it.
fn may_be_broad(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Accept | Criterion::AuthenticatedUser | Criterion::Domain(_) | Criterion::SourceIp(_) => true,
        Criterion::Email(matcher) | Criterion::User(matcher) => {
            !matcher.tests().iter().all(|asked| matches!(asked, StringTest::Is(_)))
        }
        _ => false,
    }
}

/// A criterion that lets people in by itself, of which rule, and where.
type Alone<'a> = (&'a PlacedRule, &'a Criterion, &'a Place);

/// What lets in nobody whom a broader criterion does not let in already.
fn swallowed(problems: &mut Problems, fresh: &[&PlacedRule], all: &[&PlacedRule]) {
    let alone = || {
        all.iter()
            .filter(|placed| lets_in(placed) && is_any_of(placed))
            .flat_map(|placed| parts(placed).map(move |(criterion, place)| (*placed, criterion, place)))
    };
    let broad: Vec<Alone<'_>> = alone().filter(|(_, criterion, _)| may_be_broad(criterion)).take(MOST_BROAD).collect();
    let first: Vec<Alone<'_>> = alone().take(MOST_BROAD).collect();
    for placed in fresh.iter().filter(|placed| lets_in(placed)) {
        if is_any_of(placed) {
            for (criterion, place) in parts(placed) {
                let over = |other: &&Alone<'_>| may_tell(placed, other) && is_part_of(criterion, other.1);
                if let Some((_, broader, at)) = broad.iter().find(over) {
                    let what = format!(
                        "`{}` lets in nobody whom `{}` does not let in already",
                        shown(criterion),
                        shown(broader)
                    );
                    problems.hint(place, what, narrow(criterion, at));
                }
            }
        } else if placed.rule.operator == Operator::And {
            let over = |other: &&Alone<'_>| {
                let part = |criterion: &Criterion| criterion == other.1 || is_part_of(criterion, other.1);
                may_tell(placed, other) && placed.rule.criteria.iter().any(part)
            };
            if let Some((_, broader, at)) = broad.iter().chain(&first).find(over) {
                swallowed_rule(problems, placed, broader, at);
            }
        }
    }
}

/// Whether there is no warning of this already, and both are always there together.
fn may_tell(placed: &PlacedRule, (other, broader, _): &Alone<'_>) -> bool {
    // Of what is beside `accept` in the same rule, or beside the shorthand for it, there is one.
    let same = other.operator == placed.operator;
    let told =
        **broader == Criterion::Accept && (same || is_shorthand(other)) || is_shorthand(other) && is_shorthand(placed);
    let together = placed.rule.origin == Origin::Route || placed.rule.origin == other.rule.origin;
    !told && together
}

fn swallowed_rule(problems: &mut Problems, placed: &PlacedRule, broader: &Criterion, at: &Place) {
    let remove = format!("Remove the one or the other: the broad one stands on line {}.", at.line());
    problems.hint(
        &placed.operator,
        format!(
            "this rule lets in nobody whom `{}` does not let in already: allow rules are joined by \"or\"",
            shown(broader)
        ),
        match yaml::criteria(&placed.rule.criteria) {
            Some(criteria) => {
                format!("{remove} To ask for all of this:\n{}", yaml::rule(Action::Allow, Operator::And, &criteria))
            }
            None => remove,
        },
    );
}

fn narrow(criterion: &Criterion, broader: &Place) -> String {
    let rule = yaml::criterion(criterion).map(|criterion| yaml::rule(Action::Allow, Operator::Or, &[criterion]));
    match rule {
        Some(rule) => format!(
            "Remove the one or the other. To let in no more than these, without line {}:\n{rule}",
            broader.line()
        ),
        None => format!("Remove the one or the other: the broad one stands on line {}.", broader.line()),
    }
}

/// The same criterion allowed and denied.
fn denied_at_once(problems: &mut Problems, rules: &[&PlacedRule]) {
    let of = |action: Action| {
        rules
            .iter()
            .filter(move |placed| placed.rule.action == action && is_any_of(placed))
            .flat_map(|placed| parts(placed).map(move |(criterion, place)| (placed, criterion, place)))
    };
    let denied: HashMap<_, _> =
        of(Action::Deny).map(|(placed, criterion, place)| (key(criterion), (placed, criterion, place))).collect();
    if denied.is_empty() {
        return;
    }
    for (placed, criterion, place) in of(Action::Allow).filter(|(_, criterion, _)| **criterion != Criterion::Accept) {
        let Some((by, same, at)) = denied.get(&key(criterion)) else { continue };
        if *same == criterion && by.rule.origin == placed.rule.origin {
            problems.warning(
                place,
                format!("`{}` is allowed here and denied on line {}: deny wins", shown(criterion), at.line()),
                "Remove the one that is not meant.",
            );
        }
    }
}
