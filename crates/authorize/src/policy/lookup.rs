//! Many names, asked for by one look-up, wherever in the rules they stand.

use std::collections::HashMap;
use std::mem;

use crate::criterion::{Judge, Outcome};
use crate::matcher::TextList;
use crate::{Case, Criterion, Facts, ListMatcher, ListTest, RuleNumber, StringMatcher, StringTest, TextSet, Visitor};

/// Criteria that ask the same of a person, each whether it is, or has, one of certain texts; joined by "or".
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    /// One of the criteria: what is asked of the person, and what comes of it.
    asks: Criterion,
    case: Case,
    /// The first rule that names any text.
    first: RuleNumber,
    names: Names,
}

/// The texts, and the first rule that names each.
#[derive(Debug, Clone)]
enum Names {
    /// All of one criterion, in whose set they stay: a large group of people is not kept again by every route.
    One(RuleNumber, TextSet),
    /// Of several.
    Known(HashMap<Box<str>, RuleNumber>),
}

impl Lookup {
    /// The look-up of what is wanted.
    pub(super) fn new(wanted: &Wanted<'_>) -> Self {
        let names = match wanted.texts.as_slice() {
            [(rule, texts)] => Names::One(*rule, texts.clone()),
            several => {
                let mut known = HashMap::new();
                for (rule, texts) in several {
                    for text in texts.iter() {
                        known.entry(text.into()).or_insert(*rule);
                    }
                }
                Names::Known(known)
            }
        };
        let first = wanted.texts.first().map_or(RuleNumber(0), |(rule, _)| *rule);
        Self { asks: wanted.criterion.clone(), case: wanted.case, first, names }
    }

    /// What comes of all the criteria, and the first rule with one that holds.
    pub(super) fn evaluate(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> (Outcome, RuleNumber) {
        let mut judge = Finding { lookup: self, first: None };
        let outcome = self.asks.evaluate_by(&mut judge, facts, visitor);
        (outcome, judge.first.unwrap_or(self.first))
    }

    fn rule_of(&self, name: &str) -> Option<RuleNumber> {
        match &self.names {
            Names::One(rule, texts) => texts.contains(name).then_some(*rule),
            Names::Known(known) => known.get(name).copied(),
        }
    }

    fn len(&self) -> usize {
        match &self.names {
            Names::One(_, texts) => texts.len(),
            Names::Known(known) => known.len(),
        }
    }

    /// Gives every name with its rule, until one is enough.
    fn any(&self, mut is_enough: impl FnMut(&str, RuleNumber) -> bool) -> bool {
        match &self.names {
            Names::One(rule, texts) => texts.iter().any(|text| is_enough(text, *rule)),
            Names::Known(known) => known.iter().any(|(text, rule)| is_enough(text, *rule)),
        }
    }
}

/// Stands in for the matchers, and remembers the first rule that names what was found.
struct Finding<'a> {
    lookup: &'a Lookup,
    first: Option<RuleNumber>,
}

impl Finding<'_> {
    /// Notes a rule; true when none can come before it.
    fn note(&mut self, rule: Option<RuleNumber>) -> bool {
        self.first = match (self.first, rule) {
            (Some(first), Some(rule)) => Some(first.min(rule)),
            (first, rule) => first.or(rule),
        };
        self.first == Some(self.lookup.first)
    }
}

impl Judge for Finding<'_> {
    fn text(&mut self, _matcher: &StringMatcher, value: &str) -> bool {
        self.first = self.lookup.case.compare(value, |value| self.lookup.rule_of(value));
        self.first.is_some()
    }

    fn list(&mut self, _matcher: &ListMatcher, values: &impl TextList) -> bool {
        let (lookup, case) = (self.lookup, self.lookup.case);
        if case == Case::Sensitive && values.is_better_asked(lookup.len()) {
            lookup.any(|name, rule| values.has(name) && self.note(Some(rule)));
        } else {
            values.any(|value| case.compare(value, |value| self.note(lookup.rule_of(value))));
        }
        self.first.is_some()
    }
}

/// What criteria that ask the same are after: whole texts, as they are compared, and nothing else.
pub(super) struct Wanted<'a> {
    criterion: &'a Criterion,
    case: Case,
    texts: Vec<(RuleNumber, TextSet)>,
}

impl<'a> Wanted<'a> {
    /// What a criterion of a rule is after; none when it asks for anything but whole texts, or not of a person.
    pub(super) fn of(rule: RuleNumber, criterion: &'a Criterion) -> Option<Self> {
        let one = |text: &String| TextSet::new([text.clone()]);
        let (case, texts) = match criterion {
            Criterion::User(matcher)
            | Criterion::Email(matcher)
            | Criterion::Domain(matcher)
            | Criterion::IdentityProvider(matcher) => match matcher.tests() {
                [StringTest::Is(text)] => (matcher.case(), one(text)),
                [StringTest::In(texts)] => (matcher.case(), texts.clone()),
                [StringTest::InPeople(people)] => (matcher.case(), people.members.clone()),
                _ => return None,
            },
            Criterion::Groups(matcher)
            | Criterion::Claim { matcher, .. }
            | Criterion::AuthenticationMethod(matcher) => match matcher.tests() {
                [ListTest::Has(text)] => (matcher.case(), one(text)),
                [ListTest::HasAny(texts)] => (matcher.case(), texts.clone()),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { criterion, case, texts: vec![(rule, texts)] })
    }

    /// Whether they differ in the texts at most.
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        let the_same = match (self.criterion, other.criterion) {
            (Criterion::Claim { path: one, .. }, Criterion::Claim { path: other, .. }) => one == other,
            (one, other) => mem::discriminant(one) == mem::discriminant(other),
        };
        the_same && self.case == other.case
    }

    /// Takes in what a later criterion is after.
    pub(super) fn take_in(&mut self, other: Self) {
        self.texts.extend(other.texts);
    }
}
