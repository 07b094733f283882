//! A route's policy and the one function that decides.

mod compiled;
mod lookup;
mod shadow;

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use crate::criterion::Outcome;
use crate::explain::{self, Explanation};
use crate::rule::{all, any};
use crate::{
    Action, Criterion, Decision, Facts, Grounds, Operator, Origin, Permit, Reason, Reasons, RouteId, Rule, RuleNumber,
    Visitor,
};

use compiled::Compiled;
pub use shadow::{Judgement, Shadow};

/// The rules of one route. Clones share them.
#[derive(Debug, Clone)]
pub struct Policy {
    route: RouteId,
    max_age: Option<Duration>,
    ruled: Arc<Ruled>,
}

/// Rules, as they were written and as they are decided on.
#[derive(Debug)]
struct Ruled {
    rules: Vec<Rule>,
    allow: Option<Compiled>,
    require: Option<Compiled>,
    deny: Option<Compiled>,
}

impl Policy {
    /// The policy of a route: rules of every origin, in the order in which they are numbered. A rule without criteria
    /// says nothing and is left out, as PPL has it.
    pub fn new(route: RouteId, rules: Vec<Rule>) -> Self {
        let rules: Vec<_> = rules.into_iter().filter(|rule| !rule.criteria.is_empty()).collect();
        let [allow, require, deny] =
            [Joined::Allow, Joined::Require, Joined::Deny].map(|joined| compiled(&rules, joined));
        Self { route, max_age: None, ruled: Arc::new(Ruled { rules, allow, require, deny }) }
    }

    /// The same rules for another route, whatever the age of a sign-in. They are kept once: a named policy may stand in
    /// thousands of routes.
    #[must_use]
    pub fn for_route(&self, route: RouteId) -> Self {
        Self { route, max_age: None, ruled: Arc::clone(&self.ruled) }
    }

    /// The same, for people who signed in at most this long ago; the others are asked to sign in again.
    #[must_use]
    pub fn with_max_age(self, max_age: Option<Duration>) -> Self {
        Self { max_age, ..self }
    }

    /// How long ago people may have signed in; none for whatever time their session lasts.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Whether what is allowed now may be denied later while nothing else changes.
    pub fn changes_with_time(&self) -> bool {
        self.max_age.is_some() || self.criteria().any(Criterion::changes_with_time)
    }

    /// The route it belongs to.
    pub fn route(&self) -> &RouteId {
        &self.route
    }

    /// The rules, in the order they are numbered.
    pub fn rules(&self) -> &[Rule] {
        &self.ruled.rules
    }

    /// The rule of this number.
    pub fn rule(&self, number: RuleNumber) -> Option<&Rule> {
        self.ruled.rules.get(number.0.checked_sub(1)?)
    }

    /// Whether nothing in it could ever allow anybody.
    pub fn denies_everyone(&self) -> bool {
        self.ruled.allow.is_none()
    }

    /// Whether an anonymous visitor may ever be let in by a rule that needs to know nobody: what is
    /// answered then is not private.
    pub fn is_public(&self) -> bool {
        let accepts = |joined: Joined| {
            self.ruled.rules.iter().any(|rule| {
                rule.is_for(joined) && rule.operator == Operator::Or && rule.criteria.contains(&Criterion::Accept)
            })
        };
        accepts(Joined::Allow) && (self.ruled.require.is_none() || accepts(Joined::Require))
    }

    /// Every criterion of every rule.
    pub fn criteria(&self) -> impl Iterator<Item = &Criterion> {
        self.ruled.rules.iter().flat_map(|rule| &rule.criteria)
    }

