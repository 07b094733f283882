//! The same decisions rule by rule, as the language describes them: what the compiled policy is held against.

use proptest::prelude::*;

use super::arbitrary::{Request, any_identity, any_request, any_rules};
use super::*;

/// Decides without having compiled anything.
fn decide(policy: &Policy, facts: &Facts<'_>, visitor: Visitor<'_>) -> (Verdict, Grounds) {
    let joined = |joined: Joined| {
        let rules = policy.rules().iter().enumerate().filter(|(_, rule)| rule.is_for(joined));
        let outcomes: Vec<_> = rules.map(|(index, rule)| (index + 1, rule.evaluate(facts, visitor))).collect();
        let first = outcomes.iter().find(|(_, outcome)| outcome.held).map(|(number, _)| RuleNumber(*number));
        let held = first.is_some();
        let deciding = outcomes.iter().filter(|(_, outcome)| outcome.held == held);
        let reasons = deciding.fold(Reasons::NONE, |reasons, (_, outcome)| reasons.and(outcome.reasons));
        (held, reasons, first, outcomes.is_empty())
    };
    let (mut allowed, mut reasons, first, unsaid) = joined(Joined::Allow);
    if unsaid {
        reasons = Reasons::only(Reason::NoRule);
    }
    let asks = |rule: Option<RuleNumber>, reasons: Reasons| rule.filter(|_| reasons.has(Reason::UserUnauthenticated));
    let first_asks = asks(first, reasons);
    let (required, also, _, nobody) = joined(Joined::Require);
    if !nobody {
        reasons = match (allowed, required) {
            (true, true) | (false, false) => reasons.and(also),
            (true, false) => also,
            (false, true) => reasons,
        };
        allowed = allowed && required;
    }
    let (denied, against, denying, _) = joined(Joined::Deny);
    let grounds = |reasons, rule: Option<RuleNumber>| Grounds {
        reasons,
        rule,
        line: rule.map_or(0, |rule| policy.rules()[rule.0 - 1].line),
    };
    let stranger = Reason::UserUnauthenticated;
    if against.has(Reason::ClientCertificateRequired) || against.has(Reason::InvalidClientCertificate) {
        (Verdict::Deny, grounds(against, denying))
    } else if reasons.has(stranger) || against.has(stranger) {
        (Verdict::SignIn, grounds(Reasons::only(stranger), asks(denying, against).or(first_asks)))
    } else if denied {
        (Verdict::Deny, grounds(against, denying))
    } else if allowed {
        (Verdict::Allow, grounds(reasons, first))
    } else {
        (Verdict::Deny, grounds(reasons, None))
    }
}

fn same(rules: Vec<Rule>, request: &Request, who: &Identity) -> Result<(), TestCaseError> {
    let policy = Policy::new(RouteId::new("test"), rules);
    let shadow = Shadow::new(policy.clone());
    request.facts(|facts| {
        for visitor in [Visitor::Anonymous, Visitor::Known(who)] {
            let decision = policy.decide(facts, visitor);
            let decided = (decision.verdict(), decision.grounds());
            prop_assert_eq!(decided, decide(&policy, facts, visitor));
            let judgement = shadow.judge(facts, visitor);
            prop_assert_eq!((judgement.verdict, judgement.grounds), decided, "a shadow judges as the policy would");
            let told = policy.explain(facts, visitor);
            prop_assert_eq!(told.verdict, decided.0);
            prop_assert_eq!(told.deciding_rule, decided.1.rule.map(|rule| rule.0));
            prop_assert_eq!(told.reasons, decided.1.reasons.iter().map(Reason::as_str).collect::<Vec<_>>());
            let deciding = decided.1.rule.map(|rule| told.rules[rule.0 - 1].held);
            prop_assert_ne!(deciding, Some(false), "the deciding rule held");
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_compiled_policy_decides_as_its_rules_do(rules in any_rules(), request in any_request(), who in any_identity()) {
        same(rules, &request, &who)?;
    }

    /// Many rules that name people and groups: most of what look-ups do.
    #[test]
    fn so_does_one_of_many_names(
        rules in prop::collection::vec(arbitrary::rule_of(arbitrary::naming_criterion()), 0..20), who in any_identity(),
    ) {
        same(rules, &Request::default(), &who)?;
    }
}

/// A thousand addresses in every way to write them: the same rule and line come out, and at the same price.
#[test]
fn the_first_rule_that_names_somebody_decides() {
    let alice = verified("alice@example.com");
    let address = |number: usize| email(&format!("user{number}@example.com"));
    let line = |rule: Rule, line: u32| Rule { line, ..rule };
    let mut rules: Vec<_> = (1..=1000).map(|number| line(rule(Allow, Or, vec![address(number)]), 7)).collect();
    rules[400] = line(rule(Allow, Or, vec![address(1), email("alice@example.com")]), 31);
    rules[600] = line(rule(Allow, Or, vec![email("alice@example.com")]), 32);
    rules.push(line(rule(Allow, Or, vec![domain("example.com")]), 99));
    let policy = Policy::new(RouteId::new("test"), rules);
    Request::default().facts(|facts| {
        let grounds = policy.decide(facts, Visitor::Known(&alice)).grounds();
        assert_eq!((grounds.rule, grounds.line), (Some(RuleNumber(401)), 31));
        assert_eq!(grounds.reasons.to_string(), "email-ok,domain-ok");
        let bob = verified("bob@example.com");
        let grounds = policy.decide(facts, Visitor::Known(&bob)).grounds();
        assert_eq!((grounds.rule, grounds.line), (Some(RuleNumber(1001)), 99));
        assert_eq!(policy, policy.clone());
    });
}
