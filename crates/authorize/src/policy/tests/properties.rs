//! What holds of every policy.

use proptest::prelude::*;

use super::arbitrary::{Request, any_identity, any_request, any_rule, any_rules, personal_criterion, rule_of};
use super::*;

fn ruled(rules: &[Rule], request: &Request, visitor: Visitor<'_>) -> (Verdict, Reasons) {
    let policy = Policy::new(RouteId::new("test"), rules.to_vec());
    let decision = request.facts(|facts| policy.decide(facts, visitor));
    (decision.verdict(), decision.grounds().reasons)
}

fn decides(rules: &[Rule], request: &Request, visitor: Visitor<'_>) -> Verdict {
    ruled(rules, request, visitor).0
}

fn with(rules: &[Rule], added: Rule) -> Vec<Rule> {
    let mut more = rules.to_vec();
    more.push(added);
    more
}

/// Whether a rule can allow somebody nobody knows, without asking who it is. A person's criterion that is turned round
/// still asks.
fn may_allow_strangers(rule: &Rule) -> bool {
    let nobody = |criterion: &Criterion| !criterion.is_about_a_person();
    rule.action == Allow
        && match rule.operator {
            Or => rule.criteria.iter().any(nobody),
            And | Not | Nor => !rule.criteria.is_empty() && rule.criteria.iter().all(nobody),
        }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn anonymous_passes_only_where_a_rule_needs_nobody_known(rules in any_rules(), request in any_request()) {
        if decides(&rules, &request, Visitor::Anonymous) == Verdict::Allow {
            let of_route = |rule: &Rule| rule.is_for(Joined::Allow) && may_allow_strangers(rule);
            prop_assert!(rules.iter().any(of_route));
        }
    }

    #[test]
    fn anonymous_never_passes_a_policy_about_people(
        rules in prop::collection::vec(rule_of(personal_criterion()), 0..6), request in any_request(),
    ) {
        prop_assert_ne!(decides(&rules, &request, Visitor::Anonymous), Verdict::Allow);
        prop_assert!(!Policy::new(RouteId::new("test"), rules).is_public());
    }

    /// Of a route's own rules. One more in the global policy is one more to hold where it is the first, and that is its
    /// purpose; after the first it revokes nothing either.
    #[test]
    fn adding_an_allow_rule_never_revokes(
        rules in any_rules(), mut added in any_rule(), request in any_request(), who in any_identity(),
    ) {
        added.action = Allow;
        let is_first = !rules.iter().any(|rule| rule.is_for(Joined::Require) && !rule.criteria.is_empty());
        if added.origin == Origin::Global && is_first {
            added.origin = Origin::Route;
        }
        let more = with(&rules, added);
        let known = Visitor::Known(&who);
        if decides(&rules, &request, known) == Verdict::Allow {
            prop_assert_eq!(decides(&more, &request, known), Verdict::Allow);
        }
        // A stranger who was let in may now have to sign in: a `not` about people holds of a stranger, and asks who
        // it is (Pomerium's order). Nobody who was let in is turned away.
        if decides(&rules, &request, Visitor::Anonymous) == Verdict::Allow {
            prop_assert_ne!(decides(&more, &request, Visitor::Anonymous), Verdict::Deny);
        }
    }

    /// Without a person in it, the rule does not make strangers sign in either.
    #[test]
    fn adding_an_allow_rule_that_asks_nobody_changes_nothing_for_those_let_in(
        rules in any_rules(), mut added in rule_of(arbitrary::impersonal_criterion()), request in any_request(),
    ) {
        (added.action, added.origin) = (Allow, Origin::Route);
        if decides(&rules, &request, Visitor::Anonymous) == Verdict::Allow {
            prop_assert_eq!(decides(&with(&rules, added), &request, Visitor::Anonymous), Verdict::Allow);
        }
    }

    #[test]
    fn adding_a_deny_rule_never_grants(
        rules in any_rules(), mut added in any_rule(), request in any_request(), who in any_identity(),
    ) {
        added.action = Deny;
        let more = with(&rules, added);
        for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
            if decides(&rules, &request, visitor) != Verdict::Allow {
                prop_assert_ne!(decides(&more, &request, visitor), Verdict::Allow);
            }
        }
    }

    #[test]
    fn a_rule_of_the_global_policy_never_grants(
        rules in any_rules(), mut added in any_rule(), request in any_request(), who in any_identity(),
    ) {
        added.origin = Origin::Global;
        let more = with(&rules, added);
        // Where no rule of a kind stands yet. To an allow rule of the global policy, another is an alternative.
        if rules.iter().any(|rule| rule.is_for(Joined::Require)) {
            return Ok(());
        }
        for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
            if decides(&rules, &request, visitor) != Verdict::Allow {
                prop_assert_ne!(decides(&more, &request, visitor), Verdict::Allow);
            }
        }
    }

    /// Whoever a route lets in, the global policy would have let into a route that accepts everybody.
    #[test]
    fn no_route_loosens_the_global_policy(rules in any_rules(), request in any_request(), who in any_identity()) {
        let mut open: Vec<_> = rules.iter().filter(|rule| rule.origin == Origin::Global).cloned().collect();
        open.push(rule(Allow, Or, vec![Criterion::Accept]));
        for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
            if decides(&rules, &request, visitor) == Verdict::Allow {
                prop_assert_eq!(decides(&open, &request, visitor), Verdict::Allow);
            }
        }
    }

    #[test]
    fn neither_the_order_of_rules_nor_of_criteria_decides(
        (rules, shuffled) in any_rules().prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        request in any_request(), who in any_identity(),
    ) {
        let mut shuffled = shuffled;
        for rule in &mut shuffled {
            rule.criteria.reverse();
        }
        for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
            prop_assert_eq!(ruled(&rules, &request, visitor), ruled(&shuffled, &request, visitor));
        }
    }

    #[test]
    fn a_decision_always_has_a_reason(rules in any_rules(), request in any_request(), who in any_identity()) {
        for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
            prop_assert!(!ruled(&rules, &request, visitor).1.is_empty());
        }
    }

    #[test]
    fn whoever_is_let_in_is_told_the_rule(rules in any_rules(), request in any_request(), who in any_identity()) {
        let policy = Policy::new(RouteId::new("test"), rules);
        request.facts(|facts| {
            for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
                if let Decision::Allow(permit) = policy.decide(facts, visitor) {
                    let rule = permit.grounds().rule.and_then(|number| policy.rule(number));
                    prop_assert!(rule.is_some_and(|rule| rule.is_for(Joined::Allow) && rule.line == permit.grounds().line));
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_known_visitor_is_never_asked_to_sign_in(rules in any_rules(), request in any_request(), who in any_identity()) {
        prop_assert_ne!(decides(&rules, &request, Visitor::Known(&who)), Verdict::SignIn);
    }

    #[test]
    fn denying_bad_certificates_lets_nobody_in_without_a_good_one(mut rules in any_rules(), who in any_identity()) {
        rules.push(rule(Deny, Or, vec![Criterion::InvalidClientCertificate]));
        let [nothing, refused, _] = presented();
        for shown in [nothing, refused] {
            for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
                prop_assert_eq!(decided(&rules, &shown, visitor).0, Verdict::Deny);
            }
        }
    }
}

#[test]
fn without_a_rule_the_reason_is_that_there_is_none() {
    let alice = verified("alice@example.com");
    let request = Request::default();
    let no_rule = Reasons::only(Reason::NoRule);
    assert_eq!(ruled(&[], &request, Visitor::Known(&alice)), (Verdict::Deny, no_rule));
    assert_eq!(ruled(&[], &request, Visitor::Anonymous), (Verdict::Deny, no_rule));
    assert_eq!(ruled(&[rule(Allow, And, vec![])], &request, Visitor::Anonymous), (Verdict::Deny, no_rule));
    // The global policy lets nobody in by itself.
    let global = Rule { origin: Origin::Global, ..rule(Allow, Or, vec![Criterion::Accept]) };
    assert_eq!(ruled(&[global], &request, Visitor::Known(&alice)), (Verdict::Deny, no_rule));
    let denies = rule(Deny, Or, vec![Criterion::Accept]);
    assert_eq!(ruled(&[denies], &request, Visitor::Known(&alice)).1.to_string(), "accept");
}

/// The exceptions that the properties leave room for are there, each as small as can be.
#[test]
fn what_may_happen_when_a_rule_is_added() {
    let request = Request::default();
    let accept = rule(Allow, Or, vec![Criterion::Accept]);
    let stranger = |rules: &[Rule]| decides(rules, &request, Visitor::Anonymous);
    assert_eq!(stranger(std::slice::from_ref(&accept)), Verdict::Allow);
    let not_bob = rule(Allow, Not, vec![email("bob@example.com")]);
    assert_eq!(stranger(&[accept.clone(), not_bob]), Verdict::SignIn);
    // Someone told to sign in may be refused instead, when an allow rule answers what needed a name before.
    let denies = rule(Deny, Or, vec![Criterion::Accept]);
    let bob = rule(Allow, Or, vec![email("bob@example.com")]);
    assert_eq!(stranger(&[denies.clone(), bob.clone()]), Verdict::SignIn);
    assert_eq!(stranger(&[denies, bob, accept.clone()]), Verdict::Deny);
    // The first allow rule of the global policy restricts.
    let nobody = Rule { origin: Origin::Global, ..rule(Allow, Or, vec![Criterion::Reject]) };
    assert_eq!(stranger(&[accept, nobody]), Verdict::Deny);
}
