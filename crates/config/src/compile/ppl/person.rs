//! The criteria about a person, beyond plain matchers: claims, and how long ago somebody signed in.
//!
//! Refuses: claims without a name or with more names than are followed, and spans of time that say nothing.

use std::time::Duration;

use doorward_authorize::{Age, Criterion};

use crate::Limit;
use crate::compile::Compiler;
use crate::problem::Place;
use crate::raw::Section;
use crate::yaml::{Content, Entry, Node, shown};

/// How many names of a path are followed.
const DEEPEST: usize = 5;

impl Compiler<'_> {
    pub(super) fn claim(&mut self, path: Option<&str>, entry: &Entry) -> Option<Criterion> {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            self.problems.error(
                &entry.place,
                "`claim` does not say which",
                "Write its name behind a slash, as in `claim/department: {is: security}`.",
            );
            return None;
        };
        let known = self.is_claim_path(&entry.place, "claim", path);
        let matcher = self.list_matcher(&shown(&entry.key), &entry.value)?;
        known.then(|| Criterion::Claim { path: path.to_owned(), matcher })
    }

    /// Whether this can lead to a claim. What has no `/`, or is a URL, may be the whole name of one.
    pub(in crate::compile) fn is_claim_path(&mut self, place: &Place, key: &str, path: &str) -> bool {
        if !self.is_short_enough(key, path, place) {
            return false;
        }
        let is_path = path.contains('/') && !path.contains("://");
        let too_deep = is_path && path.split(['/', '.']).count() > DEEPEST;
        if too_deep {
            self.problems.error(
                place,
                format!("the path of `{key}` has more than {DEEPEST} names, which is as far as claims are looked into"),
                "Have the provider put the claim further up.",
            );
        }
        !too_deep
    }

    pub(super) fn authentication_age(&mut self, node: &Node) -> Option<Criterion> {
        if let Content::Scalar(_) = node.content {
            let most = self.span("authentication_age", node)?;
            return Some(Criterion::AuthenticationAge(Age { at_most: Some(most), at_least: None }));
        }
        let mut section = self.block("authentication_age", node, "at_most: 8h")?;
        let (at_most, at_least) = (self.span_at(&mut section, "at_most"), self.span_at(&mut section, "at_least"));
        section.close("`authentication_age`", &[], &mut self.reading());
        let (at_most, at_least) = (at_most?, at_least?);
        match (at_most, at_least) {
            (None, None) => {
                self.problems.error(
                    &node.place,
                    "`authentication_age` has neither `at_most` nor `at_least`",
                    "Write `authentication_age: 8h` for somebody who has signed in within the last eight hours.",
                );
                return None;
            }
            (Some(most), Some(least)) if most < least => {
                self.problems.error(
                    &node.place,
                    "`at_most` is less than `at_least`, so no sign-in is ever of that age",
                    "Exchange the two.",
                );
                return None;
            }
            _ => {}
        }
        Some(Criterion::AuthenticationAge(Age { at_most, at_least }))
    }

    #[allow(clippy::option_option, reason = "two questions: is it right, and is it given")]
    fn span_at(&mut self, section: &mut Section, key: &'static str) -> Option<Option<Duration>> {
        match section.node(key) {
            Some(node) => self.span(key, &node).map(Some),
            None => Some(None),
        }
    }

    /// A span of time that ends.
    fn span(&mut self, key: &str, node: &Node) -> Option<Duration> {
        let limit = if matches!(node.content, Content::Null) { None } else { Some(self.reading().limit(key, node)?) };
        match limit.map(|limit| limit.value) {
            Some(Limit::After(span)) => Some(span),
            Some(Limit::Never) | None => {
                self.problems.error(
                    &node.place,
                    format!("`{key}` is a span of time, but here is none"),
                    "Write a number with its unit, as in `8h` or `5m`.",
                );
                None
            }
        }
    }
}
