//! Policies made of the same rules, which is what routes have that name the same policies: kept once.
//!
//! Refuses to remember more than the last few, so that looking for one costs next to nothing.

use std::collections::VecDeque;

use doorward_authorize::{Policy, RouteId, Rule};

/// How many are remembered.
const MOST_REMEMBERED: usize = 8;

/// The policies that were made last.
#[derive(Default)]
pub(in crate::compile) struct Policies(VecDeque<Policy>);

impl Policies {
    /// The policy of a route.
    pub(in crate::compile) fn of(&mut self, route: &RouteId, rules: Vec<Rule>) -> Policy {
        if let Some(known) = self.0.iter().find(|policy| policy.rules() == rules) {
            return known.for_route(route.clone());
        }
        let policy = Policy::new(route.clone(), rules);
        self.0.push_front(policy.clone());
        self.0.truncate(MOST_REMEMBERED);
        policy
    }
}

#[cfg(test)]
mod tests {
    use doorward_authorize::{Action, Criterion, Operator, Origin};

    use super::*;

    #[test]
    fn the_same_rules_are_kept_once_and_belong_to_each_route() {
        let rules = |line| {
            let criteria = vec![Criterion::Accept];
            vec![Rule { action: Action::Allow, operator: Operator::Or, criteria, origin: Origin::Route, line }]
        };
        let mut policies = Policies::default();
        let mut of = |route, line| policies.of(&RouteId::new(route), rules(line));
        let (one, same, other) = (of("one", 1), of("same", 1), of("other", 2));
        assert!(std::ptr::eq(one.rules(), same.rules()) && !std::ptr::eq(one.rules(), other.rules()));
        assert_eq!((same.route().as_str(), other.route().as_str(), other.rules()[0].line), ("same", "other", 2));
        for line in 3..100 {
            of("another", line);
        }
        let again = of("again", 1);
        assert!(!std::ptr::eq(one.rules(), again.rules()), "only the last few are remembered");
        assert_eq!(policies.0.len(), MOST_REMEMBERED);
    }
}
