//! Pomerium's policy language, as it stands below `policy` in a route, and in named and global policies.
//!
//! ```text
//! policy     := NAME | rules | [NAME | rules, ...]
//! rules      := { ("allow" | "deny") : body, ... }
//! body       := { ("and" | "or" | "not" | "nor") : [criterion, ...], ... }
//! criterion  := { name : data }
//! ```
//!
//! Refuses: what would have to be guessed at, and more rules and criteria than any policy needs.

mod certificates;
mod clock;
mod compiled;
mod criteria;
mod list_matcher;
mod networks;
mod patterns;
mod people;
mod person;
mod request;
mod shared;
mod string_matcher;
mod times;
mod values;
mod zone;

pub(super) use shared::Shared;

use doorward_authorize::{Action, Criterion, Operator, Origin, Rule};

/// The most rules of one policy.
const MOST_RULES: usize = 10_000;

/// The most criteria of one policy.
const MOST_CRITERIA: usize = 100_000;

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
    /// The rules of a route: written out, or the names of policies, or both.
    pub(super) fn policy_of_route(&mut self, key: &str, node: &Node) -> Vec<PlacedRule> {
        let mut named = Vec::new();
        let rules = match &node.content {
            Content::Null => Vec::new(),
            Content::Scalar(_) => self.named_policy(key, node, &mut named),
            Content::Map(_) => self.ppl_rules(node, &Origin::Route),
            Content::List(items) => {
                let mut rules = Vec::new();
                for item in items {
                    rules.extend(match &item.content {
                        Content::Scalar(_) => self.named_policy(key, item, &mut named),
                        _ => self.ppl_rules(item, &Origin::Route),
                    });
                }
                rules
            }
        };
        self.within_bounds(key, &node.place, rules)
    }

    /// Rules that are all written out, each said to be of this origin. `what` is what they are called.
    fn policy_written_out(&mut self, what: &str, node: &Node, origin: &Origin) -> Vec<PlacedRule> {
        let mut rules = Vec::new();
        let items = match &node.content {
            Content::List(items) => items.iter().map(AsRef::as_ref).collect(),
            Content::Null => Vec::new(),
            Content::Scalar(_) | Content::Map(_) => vec![node],
        };
        for item in items {
            match &item.content {
                Content::Scalar(scalar) if self.is_policy(&scalar.text) => self.problems.error(
                    &item.place,
                    format!("`{}` is the name of a policy, but {what} is written in rules", shown(&scalar.text)),
                    "Write its rules here too; only a route names policies, several if need be: `policy: [ONE, OTHER]`.",
                ),
                _ => rules.extend(self.ppl_rules(item, origin)),
            }
        }
        if rules.is_empty() && node.is_off() {
            self.problems.warning(
                &node.place,
                format!("{what} holds no rules, so it says nothing"),
                "Add rules, or remove it.",
            );
        }
        self.within_bounds(what, &node.place, rules)
    }

    /// The rules, unless they are more than any policy needs.
    fn within_bounds(&mut self, what: &str, place: &Place, rules: Vec<PlacedRule>) -> Vec<PlacedRule> {
        let criteria: usize = rules.iter().map(|placed| placed.criteria.len()).sum();
        let (kind, most) = if rules.len() > MOST_RULES {
            ("rules", MOST_RULES)
        } else if criteria > MOST_CRITERIA {
            ("criteria", MOST_CRITERIA)
        } else {
            return rules;
        };
        self.problems.error(
            place,
            format!(
                "{} has more than {most} {kind}",
                if what.contains('`') { what.to_owned() } else { format!("`{what}`") }
            ),
            "Compare with lists (`in`, `has_any`), with groups, or with `people`, instead of one criterion for each.",
        );
        Vec::new()
    }

    fn ppl_rules(&mut self, node: &Node, origin: &Origin) -> Vec<PlacedRule> {
        let Content::Map(entries) = &node.content else {
            self.problems.error(
                &node.place,
                format!("a rule begins with `allow:` or `deny:`, but here is {}", node.kind()),
                "Write rules, as in `[{allow: {or: [{email: {is: you@example.com}}]}}]`.",
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
                        None if self.is_policy(other) => {
                            format!("A policy is named by its name alone: `policy: [{}]`.", shown(other))
                        }
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
            let mend = self
                .misplaced_name(&action_entry.value)
                .unwrap_or_else(|| format!("Write `{action}: {{or: [CRITERION, …]}}`."));
            self.problems.error(&action_entry.value.place, what, mend);
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
                let mend = self
                    .misplaced_name(node)
                    .unwrap_or_else(|| "Put `- ` before each criterion, or the whole in `[ ]`.".into());
                let what = format!("`{operator}` holds a list of criteria, but here is {}", node.kind());
                self.problems.error(&node.place, what, mend);
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
