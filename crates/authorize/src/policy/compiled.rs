//! Rules made ready to be decided on: the same answers as rule by rule, in a time that does not grow with the names in
//! them.
//!
//! Rules of one action are joined by "or", so the criteria of all its `or` and `nor` rules are one long "or": whoever is
//! named in any of them is found by one look-up ([`Lookup`]). An `and` is the opposite of an "or" of the opposites, and
//! gives the same reasons: those that made it so, else all.

use super::lookup::{Lookup, Wanted};
use crate::criterion::Outcome;
use crate::{Action, Criterion, Facts, Operator, Reasons, Rule, RuleNumber, Visitor};

/// All rules of a policy that are joined by "or".
#[derive(Debug, Clone)]
pub(super) struct Compiled {
    /// The rules of which one criterion is enough.
    loose: AnyOf,
    /// The rules of which all criteria have to hold.
    tied: Vec<Tied>,
}

/// A rule that holds unless any of these does.
#[derive(Debug, Clone)]
struct Tied {
    rule: RuleNumber,
    unless: AnyOf,
}

/// Criteria of which one is enough.
#[derive(Debug, Clone)]
struct AnyOf {
    lookups: Vec<Lookup>,
    terms: Vec<Term>,
    /// What becomes of an answer that is unclear.
    unclear: bool,
}

/// One criterion, and what its rule makes of it.
#[derive(Debug, Clone)]
struct Term {
    criterion: Criterion,
    inverted: bool,
    rule: RuleNumber,
}

impl Compiled {
    /// These rules, all of one action, with their numbers and in their order.
    pub(super) fn new<'a>(action: Action, rules: impl IntoIterator<Item = (RuleNumber, &'a Rule)>) -> Self {
        // What is unclear helps nobody in and keeps whom it may concern out; in an opposite, the other way round.
        let denies = action == Action::Deny;
        let (mut loose, mut tied) = (Vec::new(), Vec::new());
        for (number, rule) in rules {
            let terms = |inverted| rule.criteria.iter().map(move |criterion| (number, criterion, inverted));
            match rule.operator {
                Operator::Or => loose.extend(terms(false)),
                Operator::Nor => loose.extend(terms(true)),
                // Alone, it may as well be joined by "or".
                Operator::And if rule.criteria.len() == 1 => loose.extend(terms(false)),
                Operator::Not if rule.criteria.len() == 1 => loose.extend(terms(true)),
                Operator::And => tied.push(Tied { rule: number, unless: AnyOf::new(terms(true), !denies) }),
                Operator::Not => tied.push(Tied { rule: number, unless: AnyOf::new(terms(false), !denies) }),
            }
        }
        Self { loose: AnyOf::new(loose, denies), tied }
    }

    /// Whether one of the rules holds, the reasons of those that do, else of all, and the first that does.
    pub(super) fn evaluate(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> (Outcome, Option<RuleNumber>) {
        let mut tally = self.loose.tally(facts, visitor);
        for tied in &self.tied {
            let unless = tied.unless.tally(facts, visitor);
            tally.add(unless.first.is_none(), unless.reasons(), tied.rule);
        }
        (Outcome { held: tally.first.is_some(), unclear: false, reasons: tally.reasons() }, tally.first)
    }
}

impl AnyOf {
    /// These criteria, each with its rule and whether the rule turns it round.
    fn new<'a>(terms: impl IntoIterator<Item = (RuleNumber, &'a Criterion, bool)>, unclear: bool) -> Self {
        let (mut named, mut others): (Vec<Wanted<'a>>, _) = (Vec::new(), Vec::new());
        for (rule, criterion, inverted) in terms {
            // To be none of many is no look-up: it is enough that one of them is somebody else.
            let texts = if inverted { None } else { Wanted::of(rule, criterion) };
            match texts {
                Some(wanted) => match named.iter_mut().find(|one| one.asks_the_same(&wanted)) {
                    Some(one) => one.take_in(wanted),
                    None => named.push(wanted),
                },
                None => others.push(Term { criterion: criterion.clone(), inverted, rule }),
            }
        }
        Self { lookups: named.iter().map(Lookup::new).collect(), terms: others, unclear }
    }

    fn tally(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Tally {
        let mut tally = Tally { first: None, yes: Reasons::NONE, no: Reasons::NONE };
        for lookup in &self.lookups {
            let (outcome, rule) = lookup.evaluate(facts, visitor);
            tally.add(outcome.held, outcome.reasons, rule);
        }
        for term in &self.terms {
            let outcome = term.criterion.evaluate(facts, visitor);
            let held = if outcome.unclear { self.unclear } else { outcome.held != term.inverted };
            tally.add(held, outcome.reasons, term.rule);
        }
        tally
    }
}

/// What has come of an "or" so far.
struct Tally {
    /// The first rule that held, in the order written; they need not be asked in it.
    first: Option<RuleNumber>,
    yes: Reasons,
    no: Reasons,
}

impl Tally {
    fn add(&mut self, held: bool, reasons: Reasons, rule: RuleNumber) {
        if held {
            self.yes = self.yes.and(reasons);
            self.first = Some(self.first.map_or(rule, |first| first.min(rule)));
        } else {
            self.no = self.no.and(reasons);
        }
    }

    fn reasons(&self) -> Reasons {
        if self.first.is_some() { self.yes } else { self.no }
    }
}
