//! Patterns: regular expressions and globs, always of the whole text, in linear time.

use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use regex_syntax::ast;

use super::{Case, ascii_case};

/// The longest pattern accepted, in bytes.
pub const LONGEST_PATTERN: usize = 1000;

/// How much memory a compiled pattern may take, in bytes.
const LARGEST: usize = 256 * 1024;

/// How much memory each thread may keep for a pattern's states, in bytes.
const LARGEST_CACHE: usize = 256 * 1024;

/// How deeply groups may nest.
const DEEPEST: u32 = 50;

/// A pattern that matches whole texts. Clones share it, and the memory that threads keep for it: a named policy may
/// stand in every route.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: Arc<str>,
    case: Case,
    regex: Arc<Regex>,
}

impl Pattern {
    /// A regular expression, anchored at both ends whether or not it says so. Without regard to case, be it by `case`
    /// or by a flag `(?i)`, only ASCII letters are folded.
    ///
    /// # Errors
    /// [`InvalidPattern`] when it is too long, too large, or no regular expression of the `regex` crate's syntax.
    pub fn regex(text: &str, case: Case) -> Result<Self, InvalidPattern> {
        if text.len() > LONGEST_PATTERN {
            return Err(InvalidPattern::TooLong);
        }
        Self::compile(text, text, case)
    }

    /// A glob: `*` stands for any characters but `/`, `**` for any characters, `?` for one character but `/`;
    /// everything else for itself.
    ///
    /// # Errors
    /// [`InvalidPattern`] when it is too long or too large.
    pub fn glob(text: &str, case: Case) -> Result<Self, InvalidPattern> {
        if text.len() > LONGEST_PATTERN {
            return Err(InvalidPattern::TooLong);
        }
        let mut expression = String::with_capacity(text.len() * 2);
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '*' if characters.next_if_eq(&'*').is_some() => expression.push_str("(?s:.*)"),
                '*' => expression.push_str("[^/]*"),
                '?' => expression.push_str("[^/]"),
                other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        Self::compile(text, &expression, case)
    }

    fn compile(written: &str, expression: &str, case: Case) -> Result<Self, InvalidPattern> {
        // By itself: what closes a group it did not open would break out of the anchors.
        let parsed = regex_syntax::ParserBuilder::new().nest_limit(DEEPEST).build().parse(expression);
        parsed.map_err(|error| InvalidPattern::Syntax(error.to_string()))?;
        let mut ast = ast::parse::ParserBuilder::new()
            .nest_limit(DEEPEST)
            .build()
            .parse(expression)
            .map_err(|error| InvalidPattern::Syntax(error.to_string()))?;
        ascii_case::fold(&mut ast, case == Case::Insensitive);
        // As it was understood, without its comments: one at the end would swallow the anchor.
        let mut whole = String::from(r"\A(?:");
        ast::print::Printer::new().print(&ast, &mut whole).map_err(|_| InvalidPattern::TooLarge)?;
        whole.push_str(r")\z");
        let regex = RegexBuilder::new(&whole)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST_CACHE)
            // The anchors' group and the letters' classes are ours.
            .nest_limit(DEEPEST + 8)
            .build();
        match regex {
            Ok(regex) => Ok(Self { written: written.into(), case, regex: Arc::new(regex) }),
            Err(regex::Error::CompiledTooBig(_)) => Err(InvalidPattern::TooLarge),
            Err(error) => Err(InvalidPattern::Syntax(error.to_string())),
        }
    }

    /// Whether the whole of the text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str() && self.case == other.case
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Longer than [`LONGEST_PATTERN`].
    #[error("it is longer than {LONGEST_PATTERN} bytes")]
    TooLong,
    /// Compiled, it takes too much memory, as `(a{1000}){1000}` would.
    #[error("it takes too much memory when compiled; repeat less often in it")]
    TooLarge,
    /// No regular expression; the text is that of the `regex` crate, several lines.
    #[error("{0}")]
    Syntax(String),
}

#[cfg(test)]
mod tests;
