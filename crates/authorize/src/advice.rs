//! What a denied visitor may be told they would have needed, in one plain sentence.
//!
//! Refuses to tell anything of other people and other routes: no address, no user id, no list of either, no value of a
//! header, a claim or a parameter, no network. What it may name is what the rules ask of everybody: domains, groups,
//! the names of claims, methods, paths and times; and of the visitor, their own address and domain.

mod turned_away;
mod wanted;

use crate::explain::{CriterionExplanation, Explanation, RuleExplanation};
use crate::matcher::{StringMatcher, StringTest, TextSet};
use crate::{Action, Criterion, Facts, Operator, Origin, Policy, Rule, Visitor};

/// The longest sentence, in characters.
const LONGEST: usize = 200;
/// What stands for the rest of a sentence that would become longer.
const MORE: &str = "…";
/// The longest name that is told.
const LONGEST_NAME: usize = 40;
/// The most names that are told at once.
const MOST_NAMES: usize = 3;

impl Policy {
    /// What this visitor would have needed for this request, where it can be said. Made of this policy's rules alone;
    /// to be asked for only when it was denied.
    pub fn advice(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Option<String> {
        let told = self.explain(facts, visitor);
        let asked = Asked { facts, visitor };
        if let Some((rule, told)) = pairs(self, &told).find(|(rule, told)| rule.action == Action::Deny && told.held) {
            return turned_away::by(rule, told, asked).map(|what| sentence("A rule turns away ", &[what]));
        }
        if self.denies_everyone() {
            return Some("No rule lets anybody in here.".into());
        }
        let missing = |global: bool| {
            let is_one = |rule: &Rule| rule.action == Action::Allow && (rule.origin == Origin::Global) == global;
            let rules: Vec<_> = pairs(self, &told).filter(|(rule, _)| is_one(rule)).collect();
            if rules.iter().any(|(_, told)| told.held) { Vec::new() } else { alternatives(&rules, asked) }
        };
        let (own, global) = (missing(false), missing(true));
        match (own.as_slice(), global.as_slice()) {
            ([], []) => None,
            (only, []) | ([], only) => Some(sentence("You need ", only)),
            (own, global) => {
                // Both are needed, and a sentence has room for the beginning of both.
                let own = sentence("You need ", own.get(..1).unwrap_or(own));
                let head = format!("{} as well as ", own.trim_end_matches('.'));
                Some(sentence(&head, global))
            }
        }
    }
}

/// A request and its visitor.
#[derive(Clone, Copy)]
struct Asked<'a> {
    facts: &'a Facts<'a>,
    visitor: Visitor<'a>,
}

type Pair<'a> = (&'a Rule, &'a RuleExplanation);

/// Each rule with how it fared.
fn pairs<'a>(policy: &'a Policy, told: &'a Explanation) -> impl Iterator<Item = Pair<'a>> {
    policy.rules().iter().zip(&told.rules)
}

/// Each criterion with how it fared.
fn criteria<'a>(
    rule: &'a Rule,
    told: &'a RuleExplanation,
) -> impl Iterator<Item = (&'a Criterion, &'a CriterionExplanation)> {
    rule.criteria.iter().zip(&told.criteria)
}

/// What any one of would have made one of these rules hold.
fn alternatives(rules: &[Pair<'_>], asked: Asked<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (rule, told) in rules {
        let inverted = matches!(rule.operator, Operator::Not | Operator::Nor);
        // What held already is no part of what is missing, unless it must not hold.
        let missing = criteria(rule, told).filter(|(_, told)| told.unclear || told.held == inverted);
        let each = missing.map(|(criterion, told)| {
            if told.unclear {
                Some("a request that can be read in one way only".into())
            } else if inverted {
                wanted::instead_of(criterion, asked)
            } else {
                wanted::by(criterion, asked)
            }
        });
        match rule.operator {
            Operator::Or | Operator::Nor => all.extend(each.flatten()),
            // One of them that nobody can mend makes the whole useless.
            Operator::And | Operator::Not => {
                all.extend(each.collect::<Option<Vec<_>>>().map(|each| distinct(each).join(" and ")));
            }
        }
    }
    distinct(all)
}

fn distinct(mut texts: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| !text.is_empty() && seen.insert(text.clone()));
    texts
}

/// The alternatives joined by "or", as many as fit.
fn sentence(begin: &str, alternatives: &[String]) -> String {
    const BETWEEN: &str = ", or ";
    let room = LONGEST - BETWEEN.len() - MORE.len();
    let mut text = begin.to_owned();
    for (index, alternative) in alternatives.iter().enumerate() {
        let between = if index == 0 { "" } else { BETWEEN };
        let length = text.chars().count() + between.len() + alternative.chars().count();
        if length > room {
            if index == 0 {
                let left = room.saturating_sub(text.chars().count());
                text.extend(alternative.chars().take(left));
            } else {
                text.push_str(BETWEEN);
            }
            text.push_str(MORE);
            return text;
        }
        text.push_str(between);
        text.push_str(alternative);
    }
    text.push('.');
    text
}

/// The texts, when a matcher asks for nothing but one of them.
fn listed(matcher: &StringMatcher) -> Option<Vec<&str>> {
    match matcher.tests() {
        [StringTest::Is(text)] => Some(vec![text]),
        [StringTest::In(texts)] => Some(texts.iter().collect()),
        _ => None,
    }
}

/// Names that may be told: few, short, and none that could be somebody's address.
fn few<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names: Vec<_> = names.into_iter().take(MOST_NAMES + 1).collect();
    let plain = |name: &&str| {
        !name.is_empty()
            && !name.contains('@')
            && !name.contains(char::is_control)
            && name.chars().count() <= LONGEST_NAME
    };
    if names.len() > MOST_NAMES || !names.iter().all(plain) {
        return None;
    }
    let (last, others) = names.split_last()?;
    Some(if others.is_empty() { (*last).to_owned() } else { format!("{} or {last}", others.join(", ")) })
}

fn few_of(names: &TextSet) -> Option<String> {
    few(names.iter())
}

#[cfg(test)]
mod tests;
