//! Policies: a route's, as keys of the older kind and as PPL, and what all routes share. PPL is read by the compiler,
//! as a tree.

use std::rc::Rc;

use super::{At, Named, Reading, Section};
use crate::problem::Severity;
use crate::yaml::{Content, Entry, Node};

/// What stands at the top for all routes.
#[derive(Debug)]
pub(crate) struct RawPolicies {
    /// The policies with a name.
    pub(crate) named: Vec<Entry>,
    pub(crate) global: Option<Rc<Node>>,
    /// The groups of people, by their names.
    pub(crate) people: Option<At<Named<Vec<At<String>>>>>,
    pub(crate) support_contact: Option<At<String>>,
}

impl RawPolicies {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        let named = section.tree("policies", reading);
        let people = section.tree("people", reading);
        Self {
            named: named.map(|node| Self::named(&node, reading)).unwrap_or_default(),
            global: section.tree("global_policy", reading),
            people: people.and_then(|node| {
                reading.named("people", &node, |reading, _, node| {
                    reading.texts("people", node).map(|texts| At::new(texts.value, &texts.place))
                })
            }),
            support_contact: section.text("support_contact", reading),
        }
    }

    fn named(node: &Node, reading: &mut Reading<'_>) -> Vec<Entry> {
        match &node.content {
            Content::Map(entries) => entries.clone(),
            Content::Null => Vec::new(),
            Content::Scalar(_) | Content::List(_) => {
                reading.problems.error(
                    &node.place,
                    format!("`policies` holds names with rules, but here is {}", node.kind()),
                    "Write `policies: {team: [{allow: {or: [{domain: {is: example.com}}]}}]}`, and `policy: team` in a route.",
                );
                Vec::new()
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct RawPolicy {
    pub(crate) policy: Option<Rc<Node>>,
    /// The policy that is tried beside it.
    pub(crate) shadow: Option<Rc<Node>>,
    pub(crate) allowed_users: Option<At<Vec<At<String>>>>,
    pub(crate) allowed_domains: Option<At<Vec<At<String>>>>,
    pub(crate) allow_any_authenticated_user: Option<At<bool>>,
    pub(crate) allow_public_unauthenticated_access: Option<At<bool>>,
    pub(crate) cors_allow_preflight: Option<At<bool>>,
    /// Whether some of it is not readable, so that what is missing may be there.
    pub(crate) unreadable: bool,
}

impl RawPolicy {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        let before = reading.problems.count(Severity::Error);
        let raw = Self {
            policy: section.node("policy"),
            shadow: section.node("policy_shadow"),
            allowed_users: section.texts("allowed_users", reading),
            allowed_domains: section.texts("allowed_domains", reading),
            allow_any_authenticated_user: section.flag("allow_any_authenticated_user", reading),
            allow_public_unauthenticated_access: section.flag("allow_public_unauthenticated_access", reading),
            cors_allow_preflight: section.flag("cors_allow_preflight", reading),
            unreadable: false,
        };
        Self { unreadable: reading.problems.count(Severity::Error) > before, ..raw }
    }
}
