//! Matchers of a list of texts.
//!
//! Refuses: tests that there are not, and lists of wants that are empty, which everything would fulfil.

use doorward_authorize::{Case, ListMatcher, ListTest, TextSet};

use super::patterns::PatternKind;
use super::string_matcher::{IGNORE_CASE, tests};
use crate::compile::Compiler;
use crate::yaml::{Content, Entry, Node};

const LIST_TESTS: [&str; 8] = ["has", "is", "exclude", "has_any", "has_all", "matches", "glob", IGNORE_CASE];

/// What other matchers and other programs call the same.
const SYNONYMS: [(&str, &str); 6] = [
    ("contains", "has"),
    ("in", "has_any"),
    ("any", "has_any"),
    ("all", "has_all"),
    ("not", "exclude"),
    ("regex", "matches"),
];

impl Compiler<'_> {
    /// A matcher of a list; case matters, unless it says otherwise itself.
    pub(super) fn list_matcher(&mut self, criterion: &str, node: &Node) -> Option<ListMatcher> {
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::Scalar(_) => {
                let text = self.value(criterion, node)?;
                return Some(ListMatcher::new(vec![ListTest::Has(text.value)], Case::Sensitive));
            }
            Content::List(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{criterion}` compares with one value, but here is a list"),
                    format!("Write `{criterion}: {{has_any: [ONE, OTHER]}}`, or `has_all`."),
                );
                return None;
            }
            Content::Null => {
                self.nothing_to_compare(criterion, node, "has");
                return None;
            }
        };
        let case = self.case(criterion, entries, Case::Sensitive)?;
        let tests: Vec<_> = tests(entries).map(|entry| self.list_test(criterion, entry, case)).collect();
        if tests.is_empty() {
            self.nothing_to_compare(criterion, node, "has");
            return None;
        }
        tests.into_iter().collect::<Option<Vec<_>>>().map(|tests| ListMatcher::new(tests, case))
    }

    fn list_test(&mut self, criterion: &str, entry: &Entry, case: Case) -> Option<ListTest> {
        let name = entry.key.as_str();
        let one: fn(String) -> ListTest = match name {
            "has" => ListTest::Has,
            "is" => ListTest::Is,
            "exclude" => ListTest::Exclude,
            "has_any" => {
                return self.some_values(name, &entry.value).map(|texts| ListTest::HasAny(TextSet::new(texts)));
            }
            "has_all" => {
                return self.some_values(name, &entry.value).map(|texts| ListTest::HasAll(TextSet::new(texts)));
            }
            "matches" => return self.pattern(PatternKind::Regex, name, &entry.value, case).map(ListTest::Matches),
            "glob" => return self.pattern(PatternKind::Glob, name, &entry.value, case).map(ListTest::Glob),
            _ => {
                self.no_test(criterion, entry, &LIST_TESTS, &SYNONYMS);
                return None;
            }
        };
        self.value(name, &entry.value).map(|text| one(text.value))
    }
}
