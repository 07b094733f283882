//! Writes criteria and rules as they would stand in a file, to be pasted.
//!
//! Refuses what would be long, and what may hold a secret: the values of headers and of parameters.

use std::fmt::Write as _;

use doorward_authorize::{
    Action, Case, CertificateMatcher, Criterion, ListMatcher, ListTest, Operator, StringMatcher, StringTest, TextSet,
};

/// More than this many criteria nobody pastes from a terminal.
const MOST: usize = 8;

/// Nor anything longer.
const LONGEST: usize = 200;

/// As in `email: {is: you@example.com}`.
pub(super) fn criterion(criterion: &Criterion) -> Option<String> {
    let value = match criterion {
        Criterion::Accept
        | Criterion::Reject
        | Criterion::AuthenticatedUser
        | Criterion::CorsPreflight
        | Criterion::InvalidClientCertificate => "true".into(),
        Criterion::Websocket(wanted) => wanted.to_string(),
        Criterion::Email(matcher) | Criterion::Domain(matcher) => texts(matcher, Case::Insensitive)?,
        Criterion::User(matcher)
        | Criterion::IdentityProvider(matcher)
        | Criterion::HttpMethod(matcher)
        | Criterion::HttpPath(matcher)
        | Criterion::UserAgent(matcher) => texts(matcher, Case::Sensitive)?,
        Criterion::HttpHeader { .. } | Criterion::HttpQuery { .. } => return None,
        Criterion::Groups(matcher) | Criterion::Claim { matcher, .. } | Criterion::AuthenticationMethod(matcher) => {
            lists(matcher)?
        }
        Criterion::ClientCertificate(matcher) => certificates(matcher)?,
        Criterion::SourceIp(networks) => match networks.written() {
            [one] => scalar(&one.to_string()),
            many => format!("[{}]", many.iter().map(|one| scalar(&one.to_string())).collect::<Vec<_>>().join(", ")),
        },
        Criterion::Date(range) => {
            span(None, range.after.map(|at| at.to_string()), range.before.map(|at| at.to_string()))
        }
        Criterion::DayOfWeek(days) => {
            let words = days.to_string();
            let (days, zone) = words.split_once(" in ")?;
            format!("{{days: \"{days}\", timezone: {}}}", scalar(zone))
        }
        Criterion::TimeOfDay(time) => {
            let zone = time.zone.iana_name().unwrap_or("UTC");
            span(Some(zone), time.after.map(|at| clock(&at.to_string())), time.before.map(|at| clock(&at.to_string())))
        }
        Criterion::AuthenticationAge(age) => {
            let parts = [("at_most", age.at_most), ("at_least", age.at_least)];
            let parts = parts.into_iter().filter_map(|(name, age)| Some(format!("{name}: {}s", age?.as_secs())));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
    };
    let text = format!("{}: {value}", key(&criterion.name()));
    (text.len() <= LONGEST).then_some(text)
}

/// Each of them, unless they are many or one of them cannot be written.
pub(super) fn criteria<'a>(all: impl IntoIterator<Item = &'a Criterion>) -> Option<Vec<String>> {
    let written: Vec<_> = all.into_iter().take(MOST + 1).map(criterion).collect::<Option<_>>()?;
    (written.len() <= MOST).then_some(written)
}

/// A rule in block style, to stand below `policy:`.
pub(super) fn rule(action: Action, operator: Operator, criteria: &[String]) -> String {
    format!("- {action}:\n    {operator}:\n{}", items(criteria, "      "))
}

/// Criteria in a list.
pub(super) fn items(criteria: &[String], indent: &str) -> String {
    criteria.iter().map(|criterion| format!("{indent}- {criterion}")).collect::<Vec<_>>().join("\n")
}

/// A text as a value; quoted where it could be taken for something else.
pub(super) fn scalar(text: &str) -> String {
    let plain =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '@' | '.' | '_' | '/' | '+' | '-');
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        || text.starts_with(|first: char| first.is_ascii_digit()) && text.contains(['/', '@'])
        || text.strip_prefix('.').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()));
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        ".inf" | ".nan" | "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    if begins && !word && text.chars().all(plain) {
        return text.to_owned();
    }
    // Variables have been replaced already; what is left is meant as it stands.
    let mut quoted = String::from("\"");
    for character in text.replace("${", "$${").chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// A list of texts.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", texts.into_iter().map(scalar).collect::<Vec<_>>().join(", "))
}

