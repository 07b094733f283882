//! A block of keys that is read key by key; what nobody asked for is unknown.

use std::rc::Rc;

use super::duration::Span;
use super::secrets::RawSecrets;
use super::unsupported::{self, Unsupported};
use super::{At, HeaderPairs, Hidden, Pairs, RawSecret, Reading};
use crate::Limit;
use crate::problem::{Place, Problems};
use crate::source::Env;
use crate::yaml::{self, Content, Entry, Naming, Node, shown};

/// One block of keys.
pub(crate) struct Section {
    /// Where it begins.
    pub(crate) place: Place,
    entries: Vec<Entry>,
    asked: Vec<&'static str>,
    /// What the environment variables that come before the keys begin with; behind it stands the key's name. None
    /// when there are no such variables.
    variables: Option<String>,
    /// Whether the block itself was written: one at the top may consist of environment variables alone.
    pub(crate) written: bool,
}

/// What kind of value a key has, which says how the text of an environment variable is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Single,
    List,
    Pairs,
}

impl Section {
    /// The block of this node; a problem when it is none.
    pub(crate) fn of(node: &Node, what: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Content::Map(entries) = &node.content else {
            reading.problems.error(
                &node.place,
                format!("{what} is written as keys with values, but here is {}", node.kind()),
                "Write `key: value`, one a line.",
            );
            return None;
        };
        Some(Self {
            place: node.place.clone(),
            entries: entries.clone(),
            asked: Vec::new(),
            variables: None,
            written: true,
        })
    }

    /// The same, for the top of the configuration, where environment variables come first.
    pub(crate) fn top(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        Self::of(node, "a configuration", reading).map(|section| Self { variables: Some(String::new()), ..section })
    }

