//! The texts a matcher compares with.
//!
//! Refuses: nothing at all, which would be found in everything, texts too long to be a name of anything, and lists
//! too long to be kept by hand.

use crate::compile::Compiler;
use crate::problem::Place;
use crate::raw::{At, Section};
use crate::yaml::{Content, Node};

/// The most texts of one list.
pub(super) const MOST_TEXTS: usize = 100_000;

/// The longest text, in bytes.
const LONGEST_TEXT: usize = 4096;

impl Compiler<'_> {
    /// One value to compare with. The empty text would be found in, before and after everything.
    pub(super) fn value(&mut self, test: &str, node: &Node) -> Option<At<String>> {
        if matches!(node.content, Content::List(_)) {
            self.problems.error(
                &node.place,
                format!("`{test}` compares with one value, but here is a list"),
                "Texts have `in: [ONE, OTHER]`, and lists `has_any: [ONE, OTHER]`.",
            );
            return None;
        }
        let given = if matches!(node.content, Content::Null) { None } else { Some(self.reading().text(test, node)?) };
        let Some(value) = given.filter(|given| !given.value.is_empty()) else {
            self.problems.error(&node.place, format!("`{test}` has nothing to compare with"), "Give it a value.");
            return None;
        };
        self.is_short_enough(test, &value.value, &value.place).then_some(value)
    }

    /// A list of values to compare with.
    pub(super) fn values(&mut self, test: &str, node: &Node) -> Option<Vec<String>> {
        let Content::List(items) = &node.content else {
            self.problems.error(
                &node.place,
                format!("`{test}` compares with a list of values, but here is {}", node.kind()),
                format!("Write `{test}: [ONE, OTHER]`."),
            );
            return None;
        };
        if !self.is_list_short_enough(test, items.len(), &node.place) {
            return None;
        }
        let values: Vec<_> = items.iter().map(|item| self.value(test, item).map(|text| text.value)).collect();
        values.into_iter().collect()
    }

    /// The same, of at least one value.
    pub(super) fn some_values(&mut self, test: &str, node: &Node) -> Option<Vec<String>> {
        let values = self.values(test, node)?;
        if values.is_empty() {
            self.problems.error(&node.place, format!("`{test}` has nothing to compare with"), "Give it a value.");
            return None;
        }
        Some(values)
    }

    pub(super) fn is_list_short_enough(&mut self, test: &str, length: usize, place: &Place) -> bool {
        if length > MOST_TEXTS {
            self.problems.error(
                place,
                format!("`{test}` compares with more than {MOST_TEXTS} values"),
                "Let the identity provider keep such a list as a group and ask for it with `groups`, or write larger networks.",
            );
        }
        length <= MOST_TEXTS
    }

    pub(super) fn is_short_enough(&mut self, key: &str, text: &str, place: &Place) -> bool {
        if text.len() > LONGEST_TEXT {
            self.problems.error(
                place,
                format!("a value of `{key}` is longer than {LONGEST_TEXT} bytes"),
                "Check that it is the right one.",
            );
        }
        text.len() <= LONGEST_TEXT
    }

    /// The block of keys of a criterion that has nothing else; `example` is one.
    pub(super) fn block(&mut self, criterion: &str, node: &Node, example: &str) -> Option<Section> {
        if !matches!(node.content, Content::Map(_)) {
            self.problems.error(
                &node.place,
                format!("`{criterion}` is written as keys with values, but here is {}", node.kind()),
                format!("Write `{criterion}: {{{example}}}`."),
            );
            return None;
        }
        Section::of(node, &format!("`{criterion}`"), &mut self.reading())
    }

    /// The text of a key in such a block: `None` when there is something wrong with it, `Some(None)` when it is not
    /// given. A key with nothing behind it is no key that is not given: something was meant.
    #[allow(clippy::option_option, reason = "two questions: is it right, and is it given")]
    pub(super) fn part(&mut self, section: &mut Section, key: &'static str) -> Option<Option<At<String>>> {
        let Some(node) = section.node(key) else { return Some(None) };
        let given = if matches!(node.content, Content::Null) { None } else { Some(self.reading().text(key, &node)?) };
        let given = given.filter(|text| !text.value.trim().is_empty());
        if given.is_none() {
            self.problems.error(
                &node.place,
                format!("`{key}` has nothing behind it"),
                "Give it a value, or remove it.",
            );
            return None;
        }
        Some(given)
    }
}
