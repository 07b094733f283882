//! Many texts to compare with, in a time that does not depend on how many.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::Case;

/// Texts in the order they were written, found by hash. Clones share them: a group of people may stand in every route.
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

    /// As they are compared.
    pub(super) fn folded(self, case: Case) -> Self {
        if self.iter().all(|text| case.is_folded(text)) {
            return self;
        }
        Self::new(self.iter().map(|text| case.fold(text.to_owned())))
    }
}

impl PartialEq for TextSet {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.known == other.0.known
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_kept_once_and_in_their_order() {
        let set = TextSet::new(["b".to_owned(), "a".to_owned(), "b".to_owned()]);
        assert_eq!(set.iter().collect::<Vec<_>>(), ["b", "a"]);
        assert!(set.contains("a") && !set.contains("A") && !set.contains(""));
        assert_eq!(set, TextSet::new(["a".to_owned(), "b".to_owned()]), "the order does not matter");
        assert_ne!(set, TextSet::new(["a".to_owned()]));
    }

    #[test]
    fn only_a_set_that_folding_changes_is_made_anew() {
        let lower = TextSet::new(["a".to_owned(), "\u{212a}".to_owned()]);
        assert!(Arc::ptr_eq(&lower.0, &lower.clone().folded(Case::Insensitive).0));
        let upper = TextSet::new(["A".to_owned(), "a".to_owned(), "K".to_owned()]);
        assert_eq!(upper.clone().folded(Case::Sensitive), upper);
        assert_eq!(upper.folded(Case::Insensitive).iter().collect::<Vec<_>>(), ["a", "k"]);
    }
}
