//! The tree is built from the parser's events.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde_yaml::granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag, options};

use super::syntax;
use super::{Content, Entry, Node, Scalar, shown};
use crate::problem::{Place, Problems};

/// The deepest nesting. A configuration needs about ten.
const DEEPEST: usize = 64;

/// The most nodes, with every use of an alias unfolded.
const MOST_NODES: usize = 1_000_000;

/// The most keys that `<<` may copy, all together.
const MOST_MERGED: usize = 100_000;

/// What places in a text are called.
#[derive(Debug, Clone)]
pub(crate) enum Naming {
    /// By line and column of a file of this name.
    File(Arc<str>),
    /// All the same: the text was not written by the user.
    Same(Place),
}

impl Naming {
    fn at(&self, mark: &Marker) -> Place {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        match self {
            Self::File(name) => {
                Place::Text { name: Arc::clone(name), line: number(mark.line()), column: number(mark.col() + 1) }
            }
            Self::Same(place) => place.clone(),
        }
    }

    /// The text as a whole.
    pub(crate) fn whole(&self) -> Place {
        match self {
            Self::File(name) => Place::Whole(Arc::clone(name)),
            Self::Same(place) => place.clone(),
        }
    }
}

/// The tree of a text; none when the text is no YAML or holds nothing. Duplicate keys are noted, the first
/// one is kept, and building goes on.
pub(crate) fn parse(text: &str, naming: &Naming, problems: &mut Problems) -> Option<Node> {
    // A byte order mark at the very start is what some editors of Windows write; it says nothing.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let limits = options! {
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
        emit_comments: false,
    };
    let mut builder = Builder {
        text,
        parser: Parser::new_from_str_with_options(text, limits),
        naming,
        problems,
        anchors: HashMap::new(),
        merged: 0,
    };
    // Why it stopped, if it did, has been noted.
    builder.document().unwrap_or_default()
}

/// The text cannot be read further; the reason has been noted.
struct Stop;

