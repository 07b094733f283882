//! Matchers of one text.
//!
//! Refuses: tests that there are not, and groups of people for what is no name of a person.

use doorward_authorize::{Case, StringMatcher, StringTest, TextSet};

use super::patterns::PatternKind;
use super::people::PeopleBy;
use crate::compile::Compiler;
use crate::raw::nearest;
use crate::yaml::{Content, Entry, Node, shown};

const STRING_TESTS: [&str; 9] =
    ["is", "not", "contains", "starts_with", "ends_with", "in", "not_in", "matches", "glob"];
/// Those that only `email` and `user` have.
const PEOPLE_TESTS: [&str; 2] = ["in_people", "not_in_people"];
/// What changes how all the others compare.
pub(super) const IGNORE_CASE: &str = "ignore_case";

/// What other matchers and other programs call the same.
const SYNONYMS: [(&str, &str); 8] = [
    ("has", "is"),
    ("equals", "is"),
    ("exclude", "not"),
    ("has_any", "in"),
    ("regex", "matches"),
    ("prefix", "starts_with"),
    ("suffix", "ends_with"),
    ("people", "in_people"),
];

impl Compiler<'_> {
    /// A matcher of a text that compares in this way, unless it says otherwise itself.
    pub(super) fn string_matcher(&mut self, criterion: &str, node: &Node, case: Case) -> Option<StringMatcher> {
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::Scalar(_) => {
                let text = self.value(criterion, node)?;
                return Some(StringMatcher::new(vec![StringTest::Is(text.value)], case));
            }
            Content::List(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{criterion}` compares with one value, but here is a list"),
                    format!("Write `{criterion}: {{in: [ONE, OTHER]}}`."),
                );
                return None;
            }
            Content::Null => {
                self.nothing_to_compare(criterion, node, "is");
                return None;
            }
        };
        let case = self.case(criterion, entries, case)?;
        let tests: Vec<_> = tests(entries).map(|entry| self.string_test(criterion, entry, case)).collect();
        if tests.is_empty() {
            self.nothing_to_compare(criterion, node, "is");
            return None;
        }
        tests.into_iter().collect::<Option<Vec<_>>>().map(|tests| StringMatcher::new(tests, case))
    }

    /// How a matcher compares: as `ignore_case` says, else as is usual for the criterion.
    pub(super) fn case(&mut self, criterion: &str, entries: &[Entry], usual: Case) -> Option<Case> {
        let Some(entry) = entries.iter().find(|entry| entry.key == IGNORE_CASE) else { return Some(usual) };
        if matches!(entry.value.content, Content::Null) {
            self.problems.error(
                &entry.value.place,
                "`ignore_case` is either `true` or `false`",
                "Write `ignore_case: true`, or remove it.",
            );
            return None;
        }
        let ignore = self.reading().flag(IGNORE_CASE, &entry.value)?;
        if usual == Case::Insensitive && !ignore.value {
            self.problems.warning(
                &ignore.place,
                format!("`{criterion}` is always compared without regard to case"),
                "Remove `ignore_case: false`, which has no effect here.",
            );
        }
        Some(if ignore.value { Case::Insensitive } else { usual })
    }

    fn string_test(&mut self, criterion: &str, entry: &Entry, case: Case) -> Option<StringTest> {
        let name = entry.key.as_str();
        let by = match criterion {
            "email" => Some(PeopleBy::Address),
            "user" => Some(PeopleBy::Id),
            _ => None,
        };
        let one: fn(String) -> StringTest = match (name, by) {
            ("is", _) => StringTest::Is,
            ("not", _) => StringTest::Not,
            ("contains", _) => StringTest::Contains,
            ("starts_with", _) => StringTest::StartsWith,
            ("ends_with", _) => StringTest::EndsWith,
            ("in", _) => return self.values(name, &entry.value).map(|texts| StringTest::In(TextSet::new(texts))),
            ("not_in", _) => {
                return self.values(name, &entry.value).map(|texts| StringTest::NotIn(TextSet::new(texts)));
            }
            ("matches", _) => {
                return self.pattern(PatternKind::Regex, name, &entry.value, case).map(StringTest::Matches);
            }
            ("glob", _) => return self.pattern(PatternKind::Glob, name, &entry.value, case).map(StringTest::Glob),
            ("in_people", Some(by)) => return self.people(entry, by).map(StringTest::InPeople),
            ("not_in_people", Some(by)) => return self.people(entry, by).map(StringTest::NotInPeople),
            ("in_people" | "not_in_people", None) => {
                self.problems.error(
                    &entry.place,
                    format!("`{criterion}` cannot be compared by `{name}`: it is not who somebody is"),
                    format!("`email` and `user` can: `email: {{{name}: NAME}}`."),
                );
                return None;
            }
            _ => {
                let people = if by.is_some() { &PEOPLE_TESTS[..] } else { &[] };
                let known: Vec<_> = STRING_TESTS.iter().chain(people).chain([&IGNORE_CASE]).copied().collect();
                self.no_test(criterion, entry, &known, &SYNONYMS);
                return None;
            }
        };
        self.value(name, &entry.value).map(|text| one(text.value))
    }

    /// `known` are the tests there are, `synonyms` what they are called elsewhere.
    pub(super) fn no_test(&mut self, criterion: &str, entry: &Entry, known: &[&str], synonyms: &[(&str, &str)]) {
        let name = entry.key.as_str();
        let synonym = synonyms.iter().find(|(other, own)| *other == name && known.contains(own)).map(|(_, own)| *own);
        let mend = match synonym.or_else(|| nearest(name, known)) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => format!("It can be compared by: {}.", known.join(", ")),
        };
        self.problems.error(&entry.place, format!("`{criterion}` cannot be compared by `{}`", shown(name)), mend);
    }

    pub(super) fn nothing_to_compare(&mut self, criterion: &str, node: &Node, test: &str) {
        self.problems.error(
            &node.place,
            format!("`{criterion}` has nothing to compare with"),
            format!("Write `{criterion}: {{{test}: VALUE}}`."),
        );
    }
}

/// The tests of a matcher, without what says how they compare.
pub(super) fn tests(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.key != IGNORE_CASE)
}
