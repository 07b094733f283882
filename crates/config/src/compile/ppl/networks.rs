//! The criterion about where requests come from.
//!
//! Refuses: what is neither an address nor a network.

use doorward_authorize::{Criterion, Networks};

use crate::compile::Compiler;
use crate::yaml::{Content, Node};

const EXAMPLE: &str =
    "Write an address or a network, as in `192.0.2.7`, `10.0.0.0/8` or `2001:db8::/32`; or a list of them.";

impl Compiler<'_> {
    pub(super) fn source_ip(&mut self, node: &Node) -> Option<Criterion> {
        let nodes: Vec<&Node> = match &node.content {
            Content::List(items) => items.iter().map(AsRef::as_ref).collect(),
            Content::Scalar(_) => vec![node],
            Content::Null => Vec::new(),
            Content::Map(_) => {
                let what = format!("`source_ip` is an address or a list of them, but here is {}", node.kind());
                self.problems.error(&node.place, what, EXAMPLE);
                return None;
            }
        };
        if nodes.is_empty() {
            self.problems.error(&node.place, "`source_ip` has nothing to compare with", EXAMPLE);
            return None;
        }
        if !self.is_list_short_enough("source_ip", nodes.len(), &node.place) {
            return None;
        }
        let mut networks = Vec::with_capacity(nodes.len());
        let mut whole = true;
        for node in nodes {
            let Some(text) = self.value("source_ip", node) else {
                whole = false;
                continue;
            };
            let Some(network) = Networks::parse_one(text.value.trim()) else {
                whole = false;
                self.problems.error(&text.place, "`source_ip` is neither an address nor a network", EXAMPLE);
                continue;
            };
            let begins = network.trunc();
            if begins != network {
                self.problems.warning(
                    &text.place,
                    format!("`{network}` is an address within a network; all of `{begins}` is taken"),
                    format!("Write `{begins}`, or `{}` for that address alone.", network.addr()),
                );
            }
            networks.push(network);
        }
        whole.then(|| Criterion::SourceIp(Networks::new(networks)))
    }
}
