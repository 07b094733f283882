//! Matchers: what a criterion asks of a text or of a list of texts (PPL's string and list matchers, and more).
//!
//! Refuses: patterns that are too long, or that would take too much memory ([`InvalidPattern`]). Whatever is accepted
//! matches in a time linear in the text.

mod ascii_case;
mod list;
mod pattern;
mod text;
mod text_set;

use smallvec::SmallVec;

pub(crate) use list::{Each, TextList};
pub use list::{ListMatcher, ListTest};
pub use pattern::{InvalidPattern, LONGEST_PATTERN, Pattern};
pub use text::{StringMatcher, StringTest};
pub use text_set::{People, TextSet};

/// Whether letters differ by case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Compared exactly.
    Sensitive,
    /// ASCII letters compare without regard to case. Only ASCII is folded: Unicode case folding would make different
    /// names equal.
    Insensitive,
}

impl Case {
    /// What is wanted, as it is compared.
    fn fold(self, wanted: String) -> String {
        match self {
            Self::Sensitive => wanted,
            Self::Insensitive => wanted.to_ascii_lowercase(),
        }
    }

    /// Whether a text is as it is compared.
    fn is_folded(self, text: &str) -> bool {
        self == Self::Sensitive || !text.bytes().any(|byte| byte.is_ascii_uppercase())
    }

    /// Asks about a value as it is compared; without a heap allocation for values of usual length.
    pub(crate) fn compare<R>(self, value: &str, ask: impl FnOnce(&str) -> R) -> R {
        if self.is_folded(value) {
            return ask(value);
        }
        let lower: SmallVec<[u8; 256]> = value.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
        // Folding ASCII leaves UTF-8 what it is.
        ask(std::str::from_utf8(&lower).unwrap_or(value))
    }
}

/// Writes things with a word between them.
fn joined<T: std::fmt::Display>(f: &mut std::fmt::Formatter<'_>, things: &[T], between: &str) -> std::fmt::Result {
    for (index, thing) in things.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        thing.fmt(f)?;
    }
    Ok(())
}
