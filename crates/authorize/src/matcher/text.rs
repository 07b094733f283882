//! Tests of one text.

use std::fmt;

use super::{Case, Pattern, People, TextSet, joined};

/// One test of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringTest {
    /// Equal.
    Is(String),
    /// Not equal.
    Not(String),
    /// Holds this somewhere.
    Contains(String),
    /// Begins with this.
    StartsWith(String),
    /// Ends with this.
    EndsWith(String),
    /// Equal to one of these.
    In(TextSet),
    /// Equal to none of these.
    NotIn(TextSet),
    /// One of these people.
    InPeople(People),
    /// None of these people.
    NotInPeople(People),
    /// Matched, as a whole, by a regular expression.
    Matches(Pattern),
    /// Matched, as a whole, by a glob.
    Glob(Pattern),
}

impl StringTest {
    /// `value` is folded already where case does not matter; patterns see it as it was `said`.
    fn holds(&self, value: &str, said: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::Not(wanted) => value != wanted,
            Self::Contains(wanted) => value.contains(wanted.as_str()),
            Self::StartsWith(wanted) => value.starts_with(wanted.as_str()),
            Self::EndsWith(wanted) => value.ends_with(wanted.as_str()),
            Self::In(wanted) => wanted.contains(value),
            Self::NotIn(wanted) => !wanted.contains(value),
            Self::InPeople(people) => people.members.contains(value),
            Self::NotInPeople(people) => !people.members.contains(value),
            Self::Matches(pattern) | Self::Glob(pattern) => pattern.matches(said),
        }
    }

    fn folded(self, case: Case) -> Self {
        let fold = |text: String| case.fold(text);
        let people = |people: People| People { members: people.members.folded(case), ..people };
        match self {
            Self::Is(text) => Self::Is(fold(text)),
            Self::Not(text) => Self::Not(fold(text)),
            Self::Contains(text) => Self::Contains(fold(text)),
            Self::StartsWith(text) => Self::StartsWith(fold(text)),
            Self::EndsWith(text) => Self::EndsWith(fold(text)),
            Self::In(texts) => Self::In(texts.folded(case)),
            Self::NotIn(texts) => Self::NotIn(texts.folded(case)),
            Self::InPeople(group) => Self::InPeople(people(group)),
            Self::NotInPeople(group) => Self::NotInPeople(people(group)),
            // They were compiled for their case.
            pattern @ (Self::Matches(_) | Self::Glob(_)) => pattern,
        }
    }
}

impl fmt::Display for StringTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) => write!(f, "is {text}"),
            Self::Not(text) => write!(f, "not {text}"),
            Self::Contains(text) => write!(f, "contains {text}"),
            Self::StartsWith(text) => write!(f, "starts_with {text}"),
            Self::EndsWith(text) => write!(f, "ends_with {text}"),
            Self::In(texts) => write!(f, "in {texts}"),
            Self::NotIn(texts) => write!(f, "not_in {texts}"),
            Self::InPeople(people) => write!(f, "in_people {people}"),
            Self::NotInPeople(people) => write!(f, "not_in_people {people}"),
            Self::Matches(pattern) => write!(f, "matches {pattern}"),
            Self::Glob(pattern) => write!(f, "glob {pattern}"),
        }
    }
}

/// Tests of a text, all of which must hold. With no test nothing matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringMatcher {
    tests: Vec<StringTest>,
    case: Case,
    secret: bool,
}

impl StringMatcher {
    /// A matcher of these tests, joined by "and". Patterns among them have to be compiled for the same case.
    pub fn new(tests: Vec<StringTest>, case: Case) -> Self {
        Self { tests: tests.into_iter().map(|test| test.folded(case)).collect(), case, secret: false }
    }

    /// The same, with what it compares with never shown, nor what was found.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// Whether what it compares with may not be shown.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// The tests, for those who look at policies rather than evaluate them.
    pub fn tests(&self) -> &[StringTest] {
        &self.tests
    }

    /// Whether case matters.
    pub fn case(&self) -> Case {
        self.case
    }

    /// Whether all tests hold.
    pub fn holds(&self, value: &str) -> bool {
        !self.tests.is_empty()
            && self.case.compare(value, |folded| self.tests.iter().all(|test| test.holds(folded, value)))
    }
}

