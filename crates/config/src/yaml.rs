//! YAML text becomes a tree in which every word knows where it stands.
//!
//! Refuses: duplicate keys, several documents, tags, keys that are no plain words, nesting deeper than 64
//! and aliases that would unfold to more than a million nodes.

mod build;
mod syntax;

use std::rc::Rc;

use crate::problem::Place;

pub(crate) use build::{Naming, parse};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
    /// How many nodes it is with all below it, each use of an alias counted.
    weight: usize,
}

/// The value itself. What a scalar means is for the reader to say: `1.10` may be a text.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Null,
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Whether `${NAME}` in it is the name of an environment variable: not so when it came from one.
    pub(crate) expands: bool,
}

impl std::fmt::Debug for Scalar {
    /// Without the text, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scalar(…)")
    }
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Rc<Node>,
}

impl Node {
    /// Whether something in it comes from an environment variable.
    pub(crate) fn is_from_environment(&self) -> bool {
        match &self.content {
            Content::Null => false,
            Content::Scalar(scalar) => !scalar.expands || scalar.text.contains("${"),
            Content::List(items) => items.iter().any(|item| item.is_from_environment()),
            Content::Map(entries) => entries.iter().any(|entry| entry.value.is_from_environment()),
        }
    }

    /// A text that came from an environment variable and is taken as it is.
    pub(crate) fn literal(text: String, place: Place) -> Self {
        Self { place, content: Content::Scalar(Scalar { text, expands: false }), weight: 1 }
    }

    /// A list of such texts.
    pub(crate) fn literals(texts: Vec<String>, place: &Place) -> Self {
        let items: Vec<_> = texts.into_iter().map(|text| Rc::new(Self::literal(text, place.clone()))).collect();
        Self { place: place.clone(), weight: items.len() + 1, content: Content::List(items) }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Scalar(_) => "a single value",
            Content::List(_) => "a list",
            Content::Map(_) => "a block of keys",
        }
    }

    /// Whether it asks for nothing: empty, or `false`.
    pub(crate) fn is_off(&self) -> bool {
        match &self.content {
            Content::Null => true,
            Content::Scalar(scalar) => scalar.text.is_empty() || scalar.text.eq_ignore_ascii_case("false"),
            Content::List(items) => items.is_empty(),
            Content::Map(entries) => entries.is_empty(),
        }
    }
}

/// A key as a message may show it: short, and only the characters of names, because what stands in a
/// key's place may be a secret with a colon missing before it.
pub(crate) fn shown(key: &str) -> String {
    const LONGEST: usize = 64;
    let named: String = key
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        .take(LONGEST)
        .collect();
    if named.len() == key.len() { named } else { format!("{named}…") }
}

#[cfg(test)]
mod tests;
