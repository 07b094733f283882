//! Tests of a list of texts.

use std::fmt;

use doorward_identity::Groups;

use super::{Case, Pattern, TextSet, joined};

/// A list to be tested, without its having to be in memory as one.
pub(crate) trait TextList {
    /// How many texts there are.
    fn count(&self) -> usize;
    /// Whether this text is one of them.
    fn has(&self, text: &str) -> bool;
    /// Whether one of them will do. Asks none after the first that does.
    fn any(&self, will_do: impl FnMut(&str) -> bool) -> bool;
    /// Whether it is better to ask the list for each of so many texts than to look at all that it holds.
    fn is_better_asked(&self, _wanted: usize) -> bool {
        false
    }
}

/// The texts that an iterator gives.
pub(crate) struct Each<I>(pub(crate) I);

impl<I: Iterator<Item: AsRef<str>> + Clone> TextList for Each<I> {
    fn count(&self) -> usize {
        self.0.clone().count()
    }

    fn has(&self, text: &str) -> bool {
        self.0.clone().any(|item| item.as_ref() == text)
    }

    fn any(&self, mut will_do: impl FnMut(&str) -> bool) -> bool {
        self.0.clone().any(|item| will_do(item.as_ref()))
    }
}

impl TextList for Groups {
    fn count(&self) -> usize {
        self.len()
    }

    fn has(&self, text: &str) -> bool {
        self.contains(text)
    }

    fn any(&self, will_do: impl FnMut(&str) -> bool) -> bool {
        self.iter().any(will_do)
    }

    fn is_better_asked(&self, wanted: usize) -> bool {
        wanted < self.len()
    }
}

/// One test of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListTest {
    /// Some element equals this.
    Has(String),
    /// There is exactly one element, and it equals this.
    Is(String),
    /// No element equals this.
    Exclude(String),
    /// Some element equals one of these.
    HasAny(TextSet),
    /// Each of these equals some element.
    HasAll(TextSet),
    /// A regular expression matches some element as a whole.
    Matches(Pattern),
    /// A glob matches some element as a whole.
    Glob(Pattern),
}

impl ListTest {
    fn holds(&self, values: &impl TextList, case: Case) -> bool {
        let has = |wanted: &str| match case {
            Case::Sensitive => values.has(wanted),
            Case::Insensitive => values.any(|value| value.eq_ignore_ascii_case(wanted)),
        };
        match self {
            Self::Has(wanted) => has(wanted),
            Self::Is(wanted) => values.count() == 1 && has(wanted),
            Self::Exclude(unwanted) => !has(unwanted),
            Self::HasAny(wanted) if case == Case::Sensitive && values.is_better_asked(wanted.len()) => {
                wanted.iter().any(|wanted| values.has(wanted))
            }
            Self::HasAny(wanted) => values.any(|value| case.compare(value, |value| wanted.contains(value))),
            Self::HasAll(wanted) => wanted.iter().all(has),
            Self::Matches(pattern) | Self::Glob(pattern) => values.any(|value| pattern.matches(value)),
        }
    }

    fn folded(self, case: Case) -> Self {
        let fold = |text: String| case.fold(text);
        match self {
            Self::Has(text) => Self::Has(fold(text)),
            Self::Is(text) => Self::Is(fold(text)),
            Self::Exclude(text) => Self::Exclude(fold(text)),
            Self::HasAny(texts) => Self::HasAny(texts.folded(case)),
            Self::HasAll(texts) => Self::HasAll(texts.folded(case)),
            pattern @ (Self::Matches(_) | Self::Glob(_)) => pattern,
        }
    }
}

impl fmt::Display for ListTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Has(text) => write!(f, "has {text}"),
            Self::Is(text) => write!(f, "is {text}"),
            Self::Exclude(text) => write!(f, "exclude {text}"),
            Self::HasAny(texts) => write!(f, "has_any {texts}"),
            Self::HasAll(texts) => write!(f, "has_all {texts}"),
            Self::Matches(pattern) => write!(f, "matches {pattern}"),
            Self::Glob(pattern) => write!(f, "glob {pattern}"),
        }
    }
}

/// Tests of a list, all of which must hold. With no test nothing matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMatcher {
    tests: Vec<ListTest>,
    case: Case,
}

impl ListMatcher {
    /// A matcher of these tests, joined by "and". Patterns among them have to be compiled for the same case.
    pub fn new(tests: Vec<ListTest>, case: Case) -> Self {
        Self { tests: tests.into_iter().map(|test| test.folded(case)).collect(), case }
    }

    /// The tests, for those who look at policies rather than evaluate them.
    pub fn tests(&self) -> &[ListTest] {
        &self.tests
    }

    /// Whether case matters.
    pub fn case(&self) -> Case {
        self.case
    }

    /// Whether all tests hold.
    pub(crate) fn holds(&self, values: &impl TextList) -> bool {
        !self.tests.is_empty() && self.tests.iter().all(|test| test.holds(values, self.case))
    }
}

impl fmt::Display for ListMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.tests, " and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(test: ListTest, values: &[&str]) -> bool {
        let matcher = ListMatcher::new(vec![test], Case::Sensitive);
        let groups = Groups::new(values.iter().map(|&value| value.to_owned()));
        assert_eq!(matcher.holds(&groups), matcher.holds(&Each(values.iter())), "an index changes no answer");
        matcher.holds(&groups)
    }

    #[test]
    fn list_tests() {
        let set = |texts: &[&str]| TextSet::new(texts.iter().map(|&text| text.to_owned()));
        for (test, values, expected) in [
            (ListTest::Has("b".into()), &["a", "b"][..], true),
            (ListTest::Has("b".into()), &["a"], false),
            (ListTest::Is("a".into()), &["a"], true),
            (ListTest::Is("a".into()), &["a", "b"], false),
            (ListTest::Exclude("b".into()), &["a"], true),
            (ListTest::Exclude("b".into()), &["a", "b"], false),
            (ListTest::Exclude("b".into()), &[], true),
            (ListTest::HasAny(set(&["b", "c"])), &["a", "b"], true),
            (ListTest::HasAny(set(&["b", "c"])), &["a"], false),
            (ListTest::HasAny(set(&["b"])), &["a", "b", "c"], true),
            (ListTest::HasAny(set(&["d"])), &["a", "b", "c"], false),
            (ListTest::HasAny(set(&[])), &["a"], false),
            (ListTest::HasAll(set(&[])), &[], true),
            (ListTest::HasAll(set(&["a", "b"])), &["b", "a", "c"], true),
            (ListTest::HasAll(set(&["a", "b"])), &["a"], false),
            (ListTest::Matches(Pattern::regex("a.*", Case::Sensitive).unwrap()), &["b", "ab"], true),
            (ListTest::Glob(Pattern::glob("a?", Case::Sensitive).unwrap()), &["b", "a"], false),
        ] {
            assert_eq!(holds(test.clone(), values), expected, "{test} / {values:?}");
        }
    }

    #[test]
    fn a_matcher_that_asks_nothing_never_holds() {
        assert!(!ListMatcher::new(Vec::new(), Case::Sensitive).holds(&Groups::default()));
    }

    #[test]
    fn case_matters_unless_it_is_said_not_to() {
        let values = Each(["Admin"].iter());
        for test in [ListTest::Has("aDMIN".into()), ListTest::HasAny(TextSet::new(["ADMIN".into()]))] {
            assert!(ListMatcher::new(vec![test.clone()], Case::Insensitive).holds(&values));
            assert!(!ListMatcher::new(vec![test], Case::Sensitive).holds(&values));
        }
    }
}
