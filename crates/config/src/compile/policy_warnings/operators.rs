//! Operators that do not say what they seem to say: several below one action, `not`, and `nor`.

use std::collections::{BTreeMap, BTreeSet};

use doorward_authorize::{Action, Criterion, Operator, Origin};

use super::texts::{is_negative, is_negative_list, list_matcher_of, matcher_of};
use super::{inverts, lets_in, parts, shown, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// Warns of several operators below one action; the actions it warned of.
pub(super) fn several<'a>(problems: &mut Problems, rules: &[&'a PlacedRule]) -> BTreeSet<&'a Place> {
    let mut by_action: BTreeMap<&'a Place, Vec<&PlacedRule>> = BTreeMap::new();
    for placed in rules {
        let below = by_action.entry(&placed.action).or_default();
        // An alias of a rule has the places of the rule.
        if !below.iter().any(|other| other.operator == placed.operator) {
            below.push(placed);
        }
    }
    by_action.retain(|_, below| below.len() > 1);
    for (place, below) in &by_action {
        let Some(first) = below.first() else { continue };
        let action = first.rule.action;
        let mut others = rules.iter().filter(|other| other.rule.origin == first.rule.origin && other.action != **place);
        let beside = others.any(|other| other.rule.action == Action::Allow);
        problems.warning(
            place,
            format!("several operators below one `{action}` are joined by \"or\": each of them {action}s by itself"),
            several_mend(action, below, beside),
        );
    }
    by_action.into_keys().collect()
}

fn several_mend(action: Action, below: &[&PlacedRule], beside: bool) -> String {
    let apart = || {
        let rules = below.iter().map(|placed| {
            let rule = &placed.rule;
            Some(yaml::rule(rule.action, rule.operator, &yaml::criteria(&rule.criteria)?))
        });
        Some(rules.collect::<Option<Vec<_>>>()?.join("\n"))
    };
    let inverted = below.iter().any(|placed| inverts(placed.rule.operator));
    let mut mend = match action {
        Action::Deny => apart().map(|rules| format!("To say so plainly, write several rules:\n{rules}")),
        Action::Allow => together(below).map(|rules| format!("Where all of them shall hold, write:\n{rules}")),
    };
    if let (Action::Allow, false, Some(text), Some(rules)) = (action, inverted, &mut mend, apart()) {
        text.push_str("\nWhere each shall do by itself, write several rules:\n");
        text.push_str(&rules);
    }
    if let (Action::Allow, true, true, Some(text)) = (action, inverted, beside, &mut mend) {
        text.push_str("\nThe `deny` holds against the other rules as well.");
    }
    mend.unwrap_or_else(|| {
        "If all of them shall hold, put their criteria under one `and`, or turn what must not hold into a `deny` rule."
            .into()
    })
}

/// Rules that allow where all of these hold.
fn together(below: &[&PlacedRule]) -> Option<String> {
    let of = |operator: Operator| {
        below.iter().filter(move |placed| placed.rule.operator == operator).flat_map(|placed| &placed.rule.criteria)
    };
    let (and, or) = (yaml::criteria(of(Operator::And))?, yaml::criteria(of(Operator::Or))?);
    let (not, nor) = (yaml::criteria(of(Operator::Not))?, yaml::criteria(of(Operator::Nor))?);
    let mut rules = Vec::new();
    match (and.is_empty(), or.as_slice()) {
        (true, []) => rules.push(yaml::rule(Action::Allow, Operator::Or, &["authenticated_user: true".into()])),
        (true, or) => rules.push(yaml::rule(Action::Allow, Operator::Or, or)),
        (false, []) => rules.push(yaml::rule(Action::Allow, Operator::And, &and)),
        (false, or) => rules.extend(or.iter().map(|one| {
            let all: Vec<_> = and.iter().chain([one]).cloned().collect();
            yaml::rule(Action::Allow, Operator::And, &all)
        })),
    }
    if !not.is_empty() {
        rules.push(yaml::rule(Action::Deny, Operator::Or, &not));
    }
    if !nor.is_empty() {
        rules.push(yaml::rule(Action::Deny, Operator::And, &nor));
    }
    Some(rules.join("\n"))
}

/// Warns of what the operator of one rule makes of its criteria.
pub(super) fn one(problems: &mut Problems, placed: &PlacedRule) {
    let rule = &placed.rule;
    let many = rule.criteria.len() > 1;
    if double_negative(problems, placed) {
        return;
    }
    let everybody_but = (!many || rule.operator != Operator::Nor) && everybody_but(problems, placed);
    match rule.operator {
        Operator::Nor if many => {
            let verb = if rule.action == Action::Allow { "lets in" } else { "keeps out" };
            problems.warning(
                &placed.operator,
                format!(
                    "`nor` holds when at least one of its criteria does not: this {verb} everybody of whom not all hold"
                ),
                none_of(placed),
            );
        }
        Operator::Not if many && !everybody_but => {
            let verb = if rule.action == Action::Allow { "lets in" } else { "keeps out" };
            let all = yaml::criteria(&rule.criteria).map(|criteria| yaml::rule(rule.action, Operator::Nor, &criteria));
            problems.hint(
                &placed.operator,
                format!("`not` holds when none of its criteria does: this {verb} whoever is none of these"),
                match all {
                    Some(all) => format!("If that is meant, leave it. To mean \"not all of them at once\":\n{all}"),
                    None => "If that is meant, leave it. \"Not all of them at once\" is `nor`.".into(),
                },
            );
        }
        _ => {}
    }
}

