//! What the policies of one configuration have in common: named policies, the global one, groups of people, and the
//! patterns and policies compiled so far. Each is read once and told once, wherever it is used.
//!
//! Refuses: names of policies that nobody could write, names that are not there, and rules that would be copied
//! into routes a million times.

use std::collections::BTreeMap;

use doorward_authorize::Origin;

use super::PlacedRule;
use super::compiled::Policies;
use super::patterns::Patterns;
use super::people::Groups;
use crate::compile::Compiler;
use crate::problem::{Place, Severity};
use crate::raw::policy::RawPolicies;
use crate::raw::{At, nearest};
use crate::yaml::{Content, Node, shown};

/// The most criteria that named policies and the global one may bring into all routes together.
const MOST_COPIED: usize = 1_000_000;

/// The longest name of a policy or of a group of people, in bytes.
const LONGEST_NAME: usize = 64;

/// The longest `support_contact`, in characters.
const LONGEST_CONTACT: usize = 200;

/// What policies share.
#[derive(Default)]
pub(crate) struct Shared {
    named: BTreeMap<String, NamedPolicy>,
    global: Vec<PlacedRule>,
    pub(super) groups: Groups,
    pub(super) patterns: Patterns,
    pub(in crate::compile) policies: Policies,
    copied: usize,
    /// Whether something is wrong with what is shared, so that what a route lacks may be there.
    pub(in crate::compile) unreadable: bool,
}

struct NamedPolicy {
    place: Place,
    rules: Vec<PlacedRule>,
    used: bool,
}

