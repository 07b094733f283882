//! Rules that hold always, or never.

use doorward_authorize::{Action, Criterion, Operator};

use super::logic::{ask_the_same, exclude_each_other, is_impossible, leave_nothing_out};
use super::texts::{is_negative, matcher_of};
use super::{inverts, parts, shown, yaml};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

/// Every two criteria are compared up to this many.
const MOST_COMPARED: usize = 16;

/// Warns of one rule; whether all that matters of it has been said by that.
pub(super) fn rule(problems: &mut Problems, placed: &PlacedRule) -> bool {
    let mut impossible = false;
    for (criterion, place) in parts(placed).filter(|(criterion, _)| is_impossible(criterion)) {
        problems.warning(place, impossible_words(criterion), impossible_mend(placed, criterion));
        impossible = true;
    }
    impossible || constant_criteria(problems, placed) || pairs(problems, placed)
}

fn impossible_words(criterion: &Criterion) -> String {
    let why = match criterion {
        Criterion::TimeOfDay(_) => "its end is not after its beginning, and a span does not reach across midnight",
        Criterion::Date(_) => "its end is not after its beginning",
        Criterion::AuthenticationAge(_) => {
            "nobody signed in longer ago than `at_least` and more recently than `at_most`"
        }
        Criterion::DayOfWeek(_) => "it names no day",
        _ => "its tests contradict each other",
    };
    format!("`{}` never holds: {why}", shown(criterion))
}

fn impossible_mend(placed: &PlacedRule, criterion: &Criterion) -> String {
    match criterion {
        Criterion::TimeOfDay(time) => match (time.after, time.before) {
            (Some(after), Some(before)) if after > before => across_midnight(placed, criterion)
                .unwrap_or_else(|| "To reach across midnight, write two spans under `or`: one that has only `after`, one that has only `before`.".into()),
            (_, Some(before)) if before.to_string() == "00:00:00" => {
                "A span without `before` goes on until midnight: remove `before`.".into()
            }
            _ => "Let `before` come after `after`.".into(),
        },
        Criterion::Date(range) => match (range.after, range.before) {
            (Some(after), Some(before)) if after > before => format!(
                "If they are the wrong way round, write `date: {{after: \"{before}\", before: \"{after}\"}}`."
            ),
            _ => "Let `before` come after `after`.".into(),
        },
        Criterion::AuthenticationAge(age) => match (age.at_least, age.at_most) {
            (Some(least), Some(most)) => format!(
                "If they are the wrong way round, write `authentication_age: {{at_least: {}s, at_most: {}s}}`.",
                most.as_secs(),
                least.as_secs()
            ),
            _ => "Remove one of the two.".into(),
        },
        Criterion::DayOfWeek(_) => "Name the days, as in `day_of_week: mon-fri`.".into(),
        other => match yaml::criterion(other) {
            Some(_) if matcher_of(other).is_some() => {
                "All tests of one criterion have to hold. For any of several values write `in: [ONE, OTHER]`.".into()
            }
            _ => "All tests of one criterion have to hold. Write one criterion for each, under `or`.".into(),
        },
    }
}

/// The same rule with a span on either side of midnight.
fn across_midnight(placed: &PlacedRule, criterion: &Criterion) -> Option<String> {
    let Criterion::TimeOfDay(time) = criterion else { return None };
    let mut late = time.clone();
    late.before = None;
    let mut early = time.clone();
    early.after = None;
    let rule = &placed.rule;
    let spans = [Criterion::TimeOfDay(late), Criterion::TimeOfDay(early)];
    let with = |spans: &[Criterion]| {
        let all = rule.criteria.iter().flat_map(|one| if one == criterion { spans } else { std::slice::from_ref(one) });
        Some(yaml::rule(rule.action, rule.operator, &yaml::criteria(all)?))
    };
    let rules = match rule.operator {
        _ if rule.criteria.len() == 1 => {
            let operator = if inverts(rule.operator) { Operator::Not } else { Operator::Or };
            yaml::rule(rule.action, operator, &yaml::criteria(&spans)?)
        }
        Operator::Or | Operator::Not => with(&spans)?,
        Operator::And => {
            spans.iter().map(|span| with(std::slice::from_ref(span))).collect::<Option<Vec<_>>>()?.join("\n")
        }
        Operator::Nor => return None,
    };
    Some(format!("For a span across midnight, write the part before it and the part after it:\n{rules}"))
}

