//! A policy that is tried on live traffic, and never enforced.

use super::{Policy, Ruling};
use crate::{Explanation, Facts, Grounds, Verdict, Visitor};

/// A policy that judges beside the real one. It has no way to a permit: nothing it says opens a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shadow(Policy);

impl Shadow {
    /// This policy, as a shadow.
    pub fn new(policy: Policy) -> Self {
        Self(policy)
    }

    /// What it would decide.
    pub fn judge(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Judgement {
        let (verdict, grounds) = match self.0.judge(facts, visitor) {
            Ruling::Allow(grounds) => (Verdict::Allow, grounds),
            Ruling::SignIn(grounds) => (Verdict::SignIn, grounds),
            Ruling::Deny(grounds) => (Verdict::Deny, grounds),
        };
        Judgement { verdict, grounds }
    }

    /// The same, told in full.
    pub fn explain(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Explanation {
        self.0.explain(facts, visitor)
    }

    /// The policy, for those who look at policies rather than evaluate them.
    pub fn policy(&self) -> &Policy {
        &self.0
    }
}

/// What a shadow would decide.
#[derive(Debug, Clone, Copy)]
pub struct Judgement {
    /// What.
    pub verdict: Verdict,
    /// Why.
    pub grounds: Grounds,
}