impl Compiler<'_> {
    /// Reads what is there for all routes.
    pub(in crate::compile) fn shared_policies(&mut self, raw: &RawPolicies) {
        let before = self.problems.count(Severity::Error);
        self.groups_of_people(raw.people.as_ref());
        // All names first: a rule may be where only a name is right, and the other way round.
        let mut to_read = Vec::new();
        for entry in &raw.named {
            if self.is_name(&entry.key, &entry.place, "a policy") {
                let policy = NamedPolicy { place: entry.place.clone(), rules: Vec::new(), used: false };
                self.shared.named.insert(entry.key.clone(), policy);
                to_read.push(entry);
            }
        }
        for entry in to_read {
            let origin = Origin::Named(entry.key.as_str().into());
            let rules = self.policy_written_out(&format!("the policy `{}`", entry.key), &entry.value, &origin);
            if let Some(policy) = self.shared.named.get_mut(&entry.key) {
                policy.rules = rules;
            }
        }
        if let Some(node) = &raw.global {
            self.shared.global = self.policy_written_out("`global_policy`", node, &Origin::Global);
        }
        self.shared.unreadable = self.problems.count(Severity::Error) > before;
    }

    /// Points out what nobody uses. After all routes.
    pub(in crate::compile) fn unused_policies(&mut self) {
        for (name, policy) in self.shared.named.iter().filter(|(_, policy)| !policy.used) {
            self.problems.hint(
                &policy.place,
                format!("no route uses the policy `{name}`"),
                format!("Write `policy: {name}` in a route, or remove it."),
            );
        }
        for (name, place) in self.shared.groups.unused() {
            self.problems.hint(
                place,
                format!("no policy asks for the people of `{name}`"),
                format!("Write `email: {{in_people: {name}}}` in a policy, or remove them."),
            );
        }
    }

    pub(in crate::compile) fn support_contact(&mut self, given: Option<&At<String>>) -> Option<String> {
        let text = given?;
        let contact = text.value.trim();
        let reason = if contact.chars().count() > LONGEST_CONTACT {
            "it is longer than 200 characters"
        } else if contact.chars().any(char::is_control) {
            "it holds a line break or another control character"
        } else if contact.is_empty() {
            "it is empty"
        } else {
            return Some(contact.to_owned());
        };
        self.problems.error(
            &text.place,
            format!("`support_contact` says whom a visitor may ask, but {reason}"),
            "Write a name, an e-mail address or a URL, as in `support_contact: help@example.com`.",
        );
        None
    }

    /// Rules of a route with those of the global policy before them.
    pub(in crate::compile) fn below_global(&mut self, own: Vec<PlacedRule>, place: &Place) -> Vec<PlacedRule> {
        let mut rules = if self.may_copy(criteria_of(&self.shared.global), place) {
            self.shared.global.clone()
        } else {
            Vec::new()
        };
        rules.extend(own);
        rules
    }

    /// The rules of the policy that a route names. `already` are those it has named before.
    pub(super) fn named_policy(&mut self, key: &str, node: &Node, already: &mut Vec<String>) -> Vec<PlacedRule> {
        let Some(name) = self.reading().text(key, node) else { return Vec::new() };
        let Some(policy) = self.shared.named.get_mut(&name.value) else {
            self.unknown_policy(key, &name);
            return Vec::new();
        };
        policy.used = true;
        if already.contains(&name.value) {
            let what = format!("the policy `{}` is named twice here", name.value);
            self.problems.warning(&name.place, what, "Remove one of the two; it would say the same again.");
            return Vec::new();
        }
        let criteria = criteria_of(&policy.rules);
        already.push(name.value.clone());
        if !self.may_copy(criteria, &name.place) {
            return Vec::new();
        }
        self.shared.named.get(&name.value).map(|policy| policy.rules.clone()).unwrap_or_default()
    }

    fn unknown_policy(&mut self, key: &str, name: &At<String>) {
        let names: Vec<&str> = self.shared.named.keys().map(String::as_str).collect();
        let mend = match nearest_of_few(&name.value, &names) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None if names.is_empty() => format!(
                "Policies with a name stand at the top, below `policies:`. Rules are written as in \
                 `{key}: [{{allow: {{or: [{{email: {{is: you@example.com}}}}]}}}}]`."
            ),
            None => format!("There are: {}.", few(&names)),
        };
        self.problems.error(&name.place, format!("there is no policy `{}` in `policies`", shown(&name.value)), mend);
    }

    /// Whether so many more criteria may stand in the routes.
    fn may_copy(&mut self, criteria: usize, place: &Place) -> bool {
        let before = self.shared.copied;
        self.shared.copied = before.saturating_add(criteria);
        if self.shared.copied <= MOST_COPIED {
            return true;
        }
        // What a route lacks now is no fault of its own.
        self.shared.unreadable = true;
        // Once is enough.
        if before <= MOST_COPIED {
            self.problems.error(
                place,
                "from here on, named policies and the global one bring more than a million criteria into the routes",
                "Compare with lists, with groups, or with `people`, instead of one criterion for each.",
            );
        }
        false
    }

    /// Whether a policy has this name.
    pub(super) fn is_policy(&self, name: &str) -> bool {
        self.shared.named.contains_key(name)
    }

    /// What to do about the name of a policy that stands where rules or criteria do.
    pub(super) fn misplaced_name(&self, node: &Node) -> Option<String> {
        match &node.content {
            Content::Scalar(scalar) if self.is_policy(&scalar.text) => Some(format!(
                "`{0}` is a policy; name it directly below the route's `policy`: `policy: [{0}, …]`.",
                scalar.text
            )),
            _ => None,
        }
    }

    /// Whether this is a name that others can refer to.
    pub(super) fn is_name(&mut self, name: &str, place: &Place, what: &str) -> bool {
        let valid = (1..=LONGEST_NAME).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !valid {
            self.problems.error(
                place,
                match name {
                    "" => format!("{what} has an empty name"),
                    _ => format!("`{}` cannot be the name of {what}", shown(name)),
                },
                format!("A name is 1 to {LONGEST_NAME} of the letters a to z and A to Z, digits, `_` and `-`."),
            );
        }
        valid
    }
}

/// The name that was most likely meant, unless there are so many that looking for it takes long.
pub(super) fn nearest_of_few<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    const MOST_LOOKED_AT: usize = 1000;
    if names.len() > MOST_LOOKED_AT { None } else { nearest(word, names) }
}

/// Names for a message; of many, only the first.
pub(super) fn few(names: &[&str]) -> String {
    const MOST_SHOWN: usize = 20;
    let shown = names.iter().take(MOST_SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn criteria_of(rules: &[PlacedRule]) -> usize {
    rules.iter().map(|placed| placed.criteria.len()).sum()
}
