//! The tree becomes plain values, section by section: texts, switches, lists, each with its place.
//!
//! Refuses: unknown keys, keys of Pomerium that are not supported yet, values of another shape than the key
//! has, and names of environment variables that are not set. What the values mean is not asked here.

pub(crate) mod acme;
pub(crate) mod assertion;
pub(crate) mod client_certificates;
pub(crate) mod duration;
pub(crate) mod expand;
pub(crate) mod expectations;
mod header;
pub(crate) mod listeners;
pub(crate) mod policy;
pub(crate) mod route;
pub(crate) mod secrets;
mod section;
pub(crate) mod sessions;
pub(crate) mod sign_in;
mod template;
pub(crate) mod tls;
pub(crate) mod top;
mod unsupported;
pub(crate) mod upgrades;

pub(crate) use header::{HeaderPairs, OF_THE_CONNECTION};
pub(crate) use section::{Section, nearest};

use std::rc::Rc;

use crate::problem::{Place, Problems, Severity};
use crate::source::Env;
use crate::yaml::{Content, Node};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T> At<T> {
    pub(crate) fn new(value: T, place: &Place) -> Self {
        Self { value, place: place.clone() }
    }

    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> At<U> {
        At { value: to(self.value), place: self.place }
    }
}

/// A value that is missed when it is not given. One that is given, but not readable, has been complained of.
#[derive(Debug)]
pub(crate) enum Given<T> {
    Absent,
    Unreadable,
    Value(T),
}

impl<T> Given<T> {
    /// What `read` gives; unreadable when that noted an error.
    pub(crate) fn read(reading: &mut Reading<'_>, read: impl FnOnce(&mut Reading<'_>) -> Option<T>) -> Self {
        let before = reading.problems.count(Severity::Error);
        match read(reading) {
            _ if reading.problems.count(Severity::Error) > before => Self::Unreadable,
            Some(value) => Self::Value(value),
            None => Self::Absent,
        }
    }

    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Unreadable => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// Names and their values, in the order written; each name has its own place.
pub(crate) type Pairs = Named<String>;
/// Names with values of any kind.
pub(crate) type Named<V> = Vec<(At<String>, At<V>)>;

/// A value that is a secret, or the file that holds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawSecret {
    pub(crate) inline: Option<At<Hidden>>,
    pub(crate) file: Option<At<String>>,
}

impl RawSecret {
    /// Where it is given, if it is.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.inline.as_ref().map(|inline| &inline.place).or(self.file.as_ref().map(|file| &file.place))
    }
}

/// A text that must not be shown.
#[derive(Clone)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What reading needs besides the tree.
pub(crate) struct Reading<'a> {
    pub(crate) env: &'a dyn Env,
    pub(crate) problems: &'a mut Problems,
}

