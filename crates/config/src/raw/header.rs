//! Values of request headers: variables, templates, and `$$` for a `$`, as Pomerium has it.

use super::expand::{self, Cut};
use super::template::{self, Meaningless};
use super::{At, Hidden, Named, Reading};
use crate::domain::route::HeaderPart;
use crate::yaml::{Content, Node};

/// Request headers, each with the parts of its value.
pub(crate) type HeaderPairs = Named<Vec<HeaderPart>>;

/// Headers about one connection, or about how a message is framed: never anybody's to set.
pub(crate) const OF_THE_CONNECTION: [&str; 11] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

impl Reading<'_> {
    pub(crate) fn header_pairs(&mut self, key: &str, node: &Node) -> Option<At<HeaderPairs>> {
        self.named(key, node, Self::header_value)
    }

    fn header_value(&mut self, key: &str, node: &Node) -> Option<At<Vec<HeaderPart>>> {
        let Content::Scalar(scalar) = &node.content else {
            return self.hidden(key, node).map(|hidden| hidden.map(|Hidden(text)| vec![HeaderPart::Text(text)]));
        };
        let cuts = if scalar.expands { expand::cut(&scalar.text) } else { vec![Cut::Text(&scalar.text)] };
        let mut parts = Some(Vec::with_capacity(cuts.len()));
        for cut in cuts {
            let part = match cut {
                Cut::Text(text) => self.header_text(key, node, text, scalar.expands),
                Cut::Template(name) => self.template(key, node, name),
            };
            // The rest is still looked at, for its problems.
            parts = parts.zip(part).map(|(mut parts, part)| {
                parts.push(part);
                parts
            });
        }
        parts.map(|parts| At::new(parts, &node.place))
    }

    fn header_text(&mut self, key: &str, node: &Node, text: &str, expands: bool) -> Option<HeaderPart> {
        let expanded = if expands { expand::expand(text, self.env) } else { Ok(text.to_owned()) };
        match expanded {
            Ok(text) => Some(HeaderPart::Text(text.replace("$$", "$"))),
            Err(reason) => {
                let (what, mend) = reason.in_words_for_secret(text);
                self.problems.error(&node.place, format!("in `{key}`, {what}"), mend);
                None
            }
        }
    }

    fn template(&mut self, key: &str, node: &Node, name: &str) -> Option<HeaderPart> {
        match template::part(name) {
            Ok(part) => Some(part),
            Err(Meaningless { what, mend }) => {
                self.problems.error(&node.place, format!("`{key}` holds {what}"), mend);
                None
            }
        }
    }
}