/// A rule for none of the criteria, where `nor` says not all.
fn none_of(placed: &PlacedRule) -> String {
    let rule = &placed.rule;
    let names_people = rule.criteria.iter().any(names_people);
    match yaml::criteria(&rule.criteria) {
        None => "For \"none of them\" write `not`.".into(),
        Some(criteria) if lets_in(placed) && names_people => format!(
            "To keep out whoever is one of these, deny it, and say who may pass:\n{}\n{}",
            yaml::rule(Action::Allow, Operator::Or, &["authenticated_user: true".into()]),
            yaml::rule(Action::Deny, Operator::Or, &criteria)
        ),
        Some(criteria) => format!("For \"none of them\":\n{}", yaml::rule(rule.action, Operator::Not, &criteria)),
    }
}

/// Whether it says which people, rather than how they signed in.
fn names_people(criterion: &Criterion) -> bool {
    matches!(
        criterion,
        Criterion::User(_)
            | Criterion::Email(_)
            | Criterion::Domain(_)
            | Criterion::Groups(_)
            | Criterion::Claim { .. }
    )
}

fn is_turned_round(criterion: &Criterion) -> bool {
    matcher_of(criterion).is_some_and(is_negative) || list_matcher_of(criterion).is_some_and(is_negative_list)
}

/// An allow rule that says only who may not.
fn everybody_but(problems: &mut Problems, placed: &PlacedRule) -> bool {
    let rule = &placed.rule;
    if !lets_in(placed) || rule.origin == Origin::Global {
        return false;
    }
    let unwanted: Vec<(&Criterion, &Place)> = parts(placed)
        .filter(|(criterion, _)| names_people(criterion) && (inverts(rule.operator) || is_turned_round(criterion)))
        .collect();
    // Under `and`, whatever else is asked narrows it down.
    let narrowed = rule.operator == Operator::And && unwanted.len() < rule.criteria.len();
    let (Some((_, place)), false) = (unwanted.first(), narrowed) else { return false };
    let place = if inverts(rule.operator) { &placed.operator } else { *place };
    let positive: Option<Vec<String>> =
        unwanted.iter().map(|(criterion, _)| positive(rule.operator, criterion)).collect();
    let mend = match positive {
        Some(denied) if denied.len() <= 8 => format!(
            "Better say who may pass. If everybody who can sign in is meant, keep the rest out by `deny`:\n{}\n{}",
            yaml::rule(Action::Allow, Operator::Or, &["authenticated_user: true".into()]),
            yaml::rule(Action::Deny, Operator::Or, &denied)
        ),
        _ => "Say who may pass, and put those who may not under `deny: {or: […]}`.".into(),
    };
    problems.warning(
        place,
        format!(
            "this lets in everybody but those named: strangers too, if they can sign in (`{}`)",
            unwanted.first().map(|(criterion, _)| shown(criterion)).unwrap_or_default()
        ),
        mend,
    );
    true
}

/// What would keep out those whom the criterion, under this operator, leaves out.
fn positive(operator: Operator, criterion: &Criterion) -> Option<String> {
    if inverts(operator) {
        return yaml::criterion(criterion);
    }
    yaml::criterion(&turned(criterion)?)
}

/// The criterion that asks the opposite, of whoever can be asked.
pub(super) fn turned(criterion: &Criterion) -> Option<Criterion> {
    use doorward_authorize::{ListMatcher, ListTest, StringMatcher, StringTest};
    if let Some(matcher) = list_matcher_of(criterion) {
        let [ListTest::Exclude(text)] = matcher.tests() else { return None };
        let matcher = ListMatcher::new(vec![ListTest::Has(text.clone())], matcher.case());
        return Some(match criterion {
            Criterion::Groups(_) => Criterion::Groups(matcher),
            Criterion::Claim { path, .. } => Criterion::Claim { path: path.clone(), matcher },
            _ => return None,
        });
    }
    let matcher = matcher_of(criterion)?;
    let test = match matcher.tests() {
        [StringTest::Not(text)] => StringTest::Is(text.clone()),
        [StringTest::NotIn(texts)] => StringTest::In(texts.clone()),
        [StringTest::NotInPeople(people)] => StringTest::InPeople(people.clone()),
        _ => return None,
    };
    let matcher = StringMatcher::new(vec![test], matcher.case());
    Some(match criterion {
        Criterion::User(_) => Criterion::User(matcher),
        Criterion::Email(_) => Criterion::Email(matcher),
        Criterion::Domain(_) => Criterion::Domain(matcher),
        _ => return None,
    })
}

/// `not` before a test that says what something is not.
fn double_negative(problems: &mut Problems, placed: &PlacedRule) -> bool {
    let rule = &placed.rule;
    if !inverts(rule.operator) {
        return false;
    }
    let found = parts(placed).find(|(criterion, _)| names_people(criterion) && is_turned_round(criterion));
    let Some((criterion, place)) = found else { return false };
    let operator = if rule.operator == Operator::Not { Operator::And } else { Operator::Or };
    let written: Option<Vec<String>> = rule
        .criteria
        .iter()
        .map(|one| yaml::criterion(&turned(one)?))
        .collect::<Option<_>>()
        .filter(|all: &Vec<_>| all.len() <= 8);
    problems.warning(
        place,
        format!(
            "`{}` under `{}` is turned round twice: it holds for those it names, and for whoever cannot be asked, \
             such as people without a verified e-mail address",
            shown(criterion),
            rule.operator
        ),
        match written {
            Some(criteria) => {
                format!("To mean those it names alone:\n{}", yaml::rule(rule.action, operator, &criteria))
            }
            None => format!("Say it without `{}`, as in `email: {{is: you@example.com}}`.", rule.operator),
        },
    );
    true
}