struct Builder<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    naming: &'t Naming,
    problems: &'t mut Problems,
    anchors: HashMap<usize, Rc<Node>>,
    merged: usize,
}

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(self.stop(
                        &span,
                        "here begins a second document, but a configuration is one",
                        "Remove the line `---`, or keep the other document in a file of its own.",
                    ));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                other => root = Some(self.node(other, &span, 0)?),
            }
        }
        match root {
            Some(node) if !matches!(node.content, Content::Null) => Ok(Some(unshared(node))),
            _ => {
                self.problems.error(
                    &self.naming.whole(),
                    "the configuration is empty",
                    "It needs at least `routes`. `config.example.yaml` is one to begin with.",
                );
                Ok(None)
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.refuse(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn refuse(&mut self, error: &ScanError) -> Stop {
        if let Some(mark) = syntax::missing_space(self.text, error) {
            self.problems.error(
                &self.naming.at(&mark),
                "behind the colon of this line there is no space",
                "Write `key: value`.",
            );
            return Stop;
        }
        let (what, mend) = syntax::explain(error.kind());
        self.problems.error(&self.naming.at(error.marker()), what, mend);
        Stop
    }

    fn stop(&mut self, span: &Span, what: &str, mend: &str) -> Stop {
        self.problems.error(&self.naming.at(&span.start), what, mend);
        Stop
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Rc<Node>, Stop> {
        if depth > DEEPEST {
            return Err(self.stop(span, "this is nested too deeply", "A configuration is at most 64 levels deep."));
        }
        let place = self.naming.at(&span.start);
        let (anchor, content) = match event {
            Event::Alias(id) => {
                return match self.anchors.get(&id) {
                    Some(node) => Ok(Rc::clone(node)),
                    None => Err(self.stop(
                        span,
                        "this alias stands inside what it refers to",
                        "Write the value out instead.",
                    )),
                };
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_asked = self.tag(tag.as_deref(), span);
                let null = style == ScalarStyle::Plain
                    && !text_asked
                    && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let scalar = Scalar { text: text.into_owned(), expands: true };
                (anchor, if null { Content::Null } else { Content::Scalar(scalar) })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                (anchor, Content::List(self.items(depth)?))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span);
                (anchor, Content::Map(self.entries(depth)?))
            }
            _ => return Err(self.stop(span, "this cannot be read as YAML", "Look at the lines just above.")),
        };
        let below: usize = match &content {
            Content::Null | Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(|item| item.weight).sum(),
            Content::Map(entries) => entries.iter().map(|entry| entry.value.weight + 1).sum(),
        };
        if below > MOST_NODES {
            return Err(self.stop(
                span,
                "this unfolds to more than a million values",
                "Aliases (`*name`) repeat what they refer to, aliases inside it included. Use fewer.",
            ));
        }
        let node = Rc::new(Node { place, content, weight: below + 1 });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Stop> {
        let mut entries = Vec::new();
        let mut seen: HashMap<String, u32> = HashMap::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge_key = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = self.node(event, &span, depth + 1)?;
            let (event, value_span) = self.next()?;
            let value = self.node(event, &value_span, depth + 1)?;
            if is_merge_key {
                merged.push(value);
                continue;
            }
            let Content::Scalar(name) = &key.content else {
                self.problems.error(
                    &self.naming.at(&span.start),
                    format!("a key is a word, but here is {}", key.kind()),
                    "Put the key in quotes if it is meant as one.",
                );
                continue;
            };
            let place = self.naming.at(&span.start);
            if let Some(first) = seen.get(&name.text) {
                self.problems.error(
                    &place,
                    format!("the key `{}` is given twice; the first is on line {first}", shown(&name.text)),
                    "Keep one of them.",
                );
                continue;
            }
            seen.insert(name.text.clone(), place.line());
            entries.push(Entry { key: name.text.clone(), place, value });
        }
        for source in merged {
            self.merge(&source, &mut entries, &mut seen)?;
        }
        Ok(entries)
    }

    /// YAML's merge key: `<<: *defaults` gives the keys that are not given here.
    fn merge(&mut self, source: &Node, entries: &mut Vec<Entry>, seen: &mut HashMap<String, u32>) -> Result<(), Stop> {
        let sources = match &source.content {
            Content::List(sources) => sources.iter().map(Rc::as_ref).collect(),
            _ => vec![source],
        };
        for source in sources {
            let Content::Map(from) = &source.content else {
                self.problems.error(
                    &source.place,
                    format!("`<<` merges a block of keys, but here is {}", source.kind()),
                    "Write `<<: *name`, where `&name` stands before a block of keys.",
                );
                continue;
            };
            self.merged += from.len();
            if self.merged > MOST_MERGED {
                self.problems.error(&source.place, "`<<` copies more than 100000 keys in all", "Use it less.");
                return Err(Stop);
            }
            for entry in from {
                if !seen.contains_key(&entry.key) {
                    seen.insert(entry.key.clone(), entry.place.line());
                    entries.push(entry.clone());
                }
            }
        }
        Ok(())
    }

    /// Whether a tag asks for text. Tags of YAML's own that say what is anyway so are passed over.
    fn tag(&mut self, tag: Option<&Tag>, span: &Span) -> bool {
        let Some(tag) = tag else { return false };
        match tag.core_suffix() {
            Some("str") => true,
            Some("int" | "float" | "bool" | "null" | "map" | "seq") => false,
            _ => {
                self.problems.error(
                    &self.naming.at(&span.start),
                    "tags (`!name`) mean nothing here",
                    "Remove the tag. A value that begins with `!` needs quotes.",
                );
                false
            }
        }
    }
}

fn unshared(node: Rc<Node>) -> Node {
    Rc::try_unwrap(node).unwrap_or_else(|shared| (*shared).clone())
}