    /// The value of a key as it stands in the file.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<Rc<Node>> {
        self.asked.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| Rc::clone(&entry.value))
    }

    /// Where a key stands, if it is given.
    pub(crate) fn place_of(&self, key: &str) -> Option<&Place> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.place)
    }

    /// The value of a key, or of its environment variable.
    fn value(&mut self, key: &'static str, shape: Shape, reading: &mut Reading<'_>) -> Option<Rc<Node>> {
        let node = self.node(key);
        let Some(start) = &self.variables else { return node };
        let name = format!("{start}{key}").to_ascii_uppercase();
        // An empty variable counts as unset: that is all some service managers can do to unset one.
        let Some(text) = reading.env.get(&name).filter(|text| !text.is_empty()) else { return node };
        let place = Place::Variable(name.into());
        Some(Rc::new(from_variable(text, &place, shape, reading.problems)?))
    }

    pub(crate) fn text(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<String>> {
        self.text_or_empty(key, reading).filter(|text| !text.value.is_empty())
    }

    /// As [`Section::text`], for keys where the empty text means something.
    pub(crate) fn text_or_empty(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<String>> {
        let node = self.value(key, Shape::Single, reading)?;
        reading.text(key, &node)
    }

    /// A secret and its `_file` twin.
    pub(crate) fn secret(&mut self, key: &'static str, file_key: &'static str, reading: &mut Reading<'_>) -> RawSecret {
        let inline = self.value(key, Shape::Single, reading).and_then(|node| reading.hidden(key, &node));
        let file = self.text(file_key, reading);
        RawSecret { inline: inline.filter(|hidden| !hidden.value.0.is_empty()), file }
    }

    /// Several secrets and their `_file` twin.
    pub(crate) fn secrets(
        &mut self,
        key: &'static str,
        file_key: &'static str,
        reading: &mut Reading<'_>,
    ) -> RawSecrets {
        let inline = self.value(key, Shape::Single, reading).and_then(|node| reading.hidden_list(key, &node));
        RawSecrets { inline, file: self.text(file_key, reading) }
    }

    /// As [`Section::secret`], for keys that let somebody in when they are passed over: with nothing behind them
    /// they are given all the same.
    pub(crate) fn secret_or_empty(
        &mut self,
        key: &'static str,
        file_key: &'static str,
        reading: &mut Reading<'_>,
    ) -> RawSecret {
        let inline = self.value(key, Shape::Single, reading).and_then(|node| match node.content {
            Content::Null => Some(At::new(Hidden(String::new()), &node.place)),
            _ => reading.hidden(key, &node),
        });
        let file = self.value(file_key, Shape::Single, reading).and_then(|node| match node.content {
            Content::Null => Some(At::new(String::new(), &node.place)),
            _ => reading.text(file_key, &node),
        });
        RawSecret { inline, file }
    }

    /// The block below a key; empty when nothing stands behind it. At the top, environment variables come first: one
    /// for the whole block, and one for each of its keys (`DOWNSTREAM_MTLS_CA_FILE`), so that there it may be empty
    /// and not written at all.
    pub(crate) fn block(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<Self> {
        let node = self.value(key, Shape::Pairs, reading);
        let variables = self.variables.as_ref().filter(|start| start.is_empty()).map(|_| format!("{key}_"));
        match node {
            Some(node) if !matches!(node.content, Content::Null) => {
                Self::of(&node, &format!("`{key}`"), reading).map(|section| Self { variables, ..section })
            }
            node if node.is_some() || variables.is_some() => {
                let place = node.as_ref().map(|node| node.place.clone());
                let place = place.unwrap_or_else(|| Place::Variable(key.to_ascii_uppercase().into()));
                Some(Self { place, entries: Vec::new(), asked: Vec::new(), variables, written: node.is_some() })
            }
            _ => None,
        }
    }

    pub(crate) fn flag(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<bool>> {
        let node = self.value(key, Shape::Single, reading)?;
        reading.flag(key, &node)
    }

    pub(crate) fn limit(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<Limit>> {
        let node = self.value(key, Shape::Single, reading)?;
        reading.limit(key, &node)
    }

    /// As [`Section::limit`], for keys where zero is not the same as no limit.
    pub(crate) fn span(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<Span>> {
        let node = self.value(key, Shape::Single, reading)?;
        reading.span(key, &node)
    }

    pub(crate) fn number(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<u16>> {
        let node = self.value(key, Shape::Single, reading)?;
        reading.number(key, &node)
    }

    pub(crate) fn texts(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<Vec<At<String>>>> {
        let node = self.value(key, Shape::List, reading)?;
        reading.texts(key, &node)
    }

    pub(crate) fn pairs(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<Pairs>> {
        let node = self.value(key, Shape::Pairs, reading)?;
        reading.pairs(key, &node)
    }

    /// A value that is read later; at the top, its environment variable as YAML.
    pub(crate) fn tree(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<Rc<Node>> {
        self.value(key, Shape::Pairs, reading)
    }

    pub(crate) fn header_pairs(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<HeaderPairs>> {
        let node = self.value(key, Shape::Pairs, reading)?;
        reading.header_pairs(key, &node)
    }

    /// A list of blocks or texts.
    pub(crate) fn blocks(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<Vec<Rc<Node>>>> {
        let node = self.value(key, Shape::List, reading)?;
        if matches!(node.content, Content::Scalar(_)) {
            return Some(At::new(vec![Rc::clone(&node)], &node.place));
        }
        let place = node.place.clone();
        reading.blocks(key, &node).map(|items| At::new(items, &place))
    }

    /// Notes every key that was not asked for. `what` is the block's name in messages.
    pub(crate) fn close(&self, what: &str, unsupported: &[Unsupported], reading: &mut Reading<'_>) {
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.key.as_str())) {
            match unsupported::find(unsupported, &entry.key) {
                Some(known) => known.report(entry, reading.problems),
                None => self.unknown(entry, what, reading.problems),
            }
        }
    }

    fn unknown(&self, entry: &Entry, what: &str, problems: &mut Problems) {
        let key = shown(&entry.key);
        // Looking for the nearest name takes its time; a text of nothing but unknown keys is not to take much.
        let meant = if problems.are_too_many() { None } else { nearest(&entry.key, &self.asked) };
        let mend = match meant {
            Some(nearest) => format!("Did you mean `{nearest}`?"),
            None if self.asked.len() <= 17 => format!("The keys of {what} are: {}.", self.asked.join(", ")),
            None => "`docs/configuration.md` lists every key.".into(),
        };
        problems.error(&entry.place, format!("`{key}` is not a key of {what}"), mend);
    }
}

/// The name that was most likely meant, if any is near.
pub(crate) fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let word: String = word.chars().take(64).collect::<String>().to_ascii_lowercase().replace('-', "_");
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.replace('-', "_")), *name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= (name.len() / 3).clamp(1, 4))
        .map(|(_, name)| name)
}

/// A variable's text as a value: lists are split at commas, and what begins with a bracket is YAML (JSON is).
fn from_variable(text: String, place: &Place, shape: Shape, problems: &mut Problems) -> Option<Node> {
    let structured = text.trim_start().starts_with(['[', '{']);
    match shape {
        Shape::List | Shape::Pairs if structured => yaml::parse(&text, &Naming::Same(place.clone()), problems),
        Shape::List => {
            let texts = text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect();
            Some(Node::literals(texts, place))
        }
        Shape::Single | Shape::Pairs => Some(Node::literal(text, place.clone())),
    }
}

/// The text of a variable that holds base64 of a YAML list (`ROUTES`, `POLICY`), as Pomerium has it.
pub(crate) fn routes_from_variable(env: &dyn Env, name: &str, problems: &mut Problems) -> Option<Rc<Node>> {
    use base64::Engine as _;
    let text = env.get(name).filter(|text| !text.is_empty())?;
    let place = Place::Variable(name.into());
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(decoded) = decoded else {
        problems.error(
            &place,
            "this is not the base64 of a YAML list of routes",
            "Make it with `base64 -w0 routes.yaml`.",
        );
        return None;
    };
    yaml::parse(&decoded, &Naming::File(format!("{place}").into()), problems).map(Rc::new)
}