/// `accept` and `reject` where they decide everything, or nothing.
fn constant_criteria(problems: &mut Problems, placed: &PlacedRule) -> bool {
    let rule = &placed.rule;
    let constant = |criterion: &Criterion| match criterion {
        Criterion::Accept => Some(!inverts(rule.operator)),
        Criterion::Reject => Some(inverts(rule.operator)),
        _ => None,
    };
    let Some((criterion, place)) = parts(placed).find(|(criterion, _)| constant(criterion).is_some()) else {
        return false;
    };
    let holds = constant(criterion) == Some(true);
    let all = matches!(rule.operator, Operator::And | Operator::Not);
    let others: Vec<&Criterion> = rule.criteria.iter().filter(|one| constant(one).is_none()).collect();
    // `or: [accept]` is how to say "everybody", and `or: [reject]` how to say "nobody".
    let plain = !inverts(rule.operator) && others.is_empty() && rule.action == Action::Allow;
    if plain && (!holds || rule.operator == Operator::Or) {
        return false;
    }
    // Where one decides for all, the rule is settled.
    let settled = others.is_empty() || holds != all;
    let name = criterion.name();
    if !settled {
        problems.hint(
            place,
            format!("`{name}` changes nothing under this `{}`", rule.operator),
            without(rule.action, rule.operator, &others),
        );
        return false;
    }
    let closed = "To close a route, write:\n- allow:\n    or:\n      - reject: true";
    let (what, mend) = match (rule.action, holds) {
        (Action::Allow, true) if rule.operator == Operator::Or => (
            format!("`{name}` lets everybody in, signed in or not, so the criteria beside it change nothing"),
            format!(
                "{}\nIf everybody is meant:\n- allow:\n    or:\n      - accept: true",
                without(rule.action, rule.operator, &others)
            ),
        ),
        (Action::Allow, true) => (
            format!("`{}` of `{name}` always holds here: everybody is let in, signed in or not", rule.operator),
            "If everybody is meant:\n- allow:\n    or:\n      - accept: true".into(),
        ),
        (Action::Deny, true) => (
            format!("this `deny` always holds, because of `{name}`: it keeps everybody out, whatever allows them"),
            if others.is_empty() { closed.into() } else { without(rule.action, rule.operator, &others) },
        ),
        (action, false) => {
            let doing = if action == Action::Allow { "lets nobody in" } else { "keeps nobody out" };
            let mend = match others.as_slice() {
                [] => "Remove the rule.".into(),
                others => without(action, rule.operator, others),
            };
            (format!("this rule never holds, because of `{name}` under `{}`: it {doing}", rule.operator), mend)
        }
    };
    problems.warning(place, what, mend);
    true
}

fn without(action: Action, operator: Operator, others: &[&Criterion]) -> String {
    match yaml::criteria(others.iter().copied()) {
        Some(others) => format!("Without it:\n{}", yaml::rule(action, operator, &others)),
        None => "Remove it.".into(),
    }
}

