//! Warnings of single rules and of rules together, on rules made by hand.

mod good;
mod rules;
mod values;

use std::sync::Arc;
use std::time::Duration;

use doorward_authorize::{
    Action, Age, Case, Criterion, DateRange, Days, Networks, Operator, Origin, Pattern, Rule, StringMatcher,
    StringTest, TextSet, TimeOfDay,
};
use http::HeaderName;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::{LookedAt, RouteFacts, warn};
use crate::compile::ppl::PlacedRule;
use crate::problem::{Place, Problems};

fn at(line: u32, column: u32) -> Place {
    Place::Text { name: Arc::from("config.yaml"), line, column }
}

/// A rule on a line; its criteria stand at the columns 20, 21 and so on.
fn placed(line: u32, action: Action, operator: Operator, criteria: Vec<Criterion>) -> PlacedRule {
    let places = (20..).zip(&criteria).map(|(column, _)| at(line, column)).collect();
    let rule = Rule { action, operator, criteria, origin: Origin::Route, line };
    PlacedRule { rule, action: at(line, 1), operator: at(line, 2), criteria: places }
}

fn allow(operator: Operator, criteria: Vec<Criterion>) -> PlacedRule {
    placed(1, Action::Allow, operator, criteria)
}

fn deny(operator: Operator, criteria: Vec<Criterion>) -> PlacedRule {
    placed(2, Action::Deny, operator, criteria)
}

fn told(rules: &[PlacedRule]) -> Vec<String> {
    let mut problems = Problems::default();
    warn(&mut problems, rules, &RouteFacts::default(), &mut LookedAt::default());
    problems.sorted().iter().map(ToString::to_string).collect()
}

/// Exactly one thing is told, which begins so and holds this.
#[track_caller]
fn one(rules: &[PlacedRule], begins: &str, holds: &str) {
    let told = told(rules);
    let [problem] = told.as_slice() else { panic!("{begins}\n{}", told.join("\n")) };
    let problem = problem.replace("\n    ", "\n");
    assert!(problem.starts_with(&format!("config.yaml:{begins}")), "{begins}\n{problem}");
    assert!(problem.contains(holds), "{holds}\n{problem}");
}

fn text(tests: impl IntoIterator<Item = StringTest>) -> StringMatcher {
    StringMatcher::new(tests.into_iter().collect(), Case::Sensitive)
}

fn folded(tests: impl IntoIterator<Item = StringTest>) -> StringMatcher {
    StringMatcher::new(tests.into_iter().collect(), Case::Insensitive)
}

fn is(value: &str) -> StringTest {
    StringTest::Is(value.into())
}

fn email(address: &str) -> Criterion {
    Criterion::Email(folded([is(address)]))
}

fn domain(test: StringTest) -> Criterion {
    Criterion::Domain(folded([test]))
}

fn path(test: StringTest) -> Criterion {
    Criterion::HttpPath(text([test]))
}

fn method(name: &str) -> Criterion {
    Criterion::HttpMethod(text([is(name)]))
}

fn header(name: &str, test: StringTest) -> Criterion {
    Criterion::HttpHeader { name: HeaderName::from_bytes(name.as_bytes()).unwrap(), matcher: text([test]) }
}

fn regex(pattern: &str) -> StringTest {
    StringTest::Matches(Pattern::regex(pattern, Case::Insensitive).unwrap())
}

fn glob(pattern: &str) -> StringTest {
    StringTest::Glob(Pattern::glob(pattern, Case::Insensitive).unwrap())
}

fn starts_with(value: &str) -> StringTest {
    StringTest::StartsWith(value.into())
}

fn set(values: &[&str]) -> TextSet {
    TextSet::new(values.iter().map(|&value| value.to_owned()))
}

fn networks(values: &[&str]) -> Criterion {
    Criterion::SourceIp(Networks::new(values.iter().map(|value| Networks::parse_one(value).unwrap()).collect()))
}

fn hours(after: &str, before: &str) -> Criterion {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    Criterion::TimeOfDay(TimeOfDay { after: after.parse().ok(), before: before.parse().ok(), zone })
}

fn dates(after: &str, before: &str) -> Criterion {
    Criterion::Date(DateRange { after: after.parse().ok(), before: before.parse().ok() })
}

fn age(at_least: Option<u64>, at_most: Option<u64>) -> Criterion {
    Criterion::AuthenticationAge(Age {
        at_least: at_least.map(Duration::from_secs),
        at_most: at_most.map(Duration::from_secs),
    })
}

fn days(days: &[Weekday]) -> Criterion {
    Criterion::DayOfWeek(Days::new(days.iter().copied(), TimeZone::UTC))
}
