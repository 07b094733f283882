//! The criteria about a request that have a name below them, or a switch.
//!
//! Refuses: names that no header can have, and criteria that do not say which header or parameter they mean.

use doorward_authorize::{Case, Criterion, StringMatcher};
use http::HeaderName;

use crate::compile::Compiler;
use crate::yaml::{Content, Entry, Node, shown};

impl Compiler<'_> {
    pub(super) fn http_header(&mut self, name: Option<&str>, entry: &Entry) -> Option<Criterion> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            self.problems.error(
                &entry.place,
                "`http_header` does not say which",
                "Write its name behind a slash, as in `http_header/X-Environment: {is: production}`.",
            );
            return None;
        };
        let known = HeaderName::from_bytes(name.as_bytes()).ok();
        if known.is_none() {
            self.problems.error(
                &entry.place,
                "`http_header` is followed by what is no name of a header",
                "Write it as in `http_header/X-Environment`.",
            );
        }
        let matcher = self.value_of_request(entry)?;
        Some(Criterion::HttpHeader { name: known?, matcher })
    }

    pub(super) fn http_query(&mut self, name: Option<&str>, entry: &Entry) -> Option<Criterion> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            self.problems.error(
                &entry.place,
                "`http_query` does not say which parameter",
                "Write its name behind a slash, decoded, as in `http_query/view: {is: public}`.",
            );
            return None;
        };
        let short = self.is_short_enough("http_query", name, &entry.place);
        let matcher = self.value_of_request(entry)?;
        short.then(|| Criterion::HttpQuery { name: name.to_owned(), matcher })
    }

    /// What stands in an environment variable, and is compared with what a client sends, may be a key to a door.
    fn value_of_request(&mut self, entry: &Entry) -> Option<StringMatcher> {
        let matcher = self.string_matcher(&shown(&entry.key), &entry.value, Case::Sensitive)?;
        Some(if entry.value.is_from_environment() { matcher.secret() } else { matcher })
    }

    pub(super) fn websocket(&mut self, node: &Node) -> Option<Criterion> {
        if matches!(node.content, Content::Null) {
            self.problems.error(
                &node.place,
                "`websocket` is either `true` or `false`",
                "Write `websocket: true`, or `websocket: false` for every other request.",
            );
            return None;
        }
        self.reading().flag("websocket", node).map(|wanted| Criterion::Websocket(wanted.value))
    }
}