    /// Decides. In this order, which is Pomerium's:
    ///
    /// 1. The reasons of the deny rules say that a client certificate is missing or not believed: deny. Signing in would
    ///    not help.
    /// 2. A rule needed to know who asks, that decided it, and nobody has signed in: sign in.
    /// 3. A deny rule holds: deny.
    /// 4. The visitor signed in longer ago than [`Self::max_age`] has it: sign in again.
    /// 5. An allow rule holds, and one of the global policy where it has any: allow.
    /// 6. Deny.
    ///
    /// Allocates no memory, but for texts that are longer than usual, and the first time a regular expression meets a
    /// new kind of text.
    pub fn decide(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Decision {
        match self.judge(facts, visitor) {
            Ruling::Allow(grounds) => Decision::Allow(Permit::new(self.route.clone(), grounds)),
            Ruling::SignIn(grounds) => Decision::SignIn(grounds),
            Ruling::Deny(grounds) => Decision::Deny(grounds),
        }
    }

    /// Decides the same way and tells, rule by rule and criterion by criterion, how it came to that.
    pub fn explain(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Explanation {
        explain::explain(self, facts, visitor)
    }

    /// What is decided, without the permit that comes of it.
    pub(crate) fn judge(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> Ruling {
        let (mut allow, allowing) = match &self.ruled.allow {
            Some(rules) => rules.evaluate(facts, visitor),
            None => (Outcome::no(Reason::NoRule), None),
        };
        let unknown = Reason::UserUnauthenticated;
        let allowing_stranger = allow.reasons.has(unknown);
        if let Some(required) = &self.ruled.require {
            allow = all([allow, required.evaluate(facts, visitor).0].into_iter());
        }
        let (deny, denying) = match &self.ruled.deny {
            Some(rules) => rules.evaluate(facts, visitor),
            None => (any(iter::empty()), None),
        };
        let grounds = |reasons: Reasons, rule: Option<RuleNumber>| {
            let line = rule.and_then(|rule| self.rule(rule)).map_or(0, |rule| rule.line);
            Grounds { reasons, rule, line }
        };
        // Whether or not the rule held, as Pomerium has it: `not: [invalid_client_certificate]` denies those who show none.
        if deny.reasons.has_any(Reasons::OF_CLIENT_CERTIFICATES) {
            Ruling::Deny(grounds(deny.reasons, denying))
        } else if allow.reasons.has(unknown) || deny.reasons.has(unknown) {
            // Not every rule that holds has to do with it: some do so whoever asks.
            let denying = denying.filter(|_| deny.reasons.has(unknown));
            let allowing = allowing.filter(|_| allowing_stranger);
            Ruling::SignIn(grounds(Reasons::only(unknown), denying.or(allowing)))
        } else if deny.held {
            Ruling::Deny(grounds(deny.reasons, denying))
        } else if self.is_too_old(facts, visitor) {
            Ruling::SignIn(grounds(Reasons::only(Reason::AuthenticationTooOld), None))
        } else if allow.held {
            Ruling::Allow(grounds(allow.reasons, allowing))
        } else {
            Ruling::Deny(grounds(allow.reasons, None))
        }
    }

    fn is_too_old(&self, facts: &Facts<'_>, visitor: Visitor<'_>) -> bool {
        let (Some(max_age), Visitor::Known(identity)) = (self.max_age, visitor) else { return false };
        // A sign-in ahead of this clock, by another replica's, is a fresh one.
        facts.now.duration_since(identity.authenticated_at).is_ok_and(|age| age > max_age)
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        (&self.route, self.max_age) == (&other.route, other.max_age)
            && (Arc::ptr_eq(&self.ruled, &other.ruled) || self.rules() == other.rules())
    }
}

impl Eq for Policy {}

/// The rules that count as one, ready to be decided on; none when there is none.
fn compiled(rules: &[Rule], joined: Joined) -> Option<Compiled> {
    let mut meant = (1..).map(RuleNumber).zip(rules).filter(|(_, rule)| rule.is_for(joined)).peekable();
    let action = meant.peek()?.1.action;
    Some(Compiled::new(action, meant))
}

/// Which rules count as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joined {
    /// Those that allow.
    Allow,
    /// Those that allow in the global policy: one of them has to hold as well, if there are any.
    Require,
    /// Those that deny.
    Deny,
}

impl Rule {
    fn is_for(&self, joined: Joined) -> bool {
        joined
            == match (self.action, &self.origin) {
                (Action::Deny, _) => Joined::Deny,
                (Action::Allow, Origin::Global) => Joined::Require,
                (Action::Allow, _) => Joined::Allow,
            }
    }
}

/// A decision before anybody gets a permit for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ruling {
    Allow(Grounds),
    SignIn(Grounds),
    Deny(Grounds),
}

#[cfg(test)]
mod tests;