/// Two criteria that decide the rule together.
fn pairs(problems: &mut Problems, placed: &PlacedRule) -> bool {
    let rule = &placed.rule;
    let all: Vec<(&Criterion, &Place)> = parts(placed).take(MOST_COMPARED).collect();
    let pairs =
        all.iter().enumerate().flat_map(|(index, second)| all.iter().take(index).map(move |first| (first, second)));
    let decides = |one: &Criterion, other: &Criterion| match rule.operator {
        Operator::And | Operator::Nor => exclude_each_other(one, other),
        Operator::Or | Operator::Not => leave_nothing_out(one, other),
    };
    let Some(((first, _), (second, place))) = pairs.into_iter().find(|((one, _), (other, _))| decides(one, other))
    else {
        return false;
    };
    let (one, other) = (shown(first), shown(second));
    let doing = match (rule.action, rule.operator) {
        (Action::Allow, Operator::And | Operator::Not) => "lets nobody in",
        (Action::Deny, Operator::And | Operator::Not) => "keeps nobody out",
        (Action::Allow, Operator::Or | Operator::Nor) => "lets in everybody it is asked of",
        (Action::Deny, Operator::Or | Operator::Nor) => "keeps out everybody it is asked of",
    };
    let what = match rule.operator {
        Operator::And => format!("`{one}` and `{other}` never hold together, so this rule {doing}"),
        Operator::Not => format!("one of `{one}` and `{other}` always holds, so this `not` {doing}"),
        Operator::Or => format!("one of `{one}` and `{other}` always holds, so this rule {doing}"),
        Operator::Nor => format!("one of `{one}` and `{other}` always fails, so this `nor` {doing}"),
    };
    problems.warning(place, what, mend_pair(placed, first, second));
    true
}

fn mend_pair(placed: &PlacedRule, first: &Criterion, second: &Criterion) -> String {
    let rule = &placed.rule;
    let both = |action: Action, operator: Operator| {
        yaml::criteria(&rule.criteria).map(|criteria| yaml::rule(action, operator, &criteria))
    };
    let rewritten = match rule.operator {
        Operator::And if rule.criteria.len() == 2 => {
            both(rule.action, Operator::Or).map(|rule| format!("If one of them is enough:\n{rule}"))
        }
        Operator::And => one_each(placed, first, second)
            .map(|rules| format!("If one of the two is enough, write two rules:\n{rules}")),
        Operator::Or => negations(first, second).map(|(name, values)| match rule.action {
            Action::Deny => format!(
                "To keep out all but these:\n{}",
                yaml::rule(Action::Deny, Operator::Or, &[format!("{name}: {{not_in: {}}}", yaml::list(values))])
            ),
            Action::Allow => format!(
                "To keep these out, deny them, and say who may pass:\n{}",
                yaml::rule(Action::Deny, Operator::Or, &[format!("{name}: {{in: {}}}", yaml::list(values))])
            ),
        }),
        Operator::Nor => both(rule.action, Operator::Not).map(|not| match rule.action {
            Action::Deny => format!("To keep out all who are none of these:\n{not}"),
            Action::Allow => format!(
                "To keep these out, deny them, and say who may pass:\n{}",
                both(Action::Deny, Operator::Or).unwrap_or_default()
            ),
        }),
        Operator::Not => None,
    };
    rewritten.unwrap_or_else(|| "Remove one of the two, or the rule.".into())
}

/// The rule twice, each time without one of the two.
fn one_each(placed: &PlacedRule, first: &Criterion, second: &Criterion) -> Option<String> {
    let rule = &placed.rule;
    let without = |left_out: &Criterion| {
        let rest = rule.criteria.iter().filter(|one| *one != left_out);
        Some(yaml::rule(rule.action, rule.operator, &yaml::criteria(rest)?))
    };
    Some(format!("{}\n{}", without(second)?, without(first)?))
}

/// The name and the values of two tests that say what a text is not.
fn negations<'a>(first: &'a Criterion, second: &'a Criterion) -> Option<(String, Vec<&'a str>)> {
    let secret = matches!(first, Criterion::HttpHeader { .. } | Criterion::HttpQuery { .. });
    let (one, other) = (matcher_of(first)?, matcher_of(second)?);
    if secret || !ask_the_same(first, second) || !is_negative(one) || !is_negative(other) {
        return None;
    }
    let values: Vec<_> = [one, other].into_iter().filter_map(super::texts::all_but).flatten().collect();
    (2..=8).contains(&values.len()).then(|| (first.name().into_owned(), values))
}