impl fmt::Display for StringMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.secret {
            return f.write_str("as an environment variable says (not shown)");
        }
        joined(f, &self.tests, " and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(test: StringTest, case: Case, value: &str) -> bool {
        StringMatcher::new(vec![test], case).holds(value)
    }

    #[test]
    fn string_tests() {
        let list = || TextSet::new(["a".to_owned(), "b".to_owned()]);
        let people = || People { names: vec!["us".into()], members: list() };
        let regex = |text| Pattern::regex(text, Case::Sensitive).unwrap();
        let glob = |text| Pattern::glob(text, Case::Sensitive).unwrap();
        for (test, value, holds) in [
            (StringTest::Is("a".into()), "a", true),
            (StringTest::Is("a".into()), "ab", false),
            (StringTest::Not("a".into()), "b", true),
            (StringTest::Contains("b".into()), "abc", true),
            (StringTest::StartsWith("ab".into()), "abc", true),
            (StringTest::StartsWith("b".into()), "abc", false),
            (StringTest::EndsWith("c".into()), "abc", true),
            (StringTest::In(list()), "b", true),
            (StringTest::In(list()), "c", false),
            (StringTest::NotIn(list()), "c", true),
            (StringTest::NotIn(list()), "a", false),
            (StringTest::InPeople(people()), "a", true),
            (StringTest::NotInPeople(people()), "a", false),
            (StringTest::Matches(regex("a|b")), "b", true),
            (StringTest::Matches(regex("a|b")), "bb", false),
            (StringTest::Glob(glob("/a/*/c")), "/a/b/c", true),
            (StringTest::Glob(glob("/a/*")), "/a/b/c", false),
        ] {
            assert_eq!(text(test.clone(), Case::Sensitive, value), holds, "{test} / {value}");
        }
    }

    #[test]
    fn case_matters_only_where_it_should() {
        assert!(text(StringTest::Is("You@Example.COM".into()), Case::Insensitive, "you@example.com"));
        assert!(text(StringTest::Is("admin".into()), Case::Insensitive, "ADMIN"));
        assert!(!text(StringTest::Is("Admin".into()), Case::Sensitive, "admin"));
        let pattern = Pattern::regex("ADMIN.*", Case::Insensitive).unwrap();
        assert!(text(StringTest::Matches(pattern), Case::Insensitive, "Administrator"));
    }

    #[test]
    fn several_tests_are_joined_by_and_and_none_matches_nothing() {
        let both =
            StringMatcher::new(vec![StringTest::StartsWith("a".into()), StringTest::Not("ab".into())], Case::Sensitive);
        assert!(both.holds("ac") && !both.holds("ab"));
        assert!(!StringMatcher::new(Vec::new(), Case::Sensitive).holds(""));
    }

    #[test]
    fn look_alikes_are_different_letters() {
        let set = || TextSet::new(["kim".to_owned(), "stra\u{df}e".to_owned()]);
        let people = || People { names: vec!["us".into()], members: set() };
        for case in [Case::Sensitive, Case::Insensitive] {
            for value in [
                "\u{212a}im",
                "\u{212a}IM",
                "k\u{131}m",
                "k\u{130}m",
                "\u{ff4b}im",
                "\u{43a}im",
                "STRASSE",
                "STRA\u{1e9e}E",
            ] {
                for test in [
                    StringTest::Is("kim".into()),
                    StringTest::In(set()),
                    StringTest::InPeople(people()),
                    StringTest::StartsWith("kim".into()),
                    StringTest::EndsWith("kim".into()),
                    StringTest::Contains("kim".into()),
                    StringTest::Matches(Pattern::regex("kim|stra\u{df}e", case).unwrap()),
                    StringTest::Glob(Pattern::glob("kim", case).unwrap()),
                ] {
                    assert!(!text(test.clone(), case, value), "{test} / {value}");
                }
            }
        }
        assert!(text(StringTest::In(set()), Case::Insensitive, "KIM"));
        assert!(!text(StringTest::Is("\u{c9}".into()), Case::Insensitive, "\u{e9}"));
    }

    #[test]
    fn long_texts_are_folded_to_their_end() {
        let long = format!("{}END", "a\u{e9}".repeat(400));
        assert!(text(StringTest::EndsWith("end".into()), Case::Insensitive, &long));
        assert!(!text(StringTest::EndsWith("end".into()), Case::Sensitive, &long));
    }
}
