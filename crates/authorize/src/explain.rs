//! The same decision, told in full. Nothing here runs unless somebody asks.

use serde::Serialize;

use crate::policy::Ruling;
use crate::{Facts, Policy, Reasons, Rule, Visitor};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Let through.
    Allow,
    /// Asked to sign in.
    SignIn,
    /// Refused.
    Deny,
}

impl Verdict {
    /// The kebab-case word, as logs and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::SignIn => "sign-in",
            Self::Deny => "deny",
        }
    }
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
    /// Every rule, in the order in which they are numbered.
    pub rules: Vec<RuleExplanation>,
}

/// How one rule fared.
#[derive(Debug, Clone, Serialize)]
pub struct RuleExplanation {
    /// Its number, from 1.
    pub number: usize,
    /// The line of the configuration it stands on; 0 for none.
    pub line: u32,
    /// Where it comes from: `policy`, `policies/NAME`, `global_policy` or `downstream_mtls`.
    pub origin: String,
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
    /// Whether the request can be read in several ways that do not agree: then it does not help an allow rule to hold,
    /// and makes a deny rule hold.
    pub unclear: bool,
    /// The kebab-case reasons.
    pub reasons: Vec<&'static str>,
}

pub(crate) fn explain(policy: &Policy, facts: &Facts<'_>, visitor: Visitor<'_>) -> Explanation {
    let (verdict, grounds) = match policy.judge(facts, visitor) {
        Ruling::Allow(grounds) => (Verdict::Allow, grounds),
        Ruling::SignIn(grounds) => (Verdict::SignIn, grounds),
        Ruling::Deny(grounds) => (Verdict::Deny, grounds),
    };
    let rules = policy.rules().iter().enumerate();
    Explanation {
        route: policy.route().to_string(),
        verdict,
        reasons: words(grounds.reasons),
        deciding_rule: grounds.rule.map(|rule| rule.0),
        rules: rules.map(|(index, rule)| of_rule(index + 1, rule, facts, visitor)).collect(),
    }
}

fn of_rule(number: usize, rule: &Rule, facts: &Facts<'_>, visitor: Visitor<'_>) -> RuleExplanation {
    let criteria = rule.criteria.iter().map(|criterion| {
        let outcome = criterion.evaluate(facts, visitor);
        CriterionExplanation {
            asked: criterion.to_string(),
            found: criterion.found(facts, visitor),
            held: outcome.held,
            unclear: outcome.unclear,
            reasons: words(outcome.reasons),
        }
    });
    RuleExplanation {
        number,
        line: rule.line,
        origin: rule.origin.to_string(),
        action: rule.action.to_string(),
        operator: rule.operator.to_string(),
        held: rule.evaluate(facts, visitor).held,
        criteria: criteria.collect(),
    }
}

fn words(reasons: Reasons) -> Vec<&'static str> {
    reasons.iter().map(crate::Reason::as_str).collect()
}
