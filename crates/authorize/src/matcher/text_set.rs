//! Many texts to compare with, in a time that does not depend on how many.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Texts in the order they were written, found by hash.
#[derive(Debug, Clone, Default)]
pub struct TextSet {
    listed: Vec<Arc<str>>,
    known: HashSet<Arc<str>>,
}

impl TextSet {
    /// A set of these; what is given twice is kept once.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let mut set = Self::default();
        for text in texts {
            let text: Arc<str> = text.into();
            if set.known.insert(Arc::clone(&text)) {
                set.listed.push(text);
            }
        }
        set
    }

    /// Whether this text is one of them.
    pub fn contains(&self, text: &str) -> bool {
        self.known.contains(text)
    }

    /// Each text, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.listed.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(super) fn map(self, change: impl Fn(String) -> String) -> Self {
        Self::new(self.listed.into_iter().map(|text| change(text.as_ref().to_owned())))
    }
}

impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        self.known == other.known
    }
}

impl Eq for TextSet {}

impl fmt::Display for TextSet {
    /// `[a, b]`; of very many, only the first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_SHOWN: usize = 20;
        f.write_str("[")?;
        for (index, text) in self.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(text)?;
        }
        match self.len().saturating_sub(MOST_SHOWN) {
            0 => f.write_str("]"),
            more => write!(f, ", and {more} more]"),
        }
    }
}

/// Groups of people that the configuration names, with everybody in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The names of the groups, in the order written.
    pub names: Vec<String>,
    /// Everybody in any of them.
    pub members: TextSet,
}

impl fmt::Display for People {
    /// The names alone: that is how it was asked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.names.as_slice() {
            [only] => f.write_str(only),
            names => write!(f, "[{}]", names.join(", ")),
        }
    }
}