impl Reading<'_> {
    /// The text of a single value, variables replaced.
    pub(crate) fn text(&mut self, key: &str, node: &Node) -> Option<At<String>> {
        match &node.content {
            Content::Scalar(scalar) if !scalar.expands => Some(At::new(scalar.text.clone(), &node.place)),
            Content::Scalar(scalar) => match expand::expand(&scalar.text, self.env) {
                Ok(text) => Some(At::new(text, &node.place)),
                Err(reason) => {
                    let (what, mend) = reason.in_words();
                    self.problems.error(&node.place, format!("in `{key}`, {what}"), mend);
                    None
                }
            },
            Content::Null => None,
            Content::List(_) | Content::Map(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{key}` is a single value, but here is {}", node.kind()),
                    format!("Write `{key}: VALUE`."),
                );
                None
            }
        }
    }

    /// The text of a single value that is a secret: nothing of it gets into a message.
    pub(crate) fn hidden(&mut self, key: &str, node: &Node) -> Option<At<Hidden>> {
        match &node.content {
            Content::Scalar(scalar) if scalar.expands => match expand::expand(&scalar.text, self.env) {
                Ok(text) => Some(At::new(Hidden(text), &node.place)),
                Err(reason) => {
                    let (what, mend) = reason.in_words_for_secret(&scalar.text);
                    self.problems.error(&node.place, format!("in `{key}`, {what}"), mend);
                    None
                }
            },
            _ => self.text(key, node).map(|text| text.map(Hidden)),
        }
    }

    /// A list of texts; a single value is a list of one.
    pub(crate) fn texts(&mut self, key: &str, node: &Node) -> Option<At<Vec<At<String>>>> {
        match &node.content {
            Content::List(items) => {
                let texts = items.iter().filter_map(|item| self.item(key, item)).collect();
                Some(At::new(texts, &node.place))
            }
            Content::Scalar(_) => self.text(key, node).map(|text| At::new(vec![text], &node.place)),
            Content::Null => None,
            Content::Map(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{key}` is a list, but here is {}", node.kind()),
                    format!("Write `{key}: [one, two]`, or one a line with `- ` before it."),
                );
                None
            }
        }
    }

    fn item(&mut self, key: &str, item: &Node) -> Option<At<String>> {
        if matches!(item.content, Content::Null) {
            self.problems.error(&item.place, format!("an item of `{key}` is empty"), "Remove it, or fill it in.");
            return None;
        }
        self.text(key, item)
    }

    /// Names with values, which may be secrets.
    pub(crate) fn pairs(&mut self, key: &str, node: &Node) -> Option<At<Pairs>> {
        self.named(key, node, |reading, key, node| {
            reading.hidden(key, node).map(|hidden| hidden.map(|Hidden(text)| text))
        })
    }

    /// Names with whatever `read` makes of their values.
    pub(crate) fn named<V: Default>(
        &mut self,
        key: &str,
        node: &Node,
        read: impl Fn(&mut Self, &str, &Node) -> Option<At<V>>,
    ) -> Option<At<Named<V>>> {
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::Null => return None,
            Content::Scalar(_) | Content::List(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{key}` holds names with values, but here is {}", node.kind()),
                    format!("Write each on a line of its own below `{key}:`, indented: `Name: value`."),
                );
                return None;
            }
        };
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = At::new(entry.key.clone(), &entry.place);
            let value = match &entry.value.content {
                Content::Null => Some(At::new(V::default(), &entry.value.place)),
                _ => read(self, key, &entry.value),
            };
            pairs.extend(value.map(|value| (name, value)));
        }
        Some(At::new(pairs, &node.place))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: &str, node: &Node) -> Option<At<bool>> {
        let text = self.text(key, node)?;
        let value = match text.value.to_ascii_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` is either `true` or `false`"),
                    format!("Write `{key}: true` or `{key}: false`."),
                );
                return None;
            }
        };
        Some(At::new(value, &text.place))
    }

    /// A span of time.
    pub(crate) fn limit(&mut self, key: &str, node: &Node) -> Option<At<crate::Limit>> {
        self.parsed_span(key, node, duration::parse, "; `never` for no limit")
    }

    /// A span of time of which zero is not the same as no limit.
    pub(crate) fn span(&mut self, key: &str, node: &Node) -> Option<At<duration::Span>> {
        self.parsed_span(key, node, duration::parse_span, "")
    }

    fn parsed_span<T>(
        &mut self,
        key: &str,
        node: &Node,
        parse: impl Fn(&str) -> Result<T, &'static str>,
        besides: &str,
    ) -> Option<At<T>> {
        let text = self.text(key, node)?;
        match parse(&text.value) {
            Ok(span) => Some(At::new(span, &text.place)),
            Err(reason) => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` is a span of time, but {reason}"),
                    format!("Write a number with its unit, as in `30s`, `5m`, `1h30m` or `500ms`{besides}."),
                );
                None
            }
        }
    }

    /// A whole number.
    pub(crate) fn number(&mut self, key: &str, node: &Node) -> Option<At<u16>> {
        let text = self.text(key, node)?;
        if let Ok(number) = text.value.parse() {
            return Some(At::new(number, &text.place));
        }
        self.problems.error(
            &text.place,
            format!("`{key}` is a whole number"),
            "Write it with digits alone, at most 65535.",
        );
        None
    }

    /// The items of a list of blocks; a single block is a list of one.
    pub(crate) fn blocks(&mut self, key: &str, node: &Rc<Node>) -> Option<Vec<Rc<Node>>> {
        match &node.content {
            Content::List(items) => Some(items.clone()),
            Content::Map(_) => Some(vec![Rc::clone(node)]),
            Content::Null => None,
            Content::Scalar(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{key}` is a list, but here is {}", node.kind()),
                    format!("Write the items below `{key}:`, each beginning with `- `."),
                );
                None
            }
        }
    }
}
