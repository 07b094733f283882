//! A route's policy and the one function that decides.

use std::fmt;

use crate::criterion::Outcome;
use crate::explain::{self, Explanation};
use crate::{Criterion, Decision, Facts, Grounds, Permit, Reason, Reasons, RouteId, RuleNumber, Visitor};

/// What a rule that holds does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Lets the request through, unless another rule denies it.
    Allow,
    /// Refuses the request, whatever allows it.
    Deny,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

/// How a rule joins its criteria. The names and meanings are PPL's, `not` and `nor` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// All hold.
    And,
    /// At least one holds.
    Or,
    /// None holds.
    Not,
    /// At least one does not hold.
    Nor,
}

impl Operator {
    /// Whether each criterion is turned round before they are joined.
    fn inverts(self) -> bool {
        matches!(self, Self::Not | Self::Nor)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Not => "not",
            Self::Nor => "nor",
        })
    }
}

/// Criteria under one operator of one action. Several operators written under one action are several
/// rules: PPL joins them by "or".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What it does when it holds.
    pub action: Action,
    /// How it joins its criteria.
    pub operator: Operator,
    /// What it asks.
    pub criteria: Vec<Criterion>,
    /// The line of the configuration it stands on; 0 when it stands on none.
    pub line: u32,
}

impl Rule {
    /// Whether the rule holds, with the reasons of the criteria that made it so.
    fn evaluate(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Outcome {
        let outcomes = self.criteria.iter().map(|criterion| {
            let outcome = criterion.evaluate(facts, visitor);
            // Turned round, a criterion keeps its reasons: a stranger who is "not alice" is still a
            // stranger, and is asked to sign in.
            Outcome { held: outcome.held != self.operator.inverts(), ..outcome }
        });
        match self.operator {
            Operator::And | Operator::Not => all(outcomes),
            Operator::Or | Operator::Nor => any(outcomes),
        }
    }
}

/// The rules of one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    route: RouteId,
    rules: Vec<Rule>,
}

impl Policy {
    /// The policy of a route. A rule without criteria says nothing and is left out, as PPL has it.
    pub fn new(route: RouteId, rules: Vec<Rule>) -> Self {
        Self { route, rules: rules.into_iter().filter(|rule| !rule.criteria.is_empty()).collect() }
    }

    /// The route it belongs to.
    pub fn route(&self) -> &RouteId {
        &self.route
    }

    /// The rules, in the order written.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether nothing in it could ever allow anybody.
    pub fn denies_everyone(&self) -> bool {
        !self.rules.iter().any(|rule| rule.action == Action::Allow)
    }

    /// Whether an anonymous visitor may ever be let in by a rule that needs to know nobody: what is
    /// answered then is not private.
    pub fn is_public(&self) -> bool {
        self.rules.iter().any(|rule| {
            rule.action == Action::Allow && rule.operator == Operator::Or && rule.criteria.contains(&Criterion::Accept)
        })
    }

    /// Decides. In this order, which is Pomerium's:
    ///
    /// 1. A deny rule holds because of the client certificate: deny. Signing in would not help.
    /// 2. A rule needed to know who asks, that decided it, and nobody has signed in: sign in.
    /// 3. A deny rule holds: deny.
    /// 4. An allow rule holds: allow.
    /// 5. Deny.
    pub fn decide(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Decision {
        let (allow, allowing) = self.joined(Action::Allow, facts, visitor);
        let (deny, denying) = self.joined(Action::Deny, facts, visitor);
        let unknown = Reason::UserUnauthenticated;
        if deny.held && deny.reasons.has_any(Reasons::OF_CLIENT_CERTIFICATES) {
            Decision::Deny(Grounds { reasons: deny.reasons, rule: denying })
        } else if allow.reasons.has(unknown) || deny.reasons.has(unknown) {
            Decision::SignIn(Grounds { reasons: Reasons::only(unknown), rule: denying.or(allowing) })
        } else if deny.held {
            Decision::Deny(Grounds { reasons: deny.reasons, rule: denying })
        } else if allow.held {
            Decision::Allow(Permit::new(self.route.clone(), Grounds { reasons: allow.reasons, rule: allowing }))
        } else {
            Decision::Deny(Grounds { reasons: allow.reasons, rule: None })
        }
    }

    /// Decides the same way and tells, rule by rule and criterion by criterion, how it came to that.
    pub fn explain(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Explanation {
        explain::explain(self, facts, visitor, |rule| rule.evaluate(facts, visitor))
    }

    /// All rules of one action joined by "or", and the first of them that held.
    fn joined(&self, action: Action, facts: &Facts<'_>, visitor: Visitor<'_>) -> (Outcome, Option<RuleNumber>) {
        let mut first = None;
        let outcome =
            any(self.rules.iter().enumerate().filter(|(_, rule)| rule.action == action).map(|(index, rule)| {
                let outcome = rule.evaluate(facts, visitor);
                if outcome.held && first.is_none() {
                    first = Some(RuleNumber(index + 1));
                }
                outcome
            }));
        (outcome, first)
    }
}

/// Holds when one does; the reasons of those that did, else of those that did not.
fn any(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    let (mut held, mut yes, mut no) = (false, Reasons::NONE, Reasons::NONE);
    for outcome in outcomes {
        if outcome.held {
            held = true;
            yes = yes.and(outcome.reasons);
        } else {
            no = no.and(outcome.reasons);
        }
    }
    Outcome { held, reasons: if held { yes } else { no } }
}

/// Holds when all do; the reasons of all, else of those that did not.
fn all(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    let (mut held, mut yes, mut no) = (true, Reasons::NONE, Reasons::NONE);
    for outcome in outcomes {
        if outcome.held {
            yes = yes.and(outcome.reasons);
        } else {
            held = false;
            no = no.and(outcome.reasons);
        }
    }
    Outcome { held, reasons: if held { yes } else { no } }
}

#[cfg(test)]
mod tests;
