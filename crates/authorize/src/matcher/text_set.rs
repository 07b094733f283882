//! Many texts to compare with, in a time that does not depend on how many.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Texts in the order they were written, found by hash. A clone shares them: a named policy stands in many routes.
#[derive(Debug, Clone, Default)]
pub struct TextSet(Arc<Texts>);

#[derive(Debug, Default)]
struct Texts {
    listed: Vec<Arc<str>>,
    known: HashSet<Arc<str>>,
}

impl TextSet {
    /// A set of these; what is given twice is kept once.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let mut set = Texts::default();
        for text in texts {
            let text: Arc<str> = text.into();
            if set.known.insert(Arc::clone(&text)) {
                set.listed.push(text);
            }
        }
        Self(Arc::new(set))
    }

    /// Whether this text is one of them.
    pub fn contains(&self, text: &str) -> bool {
        self.0.known.contains(text)
    }

    /// Each text, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.listed.iter().map(AsRef::as_ref)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.listed.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.listed.is_empty()
    }

    pub(super) fn map(self, change: impl Fn(String) -> String) -> Self {
        let changed: Vec<_> = self.iter().map(|text| change(text.to_owned())).collect();
        if changed.iter().map(String::as_str).eq(self.iter()) { self } else { Self::new(changed) }
    }
}

impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        self.0.known == other.0.known
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
