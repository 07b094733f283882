//! Matchers: what a criterion asks of a text or of a list of texts (PPL's string and list matchers).

use std::fmt;

/// Whether letters differ by case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Compared exactly.
    Sensitive,
    /// ASCII letters compare without regard to case; the value tested is expected in lower case.
    Insensitive,
}

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
    In(Vec<String>),
    /// Equal to none of these.
    NotIn(Vec<String>),
}

impl StringTest {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::Not(wanted) => value != wanted,
            Self::Contains(wanted) => value.contains(wanted.as_str()),
            Self::StartsWith(wanted) => value.starts_with(wanted.as_str()),
            Self::EndsWith(wanted) => value.ends_with(wanted.as_str()),
            Self::In(wanted) => wanted.iter().any(|wanted| wanted == value),
            Self::NotIn(wanted) => !wanted.iter().any(|wanted| wanted == value),
        }
    }

    fn lower_case(self) -> Self {
        let lower = |text: String| text.to_ascii_lowercase();
        match self {
            Self::Is(text) => Self::Is(lower(text)),
            Self::Not(text) => Self::Not(lower(text)),
            Self::Contains(text) => Self::Contains(lower(text)),
            Self::StartsWith(text) => Self::StartsWith(lower(text)),
            Self::EndsWith(text) => Self::EndsWith(lower(text)),
            Self::In(texts) => Self::In(texts.into_iter().map(lower).collect()),
            Self::NotIn(texts) => Self::NotIn(texts.into_iter().map(lower).collect()),
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
            Self::In(texts) => write!(f, "in [{}]", texts.join(", ")),
            Self::NotIn(texts) => write!(f, "not_in [{}]", texts.join(", ")),
        }
    }
}

/// Tests of a text, all of which must hold. With no test nothing matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringMatcher(Vec<StringTest>);

impl StringMatcher {
    /// A matcher of these tests, joined by "and".
    pub fn new(tests: Vec<StringTest>, case: Case) -> Self {
        Self(match case {
            Case::Sensitive => tests,
            Case::Insensitive => tests.into_iter().map(StringTest::lower_case).collect(),
        })
    }

    /// The tests, for those who look at policies rather than evaluate them.
    pub fn tests(&self) -> &[StringTest] {
        &self.0
    }

    pub(crate) fn holds(&self, value: &str) -> bool {
        !self.0.is_empty() && self.0.iter().all(|test| test.holds(value))
    }
}

impl fmt::Display for StringMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.0)
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
}

impl ListTest {
    fn holds(&self, values: &[String]) -> bool {
        match self {
            Self::Has(wanted) => values.contains(wanted),
            Self::Is(wanted) => matches!(values, [only] if only == wanted),
            Self::Exclude(unwanted) => !values.contains(unwanted),
        }
    }
}

impl fmt::Display for ListTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Has(text) => write!(f, "has {text}"),
            Self::Is(text) => write!(f, "is {text}"),
            Self::Exclude(text) => write!(f, "exclude {text}"),
        }
    }
}

/// Tests of a list, all of which must hold. With no test nothing matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListMatcher(Vec<ListTest>);

impl ListMatcher {
    /// A matcher of these tests, joined by "and".
    pub fn new(tests: Vec<ListTest>) -> Self {
        Self(tests)
    }

    /// The tests, for those who look at policies rather than evaluate them.
    pub fn tests(&self) -> &[ListTest] {
        &self.0
    }

    pub(crate) fn holds(&self, values: &[String]) -> bool {
        !self.0.is_empty() && self.0.iter().all(|test| test.holds(values))
    }
}

impl fmt::Display for ListMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, &self.0)
    }
}

fn joined<T: fmt::Display>(f: &mut fmt::Formatter<'_>, tests: &[T]) -> fmt::Result {
    for (index, test) in tests.iter().enumerate() {
        if index > 0 {
            f.write_str(" and ")?;
        }
        test.fmt(f)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(test: StringTest, case: Case, value: &str) -> bool {
        StringMatcher::new(vec![test], case).holds(value)
    }

    #[test]
    fn string_tests() {
        let list = || vec!["a".to_owned(), "b".to_owned()];
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
        ] {
            assert_eq!(text(test.clone(), Case::Sensitive, value), holds, "{test} / {value}");
        }
    }

    #[test]
    fn case_matters_only_where_it_should() {
        assert!(text(StringTest::Is("You@Example.COM".into()), Case::Insensitive, "you@example.com"));
        assert!(!text(StringTest::Is("Admin".into()), Case::Sensitive, "admin"));
    }

    #[test]
    fn several_tests_are_joined_by_and_and_none_matches_nothing() {
        let both =
            StringMatcher::new(vec![StringTest::StartsWith("a".into()), StringTest::Not("ab".into())], Case::Sensitive);
        assert!(both.holds("ac") && !both.holds("ab"));
        assert!(!StringMatcher::new(Vec::new(), Case::Sensitive).holds(""));
        assert!(!ListMatcher::new(Vec::new()).holds(&[]));
    }

    #[test]
    fn list_tests() {
        let one = ["a".to_owned()];
        let two = ["a".to_owned(), "b".to_owned()];
        assert!(ListTest::Has("b".into()).holds(&two) && !ListTest::Has("b".into()).holds(&one));
        assert!(ListTest::Is("a".into()).holds(&one) && !ListTest::Is("a".into()).holds(&two));
        assert!(ListTest::Exclude("b".into()).holds(&one) && !ListTest::Exclude("b".into()).holds(&two));
    }
}
