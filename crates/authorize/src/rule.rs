//! Rules: criteria under an operator, and what follows when they hold.

use std::fmt;
use std::sync::Arc;

use crate::criterion::Outcome;
use crate::{Criterion, Facts, Reasons, Visitor};

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
    pub fn inverts(self) -> bool {
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
    /// Where it comes from.
    pub origin: Origin,
    /// The line of the configuration it stands on; 0 when it stands on none.
    pub line: u32,
}

/// Where a rule of a route comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// The route itself: its `policy`, or its shorthands.
    #[default]
    Route,
    /// A named policy.
    Named(Arc<str>),
    /// The global policy, which no route can loosen: what it denies is denied, and where it says who may, only they may.
    Global,
    /// The rule that `downstream_mtls` brings along.
    ClientCertificates,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route => f.write_str("policy"),
            Self::Named(name) => write!(f, "policies/{name}"),
            Self::Global => f.write_str("global_policy"),
            Self::ClientCertificates => f.write_str("downstream_mtls"),
        }
    }
}

impl Rule {
    /// Whether the rule holds, with the reasons of the criteria that made it so.
    pub(crate) fn evaluate(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Outcome {
        let outcomes = self.criteria.iter().map(|criterion| {
            let outcome = criterion.evaluate(facts, visitor);
            // Turned round, a criterion keeps its reasons: a stranger who is "not alice" is still a
            // stranger, and is asked to sign in.
            // What is unclear helps nobody in, with `not` or without, and keeps whom it may concern out.
            let held =
                if outcome.unclear { self.action == Action::Deny } else { outcome.held != self.operator.inverts() };
            Outcome { held, ..outcome }
        });
        match self.operator {
            Operator::And | Operator::Not => all(outcomes),
            Operator::Or | Operator::Nor => any(outcomes),
        }
    }
}

/// Holds when one does; the reasons of those that did, else of those that did not.
pub(crate) fn any(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    let (mut held, mut yes, mut no) = (false, Reasons::NONE, Reasons::NONE);
    for outcome in outcomes {
        if outcome.held {
            held = true;
            yes = yes.and(outcome.reasons);
        } else {
            no = no.and(outcome.reasons);
        }
    }
    Outcome { held, unclear: false, reasons: if held { yes } else { no } }
}

/// Holds when all do; the reasons of all, else of those that did not.
pub(crate) fn all(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    let (mut held, mut yes, mut no) = (true, Reasons::NONE, Reasons::NONE);
    for outcome in outcomes {
        if outcome.held {
            yes = yes.and(outcome.reasons);
        } else {
            held = false;
            no = no.and(outcome.reasons);
        }
    }
    Outcome { held, unclear: false, reasons: if held { yes } else { no } }
}
