//! A route that asks for a recent sign-in.

use std::time::Duration;

use super::*;
use crate::Age;

const HOUR: Duration = Duration::from_secs(3600);

/// What is decided of somebody who signed in that long ago.
fn after(rules: &[Rule], max_age: Option<Duration>, age: Duration) -> (Verdict, Vec<Reason>) {
    let policy = Policy::new(RouteId::new("test"), rules.to_vec()).with_max_age(max_age);
    let who = verified("alice@example.com");
    with_facts(&Method::GET, &HeaderMap::new(), |facts| {
        let facts = Facts { now: who.authenticated_at + age, ..*facts };
        let decision = policy.decide(&facts, Visitor::Known(&who));
        assert_eq!(policy.explain(&facts, Visitor::Known(&who)).verdict, decision.verdict());
        (decision.verdict(), decision.grounds().reasons.iter().collect())
    })
}

#[test]
fn whoever_signed_in_too_long_ago_is_asked_to_do_so_again() {
    let rules = [rule(Allow, Or, vec![email("alice@example.com")])];
    assert_eq!(after(&rules, Some(HOUR), HOUR).0, Verdict::Allow);
    let late = HOUR + Duration::from_millis(1);
    assert_eq!(after(&rules, Some(HOUR), late), (Verdict::SignIn, vec![Reason::AuthenticationTooOld]));
    assert_eq!(after(&rules, None, late * 1000).0, Verdict::Allow);
}

#[test]
fn a_deny_rule_comes_first_and_an_allow_rule_afterwards() {
    let late = HOUR * 2;
    let denied = [rule(Allow, Or, vec![Criterion::Accept]), rule(Deny, Or, vec![email("alice@example.com")])];
    assert_eq!(after(&denied, Some(HOUR), late).0, Verdict::Deny);
    // What the rule says of the age would be mended by the sign-in that is asked for.
    let age = Criterion::AuthenticationAge(Age { at_most: Some(HOUR), at_least: None });
    let rules = [rule(Allow, Or, vec![age])];
    assert_eq!(after(&rules, Some(HOUR), late).0, Verdict::SignIn);
    assert_eq!(after(&rules, None, late).0, Verdict::Deny);
}

#[test]
fn strangers_and_the_shadow_are_asked_the_same() {
    let rules = vec![rule(Allow, Or, vec![email("alice@example.com")])];
    let policy = Policy::new(RouteId::new("test"), rules).with_max_age(Some(HOUR));
    let (who, shadow) = (verified("alice@example.com"), Shadow::new(policy.clone()));
    with_facts(&Method::GET, &HeaderMap::new(), |facts| {
        let reasons = policy.decide(facts, Visitor::Anonymous).grounds().reasons;
        assert_eq!(reasons, Reasons::only(Reason::UserUnauthenticated));
        let facts = Facts { now: who.authenticated_at + HOUR * 2, ..*facts };
        let judged = shadow.judge(&facts, Visitor::Known(&who));
        assert_eq!((judged.verdict, judged.grounds.rule), (Verdict::SignIn, None));
    });
}

#[test]
fn a_sign_in_ahead_of_this_clock_is_fresh() {
    let policy = Policy::new(RouteId::new("test"), vec![rule(Allow, Or, vec![Criterion::AuthenticatedUser])]);
    let policy = policy.with_max_age(Some(HOUR));
    let who = Identity { authenticated_at: SystemTime::UNIX_EPOCH + HOUR, ..verified("alice@example.com") };
    with_facts(&Method::GET, &HeaderMap::new(), |facts| {
        assert_eq!(policy.decide(facts, Visitor::Known(&who)).verdict(), Verdict::Allow);
    });
}

#[test]
fn the_age_belongs_to_the_route_and_not_to_the_rules_it_shares() {
    let policy = Policy::new(RouteId::new("one"), vec![rule(Allow, Or, vec![Criterion::AuthenticatedUser])]);
    let strict = policy.clone().with_max_age(Some(HOUR));
    assert!(strict != policy && strict.changes_with_time() && !policy.changes_with_time());
    assert!(std::ptr::eq(strict.rules(), policy.rules()));
    assert_eq!(strict.for_route(RouteId::new("other")).max_age(), None);
}
