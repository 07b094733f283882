//! Claims that are asked for by name where there is a criterion that knows more.

use doorward_authorize::{Criterion, ListMatcher, ListTest};

use super::yaml;
use crate::problem::{Place, Problems};

pub(super) fn criterion(problems: &mut Problems, criterion: &Criterion, place: &Place) {
    let Criterion::Claim { path, matcher } = criterion else { return };
    match path.as_str() {
        "email" => problems.warning(
            place,
            "`claim/email` is whatever the provider was told: some let people put in any address, unverified",
            match as_text(matcher) {
                Some(tests) => format!("Write `email: {{{tests}}}`, which holds for verified addresses only."),
                None => "Write `email: {is: you@example.com}`, which holds for verified addresses only.".into(),
            },
        ),
        "groups" => problems.hint(
            place,
            "`claim/groups` asks for the claim; `groups` asks for the groups, whatever claim they come in",
            match yaml::criterion(&Criterion::Groups(matcher.clone())) {
                Some(groups) => format!("Write `{groups}`."),
                None => "Write `groups` in place of `claim/groups`.".into(),
            },
        ),
        _ => {}
    }
}

/// The tests as one would ask them of a single text.
fn as_text(matcher: &ListMatcher) -> Option<String> {
    let tests = matcher.tests().iter().map(|asked| {
        Some(match asked {
            ListTest::Has(text) | ListTest::Is(text) => format!("is: {}", yaml::scalar(text)),
            ListTest::Exclude(text) => format!("not: {}", yaml::scalar(text)),
            ListTest::HasAny(texts) if texts.len() <= 8 => format!("in: {}", yaml::list(texts.iter())),
            ListTest::Matches(pattern) => format!("matches: {}", yaml::scalar(pattern.as_str())),
            ListTest::Glob(pattern) => format!("glob: {}", yaml::scalar(pattern.as_str())),
            ListTest::HasAny(_) | ListTest::HasAll(_) => return None,
        })
    });
    Some(tests.collect::<Option<Vec<_>>>()?.join(", "))
}
