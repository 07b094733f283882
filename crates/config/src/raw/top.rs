//! The whole file.

use std::rc::Rc;

use super::acme::RawAcme;
use super::assertion::RawAssertion;
use super::client_certificates::RawClientCertificates;
use super::expectations::{self, RawExpectation};
use super::listeners::RawListeners;
use super::policy::RawPolicies;
use super::route::RawRoute;
use super::section::routes_from_variable;
use super::sessions::RawSessions;
use super::sign_in::RawSignIn;
use super::tls::RawTls;
use super::unsupported::{self, GLOBAL};
use super::{At, Given, Pairs, Reading, Section};
use crate::yaml::{Content, Node};

#[derive(Debug)]
pub(crate) struct RawConfig {
    pub(crate) listeners: RawListeners,
    pub(crate) tls: RawTls,
    pub(crate) acme: RawAcme,
    pub(crate) client_certificates: Option<RawClientCertificates>,
    pub(crate) sign_in: RawSignIn,
    pub(crate) sessions: RawSessions,
    pub(crate) assertion: RawAssertion,
    pub(crate) dns_lookup_family: Option<At<String>>,
    pub(crate) set_response_headers: Option<At<Pairs>>,
    pub(crate) pass_identity_headers: Option<At<bool>>,
    pub(crate) allow_upgrades: Option<At<Vec<At<String>>>>,
    pub(crate) policies: RawPolicies,
    /// Those that could be read; unreadable when none could.
    pub(crate) routes: Given<Vec<RawRoute>>,
    pub(crate) tests: Vec<RawExpectation>,
}

impl RawConfig {
    pub(crate) fn read(root: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = Section::top(root, reading)?;
        let raw = Self {
            listeners: RawListeners::read(&mut section, reading),
            tls: RawTls::read(&mut section, reading),
            acme: RawAcme::read(&mut section, reading),
            client_certificates: RawClientCertificates::read(&mut section, reading),
            sign_in: RawSignIn::read(&mut section, reading),
            sessions: RawSessions::read(&mut section, reading),
            assertion: RawAssertion::read(&mut section, reading),
            dns_lookup_family: section.text("dns_lookup_family", reading),
            set_response_headers: section.pairs("set_response_headers", reading),
            pass_identity_headers: section.flag("pass_identity_headers", reading),
            allow_upgrades: section.texts("allow_upgrades", reading),
            policies: RawPolicies::read(&mut section, reading),
            routes: routes(&mut section, reading),
            tests: section.node("tests").map(|node| expectations::tests(&node, reading)).unwrap_or_default(),
        };
        section.close("the configuration", GLOBAL, reading);
        unsupported::warn_of_variables(GLOBAL, reading.env, reading.problems);
        Some(raw)
    }
}

/// `routes`, also called `policy`; or the variable of either name.
fn routes(section: &mut Section, reading: &mut Reading<'_>) -> Given<Vec<RawRoute>> {
    let (routes, policy) = (section.node("routes"), section.node("policy"));
    if let Some(policy) = policy.as_ref().filter(|policy| is_of_rules(policy)) {
        reading.problems.error(
            &policy.place,
            "at the top, `policy` is an older name of `routes`, but here are the rules or the name of a policy",
            "Rules for every route are `global_policy`; those of one route stand below `policy` in it.",
        );
        return Given::Unreadable;
    }
    if routes.is_some()
        && policy.is_some()
        && let Some(place) = section.place_of("policy")
    {
        reading.problems.error(
            place,
            "`policy` is an older name of `routes`, and both are given",
            "Move its routes below `routes`. A policy proper stands in its route.",
        );
    }
    let mut read = Vec::new();
    let given = Given::read(reading, |reading| {
        let items = route_nodes(routes.or(policy), reading)?;
        read = items.iter().filter_map(|item| RawRoute::read(item, reading)).collect();
        Some(())
    });
    match given {
        Given::Unreadable if read.is_empty() => Given::Unreadable,
        Given::Absent => Given::Absent,
        Given::Value(()) | Given::Unreadable => Given::Value(read),
    }
}

/// Whether somebody took the older name of `routes` for a policy.
fn is_of_rules(policy: &Node) -> bool {
    let is_rule = |node: &Node| match &node.content {
        Content::Map(entries) => entries.iter().any(|entry| matches!(entry.key.as_str(), "allow" | "deny")),
        Content::Scalar(_) => true,
        Content::Null | Content::List(_) => false,
    };
    match &policy.content {
        Content::List(items) => items.iter().any(|item| is_rule(item)),
        _ => is_rule(policy),
    }
}

fn route_nodes(given: Option<Rc<Node>>, reading: &mut Reading<'_>) -> Option<Vec<Rc<Node>>> {
    let variable = routes_from_variable(reading.env, "ROUTES", reading.problems)
        .or_else(|| routes_from_variable(reading.env, "POLICY", reading.problems));
    reading.blocks("routes", &variable.or(given)?)
}
