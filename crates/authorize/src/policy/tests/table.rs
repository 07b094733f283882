//! What rules decide, row by row.

use http::{HeaderValue, header};

use super::*;

#[test]
fn nothing_allowed_means_denied() {
    let alice = verified("alice@example.com");
    assert_eq!(verdict(&[], Visitor::Known(&alice)), Verdict::Deny);
    assert_eq!(verdict(&[], Visitor::Anonymous), Verdict::Deny);
    assert_eq!(verdict(&[rule(Allow, Or, vec![])], Visitor::Known(&alice)), Verdict::Deny);
    assert_eq!(verdict(&[rule(Allow, And, vec![])], Visitor::Anonymous), Verdict::Deny);
    assert_eq!(verdict(&[rule(Deny, Or, vec![email("eve@example.com")])], Visitor::Known(&alice)), Verdict::Deny);
}

#[test]
fn criteria_about_a_person() {
    let alice = verified("alice@example.com");
    for (criterion, held) in [
        (email("ALICE@Example.com"), true),
        (email("alice@example.org"), false),
        (domain("EXAMPLE.com"), true),
        (domain("ample.com"), false),
        (group("staff"), true),
        (group("Staff"), false),
        (claim("department", "security"), true),
        (claim("nested/level", "2"), true),
        (claim("nested/level", "3"), false),
        (Criterion::AuthenticatedUser, true),
        (Criterion::User(StringMatcher::new(vec![StringTest::Is("u-1".into())], Case::Sensitive)), true),
        (Criterion::User(StringMatcher::new(vec![StringTest::Is("U-1".into())], Case::Sensitive)), false),
        (Criterion::Accept, true),
        (Criterion::Reject, false),
    ] {
        let expected = if held { Verdict::Allow } else { Verdict::Deny };
        assert_eq!(
            verdict(&[rule(Allow, Or, vec![criterion.clone()])], Visitor::Known(&alice)),
            expected,
            "{criterion}"
        );
    }
}

#[test]
fn an_unverified_address_matches_no_rule_about_addresses() {
    let mallory = person(VerifiedEmail::Unverified(Email::parse("alice@example.com").unwrap()), &[]);
    for criterion in [email("alice@example.com"), domain("example.com")] {
        assert_eq!(verdict(&[rule(Allow, Or, vec![criterion])], Visitor::Known(&mallory)), Verdict::Deny);
    }
    let policy = Policy::new(RouteId::new("test"), vec![rule(Allow, Or, vec![email("alice@example.com")])]);
    let explanation =
        with_facts(&Method::GET, &HeaderMap::new(), |facts| policy.explain(facts, Visitor::Known(&mallory)));
    assert_eq!(explanation.reasons, ["email-unverified"]);
}

#[test]
fn operators_mean_what_ppl_says() {
    let alice = verified("alice@example.com");
    let yes = || Criterion::AuthenticatedUser;
    let no = || Criterion::Reject;
    for (operator, criteria, held) in [
        (And, vec![yes(), yes()], true),
        (And, vec![yes(), no()], false),
        (Or, vec![yes(), no()], true),
        (Or, vec![no(), no()], false),
        (Not, vec![no(), no()], true),
        (Not, vec![yes(), no()], false),
        (Nor, vec![yes(), no()], true),
        (Nor, vec![yes(), yes()], false),
    ] {
        let expected = if held { Verdict::Allow } else { Verdict::Deny };
        assert_eq!(verdict(&[rule(Allow, operator, criteria)], Visitor::Known(&alice)), expected, "{operator}");
    }
}

#[test]
fn deny_wins_and_several_operators_are_ored() {
    let alice = verified("alice@example.com");
    let rules = [rule(Allow, Or, vec![domain("example.com")]), rule(Deny, Or, vec![email("alice@example.com")])];
    assert_eq!(verdict(&rules, Visitor::Known(&alice)), Verdict::Deny);
    // `allow: {and: [admins], not: [eve]}` lets in everybody who is not eve: PPL's foot-gun, kept.
    let rules = [rule(Allow, And, vec![group("admins")]), rule(Allow, Not, vec![email("eve@example.com")])];
    assert_eq!(verdict(&rules, Visitor::Known(&alice)), Verdict::Allow);
}

#[test]
fn strangers_are_asked_to_sign_in_where_it_could_help_and_only_there() {
    let anonymous = |rules: &[Rule]| verdict(rules, Visitor::Anonymous);
    assert_eq!(anonymous(&[rule(Allow, Or, vec![email("a@example.com")])]), Verdict::SignIn);
    assert_eq!(anonymous(&[rule(Allow, Or, vec![Criterion::Accept])]), Verdict::Allow);
    assert_eq!(anonymous(&[rule(Allow, Or, vec![Criterion::Accept, email("a@example.com")])]), Verdict::Allow);
    assert_eq!(anonymous(&[rule(Allow, Or, vec![Criterion::Reject])]), Verdict::Deny);
    assert_eq!(anonymous(&[rule(Allow, Not, vec![email("a@example.com")])]), Verdict::SignIn);
    // A deny rule about a person makes strangers of a public route sign in, as in Pomerium.
    let rules = [rule(Allow, Or, vec![Criterion::Accept]), rule(Deny, Or, vec![email("a@example.com")])];
    assert_eq!(anonymous(&rules), Verdict::SignIn);
}

#[test]
fn a_pre_flight_is_recognised_by_all_three_marks() {
    let policy = Policy::new(RouteId::new("test"), vec![rule(Allow, Or, vec![Criterion::CorsPreflight])]);
    let mut headers = HeaderMap::new();
    headers.insert(header::ORIGIN, HeaderValue::from_static("https://app.example.test"));
    let allowed = |method: &Method, headers: &HeaderMap| {
        with_facts(method, headers, |facts| matches!(policy.decide(facts, Visitor::Anonymous), Decision::Allow(_)))
    };
    assert!(!allowed(&Method::OPTIONS, &headers));
    headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PUT"));
    assert!(allowed(&Method::OPTIONS, &headers));
    assert!(!allowed(&Method::GET, &headers));
}
