//! Patterns of `matches` and `glob`, each compiled once however often it is written.
//!
//! Refuses: what is no regular expression, what is too long or too large, and more patterns than memory is set
//! aside for.

use std::collections::HashMap;

use doorward_authorize::{Case, InvalidPattern, LONGEST_PATTERN, Pattern};

use crate::compile::Compiler;
use crate::yaml::Node;

/// The most patterns of one configuration. Each may take half a megabyte.
const MOST_PATTERNS: usize = 1000;

/// The patterns so far: by kind, case and text.
#[derive(Default)]
pub(super) struct Patterns(HashMap<(PatternKind, bool, String), Result<Pattern, InvalidPattern>>);

/// How a pattern is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PatternKind {
    Regex,
    Glob,
}

impl Compiler<'_> {
    /// The pattern that stands behind `matches` or `glob`.
    pub(super) fn pattern(&mut self, kind: PatternKind, key: &str, node: &Node, case: Case) -> Option<Pattern> {
        let text = self.value(key, node)?;
        let written = (kind, case == Case::Sensitive, text.value);
        let known = self.shared.patterns.0.get(&written).cloned();
        let pattern = match known {
            Some(pattern) => pattern,
            None if self.shared.patterns.0.len() >= MOST_PATTERNS => {
                self.problems.error(
                    &text.place,
                    format!("this is one pattern more than the {MOST_PATTERNS} that a configuration may have"),
                    "Join several into one, as in `a|b`, or compare with a list: `in: [ONE, OTHER]`.",
                );
                return None;
            }
            None => {
                let pattern = match kind {
                    PatternKind::Regex => Pattern::regex(&written.2, case),
                    PatternKind::Glob => Pattern::glob(&written.2, case),
                };
                self.shared.patterns.0.insert(written, pattern.clone());
                pattern
            }
        };
        match pattern {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let (what, mend) = in_words(key, &error);
                self.problems.error(&text.place, what, mend);
                None
            }
        }
    }
}

fn in_words(key: &str, error: &InvalidPattern) -> (String, String) {
    match error {
        InvalidPattern::TooLong => (
            format!("`{key}` holds a pattern longer than {LONGEST_PATTERN} bytes"),
            "Split it, each part in a criterion of its own, or compare with a list: `in: [ONE, OTHER]`.".into(),
        ),
        InvalidPattern::TooLarge => (
            format!("`{key}` holds a pattern that takes too much memory"),
            "Repeat less often in it: `(a{1000}){1000}` is a million of them.".into(),
        ),
        InvalidPattern::Syntax(text) => {
            let reason =
                text.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it cannot be read");
            (
                format!("`{key}` holds no regular expression: {}", reason.trim()),
                "The syntax is RE2's; the whole value has to match. In single quotes a backslash is only a backslash: \
                 `'dev-\\d+'`."
                    .into(),
            )
        }
    }
}
