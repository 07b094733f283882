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

use doorward_authorize::{Action, Criterion, Operator, Rule};

use super::Compiler;
use crate::raw::nearest;
use crate::yaml::{Content, Entry, Node, shown};

impl Compiler<'_> {
    pub(super) fn ppl(&mut self, node: &Node) -> Vec<Rule> {
        match &node.content {
            Content::Null => Vec::new(),
            Content::List(items) => items.iter().flat_map(|item| self.ppl_rules(item)).collect(),
            Content::Map(_) => self.ppl_rules(node),
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

    fn ppl_rules(&mut self, node: &Node) -> Vec<Rule> {
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
            self.ppl_body(action, entry, &mut rules);
        }
        rules
    }

    fn ppl_body(&mut self, action: Action, action_entry: &Entry, rules: &mut Vec<Rule>) {
        let Content::Map(entries) = &action_entry.value.content else {
            let what = format!(
                "below `{action}` stands `and`, `or`, `not` or `nor`, but here is {}",
                action_entry.value.kind()
            );
            self.problems.error(&action_entry.value.place, what, format!("Write `{action}: {{or: [CRITERION, …]}}`."));
            return;
        };
        let mut operators = 0;
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
            operators += 1;
            let criteria = self.ppl_criteria(operator, &entry.value);
            rules.push(Rule { action, operator, criteria, line: entry.place.line() });
        }
        if operators > 1 {
            self.problems.warning(
                &action_entry.place,
                format!(
                    "several operators below one `{action}` are joined by \"or\": each of them {action}s by itself"
                ),
                "If all of them shall hold, put their criteria under one `and`, \
                 or turn what must not hold into a `deny` rule.",
            );
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

    fn ppl_criteria(&mut self, operator: Operator, node: &Node) -> Vec<Criterion> {
        let items = match &node.content {
            Content::List(items) => items,
            Content::Null => {
                self.empty(operator, node);
                return Vec::new();
            }
            Content::Scalar(_) | Content::Map(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{operator}` holds a list of criteria, but here is {}", node.kind()),
                    "Put `- ` before each criterion, or the whole in `[ ]`.",
                );
                return Vec::new();
            }
        };
        if items.is_empty() {
            self.empty(operator, node);
        }
        items.iter().filter_map(|item| self.ppl_criterion(item)).collect()
    }

    fn empty(&mut self, operator: Operator, node: &Node) {
        self.problems.warning(
            &node.place,
            format!("`{operator}` holds no criteria, so it says nothing"),
            "Add criteria, or remove it.",
        );
    }
}
