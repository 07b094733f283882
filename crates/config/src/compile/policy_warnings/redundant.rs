//! Criteria and rules that are there twice, that a broader one makes useless, or that a `deny` undoes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use doorward_authorize::{Action, Criterion, Operator, Origin};

use super::logic::is_part_of;
use super::{is_shorthand, lets_in, parts, shown, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// So many broad criteria are compared with all others.
const MOST_BROAD: usize = 40;

/// Rules with more criteria are not compared as a whole.
const MOST_SORTED: usize = 200;

pub(super) fn rules(problems: &mut Problems, rules: &[&PlacedRule]) {
    for placed in rules {
        twice_in_a_rule(problems, placed);
    }
    twice(problems, rules);
    swallowed(problems, rules);
    denied_at_once(problems, rules);
}

/// Criteria that may be equal say the same; of long lists only the beginning is said.
fn key(criterion: &Criterion) -> String {
    criterion.to_string()
}

fn twice_in_a_rule(problems: &mut Problems, placed: &PlacedRule) {
    let mut seen: HashMap<String, (&Criterion, &Place)> = HashMap::new();
    for (criterion, place) in parts(placed) {
        match seen.entry(key(criterion)) {
            Entry::Occupied(first) => {
                let (same, first) = *first.get();
                if same == criterion && first != place {
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

fn may_be_broad(criterion: &Criterion) -> bool {
    matches!(
        criterion,
        Criterion::Accept
            | Criterion::AuthenticatedUser
            | Criterion::Domain(_)
            | Criterion::Email(_)
            | Criterion::SourceIp(_)
            | Criterion::User(_)
    )
}

/// What lets in nobody whom a broader criterion does not let in already.
fn swallowed(problems: &mut Problems, rules: &[&PlacedRule]) {
    let allowing = || rules.iter().filter(|placed| lets_in(placed));
    let broad: Vec<(&PlacedRule, &Criterion, &Place)> = allowing()
        .filter(|placed| is_any_of(placed))
        .flat_map(|placed| parts(placed).map(move |(criterion, place)| (*placed, criterion, place)))
        .filter(|(_, criterion, _)| may_be_broad(criterion))
        .take(MOST_BROAD)
        .collect();
    for placed in allowing().filter(|placed| matches!(placed.rule.operator, Operator::And | Operator::Or)) {
        let over = |criterion: &Criterion| {
            broad.iter().find(|(other, broader, _)| {
                // Of what is beside `accept` in the same rule, or beside the shorthand for it, there is a warning already.
                let same = other.operator == placed.operator;
                let told = **broader == Criterion::Accept && (same || is_shorthand(other))
                    || is_shorthand(other) && is_shorthand(placed);
                let comparable = placed.rule.origin == Origin::Route || placed.rule.origin == other.rule.origin;
                let whole_rule = placed.rule.operator == Operator::And && placed.rule.criteria.len() > 1;
                !told && comparable && (is_part_of(criterion, broader) || whole_rule && !same && criterion == *broader)
            })
        };
        if is_any_of(placed) {
            for (criterion, place) in parts(placed) {
                if let Some((_, broader, at)) = over(criterion) {
                    let what = format!(
                        "`{}` lets in nobody whom `{}` does not let in already",
                        shown(criterion),
                        shown(broader)
                    );
                    problems.hint(place, what, narrow(criterion, at));
                }
            }
        } else if let Some((_, broader, at)) = parts(placed).find_map(|(criterion, _)| over(criterion)) {
            problems.hint(
                &placed.operator,
                format!(
                    "this rule lets in nobody whom `{}` does not let in already: allow rules are joined by \"or\"",
                    shown(broader)
                ),
                match yaml::criteria(&placed.rule.criteria) {
                    Some(criteria) => format!(
                        "Remove the one or the other: the broad one stands on line {}. To ask for all of this:\n{}",
                        at.line(),
                        yaml::rule(Action::Allow, Operator::And, &criteria)
                    ),
                    None => format!("Remove the one or the other: the broad one stands on line {}.", at.line()),
                },
            );
        }
    }
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