fn key(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '/' | '-' | '.');
    if name.chars().all(plain) { name.to_owned() } else { scalar(name) }
}

/// The tests of a text, where letters compare by `usual` without being told otherwise.
fn texts(matcher: &StringMatcher, usual: Case) -> Option<String> {
    let mut parts: Vec<_> = matcher.tests().iter().map(text_test).collect::<Option<_>>()?;
    if matcher.case() != usual {
        parts.push("ignore_case: true".into());
    }
    Some(format!("{{{}}}", parts.join(", ")))
}

fn text_test(asked: &StringTest) -> Option<String> {
    Some(match asked {
        StringTest::Is(text) => format!("is: {}", scalar(text)),
        StringTest::Not(text) => format!("not: {}", scalar(text)),
        StringTest::Contains(text) => format!("contains: {}", scalar(text)),
        StringTest::StartsWith(text) => format!("starts_with: {}", scalar(text)),
        StringTest::EndsWith(text) => format!("ends_with: {}", scalar(text)),
        StringTest::In(texts) => format!("in: {}", few(texts)?),
        StringTest::NotIn(texts) => format!("not_in: {}", few(texts)?),
        StringTest::InPeople(people) => format!("in_people: {}", list(people.names.iter().map(String::as_str))),
        StringTest::NotInPeople(people) => format!("not_in_people: {}", list(people.names.iter().map(String::as_str))),
        StringTest::Matches(pattern) => format!("matches: {}", scalar(pattern.as_str())),
        StringTest::Glob(pattern) => format!("glob: {}", scalar(pattern.as_str())),
    })
}

fn lists(matcher: &ListMatcher) -> Option<String> {
    let asked = |asked: &ListTest| {
        Some(match asked {
            ListTest::Has(text) => format!("has: {}", scalar(text)),
            ListTest::Is(text) => format!("is: {}", scalar(text)),
            ListTest::Exclude(text) => format!("exclude: {}", scalar(text)),
            ListTest::HasAny(texts) => format!("has_any: {}", few(texts)?),
            ListTest::HasAll(texts) => format!("has_all: {}", few(texts)?),
            ListTest::Matches(pattern) => format!("matches: {}", scalar(pattern.as_str())),
            ListTest::Glob(pattern) => format!("glob: {}", scalar(pattern.as_str())),
        })
    };
    let mut parts: Vec<_> = matcher.tests().iter().map(asked).collect::<Option<_>>()?;
    if matcher.case() == Case::Insensitive {
        parts.push("ignore_case: true".into());
    }
    Some(format!("{{{}}}", parts.join(", ")))
}

fn certificates(matcher: &CertificateMatcher) -> Option<String> {
    let sets = [("fingerprint", &matcher.fingerprints), ("spki_hash", &matcher.spki_hashes)];
    let sets = sets.into_iter().filter_map(|(name, set)| Some((name, few(set.as_ref()?))));
    let names = [("san_dns", &matcher.san_dns), ("san_email", &matcher.san_email), ("san_uri", &matcher.san_uri)];
    let names = names.into_iter().filter_map(|(name, matcher)| {
        let matcher = matcher.as_ref()?;
        Some((name, texts(matcher, if name == "san_uri" { Case::Sensitive } else { matcher.case() })))
    });
    let parts: Vec<_> =
        sets.chain(names).map(|(name, value)| Some(format!("{name}: {}", value?))).collect::<Option<_>>()?;
    Some(format!("{{{}}}", parts.join(", ")))
}

fn few(texts: &TextSet) -> Option<String> {
    (texts.len() <= MOST).then(|| list(texts.iter()))
}

fn span(zone: Option<&str>, after: Option<String>, before: Option<String>) -> String {
    let parts = [
        ("timezone", zone.map(scalar)),
        ("after", after.map(|at| scalar(&at))),
        ("before", before.map(|at| scalar(&at))),
    ];
    let parts = parts.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", value?)));
    format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
}

/// A time of the day without seconds, where there are none.
fn clock(time: &str) -> String {
    time.strip_suffix(":00").filter(|short| short.len() == 5).unwrap_or(time).to_owned()
}
