//! The same decision, told in full. Nothing here runs unless somebody asks.

use serde::Serialize;

use crate::criterion::Outcome;
use crate::{Decision, Facts, Policy, Reasons, Rule, Visitor};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Let through.
    Allow,
    /// Asked to sign in.
    SignIn,
    /// Refused.
    Deny,
}

/// How a decision came about.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The route whose policy it is.
    pub route: String,
    /// What was decided.
    pub verdict: Verdict,
    /// The kebab-case reasons.
    pub reasons: Vec<&'static str>,
    /// The number of the deciding rule, from 1; none when no rule held.
    pub deciding_rule: Option<usize>,
    /// Every rule, in the order written.
    pub rules: Vec<RuleExplanation>,
}

/// How one rule fared.
#[derive(Debug, Clone, Serialize)]
pub struct RuleExplanation {
    /// Its number, from 1.
    pub number: usize,
    /// The line of the configuration it stands on; 0 for none.
    pub line: u32,
    /// `allow` or `deny`.
    pub action: String,
    /// `and`, `or`, `not` or `nor`.
    pub operator: String,
    /// Whether the rule held.
    pub held: bool,
    /// Its criteria, in the order written.
    pub criteria: Vec<CriterionExplanation>,
}

/// How one criterion fared.
#[derive(Debug, Clone, Serialize)]
pub struct CriterionExplanation {
    /// What was asked, as in `email is you@example.com`.
    pub asked: String,
    /// What was found.
    pub found: String,
    /// Whether the criterion itself held, before `not` or `nor` turned it round.
    pub held: bool,
    /// The kebab-case reasons.
    pub reasons: Vec<&'static str>,
}

pub(crate) fn explain(
    policy: &Policy,
    facts: &Facts<'_>,
    visitor: Visitor<'_>,
    evaluate: impl Fn(&Rule) -> Outcome,
) -> Explanation {
    let (verdict, grounds) = match policy.decide(facts, visitor) {
        Decision::Allow(permit) => (Verdict::Allow, permit.grounds()),
        Decision::SignIn(grounds) => (Verdict::SignIn, grounds),
        Decision::Deny(grounds) => (Verdict::Deny, grounds),
    };
    let rules = policy.rules().iter().enumerate().map(|(index, rule)| RuleExplanation {
        number: index + 1,
        line: rule.line,
        action: rule.action.to_string(),
        operator: rule.operator.to_string(),
        held: evaluate(rule).held,
        criteria: rule
            .criteria
            .iter()
            .map(|criterion| {
                let outcome = criterion.evaluate(facts, visitor);
                CriterionExplanation {
                    asked: criterion.to_string(),
                    found: criterion.found(facts, visitor),
                    held: outcome.held,
                    reasons: words(outcome.reasons),
                }
            })
            .collect(),
    });
    Explanation {
        route: policy.route().to_string(),
        verdict,
        reasons: words(grounds.reasons),
        deciding_rule: grounds.rule.map(|rule| rule.0),
        rules: rules.collect(),
    }
}

fn words(reasons: Reasons) -> Vec<&'static str> {
    reasons.iter().map(crate::Reason::as_str).collect()
}
