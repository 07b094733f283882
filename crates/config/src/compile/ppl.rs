//! Pomerium's policy language, as it stands below `policy` in a route.
//!
//! ```text
//! policy     := rules | [rules, ...]
//! rules      := { ("allow" | "deny") : body, ... }
//! body       := { ("and" | "or" | "not" | "nor") : [criterion, ...], ... }
//! criterion  := { name : data }
//! ```

mod certificates;
mod criteria;

use doorward_authorize::{Action, Criterion, Operator, Origin, Rule};

use super::Compiler;
use crate::problem::Place;
use crate::raw::nearest;
use crate::yaml::{Content, Entry, Node, shown};

/// A rule, and where its parts stand.
#[derive(Debug, Clone)]
pub(super) struct PlacedRule {
    pub(super) rule: Rule,
    /// The place of its `allow` or `deny`. Rules that share one stand under several operators of the same action.
    pub(super) action: Place,
    /// The place of its operator.
    pub(super) operator: Place,
    /// The places of its criteria, in the same order.
    pub(super) criteria: Vec<Place>,
}

impl Compiler<'_> {
    /// Rules as they are written, each said to be of this origin.
    pub(super) fn ppl(&mut self, node: &Node, origin: &Origin) -> Vec<PlacedRule> {
        match &node.content {
            Content::Null => Vec::new(),
            Content::List(items) => items.iter().flat_map(|item| self.ppl_rules(item, origin)).collect(),
            Content::Map(_) => self.ppl_rules(node, origin),
            Content::Scalar(_) => {
                self.problems.error(
                    &node.place,
                    "`policy` is a list of rules, but here is a single value",
                    "Write rules, as in `policy: [{allow: {or: [{email: {is: you@example.com}}]}}]`.",
                );
                Vec::new()
            }
        }
    }

    fn ppl_rules(&mut self, node: &Node, origin: &Origin) -> Vec<PlacedRule> {
        let Content::Map(entries) = &node.content else {
            self.problems.error(
                &node.place,
                format!("a rule begins with `allow:` or `deny:`, but here is {}", node.kind()),
                "Write `- allow:` and its criteria below.",
            );
            return Vec::new();
        };
        let mut rules = Vec::new();
        for entry in entries {
            let action = match entry.key.as_str() {
                "allow" => Action::Allow,
                "deny" => Action::Deny,
                other => {
                    let mend = match nearest(other, &["allow", "deny"]) {
                        Some(meant) => format!("Did you mean `{meant}`?"),
                        None => "Write `allow:` or `deny:`, and the criteria below it.".into(),
                    };
                    self.problems.error(
                        &entry.place,
                        format!("a rule begins with `allow` or `deny`, not with `{}`", shown(other)),
                        mend,
                    );
                    continue;
                }
            };
            self.ppl_body(action, entry, origin, &mut rules);
        }
        rules
    }

    fn ppl_body(&mut self, action: Action, action_entry: &Entry, origin: &Origin, rules: &mut Vec<PlacedRule>) {
        let Content::Map(entries) = &action_entry.value.content else {
            let what = format!(
                "below `{action}` stands `and`, `or`, `not` or `nor`, but here is {}",
                action_entry.value.kind()
            );
            self.problems.error(&action_entry.value.place, what, format!("Write `{action}: {{or: [CRITERION, …]}}`."));
            return;
        };
        for entry in entries {
            let operator = match entry.key.as_str() {
                "and" => Operator::And,
                "or" => Operator::Or,
                "not" => Operator::Not,
                "nor" => Operator::Nor,
                // Pomerium's own writer leaves this key behind.
                "action" => continue,
                other => {
                    self.no_operator(action, other, entry);
                    continue;
                }
            };
            let (criteria, places) = self.ppl_criteria(operator, &entry.value);
            rules.push(PlacedRule {
                rule: Rule { action, operator, criteria, origin: origin.clone(), line: entry.place.line() },
                action: action_entry.place.clone(),
                operator: entry.place.clone(),
                criteria: places,
            });
        }
    }

    fn no_operator(&mut self, action: Action, name: &str, entry: &Entry) {
        let stem = name.split('/').next().unwrap_or_default();
        let mend = if criteria::is_known(stem) {
            format!("A criterion stands in a list: `{action}: {{or: [{{{}: …}}]}}`.", shown(name))
        } else {
            match nearest(name, &["and", "or", "not", "nor"]) {
                Some(meant) => format!("Did you mean `{meant}`?"),
                None => format!("Write `{action}: {{or: [CRITERION, …]}}`."),
            }
        };
        self.problems.error(
            &entry.place,
            format!("below `{action}` stands `and`, `or`, `not` or `nor`, not `{}`", shown(name)),
            mend,
        );
    }

    fn ppl_criteria(&mut self, operator: Operator, node: &Node) -> (Vec<Criterion>, Vec<Place>) {
        let items = match &node.content {
            Content::List(items) => items,
            Content::Null => {
                self.empty(operator, node);
                return (Vec::new(), Vec::new());
            }
            Content::Scalar(_) | Content::Map(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{operator}` holds a list of criteria, but here is {}", node.kind()),
                    "Put `- ` before each criterion, or the whole in `[ ]`.",
                );
                return (Vec::new(), Vec::new());
            }
        };
        if items.is_empty() {
            self.empty(operator, node);
        }
        items.iter().filter_map(|item| Some((self.ppl_criterion(item)?, item.place.clone()))).unzip()
    }

    fn empty(&mut self, operator: Operator, node: &Node) {
        self.problems.warning(
            &node.place,
            format!("`{operator}` holds no criteria, so it says nothing"),
            "Add criteria, or remove it.",
        );
    }
}
