//! The semantics of PPL as a table, and what must hold of every policy as properties.

use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{Claims, ClientCertificate, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use http::{HeaderMap, HeaderValue, Method, header};
use proptest::prelude::*;

use super::*;
use crate::{Case, CertificateMatcher, ListMatcher, ListTest, StringMatcher, StringTest, TextSet, Verdict};

fn person(email: VerifiedEmail, groups: &[&str]) -> Identity {
    let claims = serde_json::from_str(r#"{"department":"security","nested":{"level":[1,2]}}"#).unwrap();
    Identity {
        subject: Subject { issuer: "https://idp.test".into(), id: "u-1".into() },
        email,
        name: None,
        groups: Groups::new(groups.iter().map(|&group| group.to_owned())),
        claims: Claims::new(claims),
        authenticated_at: SystemTime::UNIX_EPOCH,
    }
}

fn verified(email: &str) -> Identity {
    person(VerifiedEmail::Verified(Email::parse(email).unwrap()), &["staff"])
}

fn with_facts<R>(method: &Method, headers: &HeaderMap, run: impl FnOnce(&Facts<'_>) -> R) -> R {
    with_certificate(&Presented::Nothing, method, headers, run)
}

fn with_certificate<R>(
    client_certificate: &Presented,
    method: &Method,
    headers: &HeaderMap,
    run: impl FnOnce(&Facts<'_>) -> R,
) -> R {
    let host = Hostname::parse("code.example.test").unwrap();
    let path = NormalPath::parse("/").unwrap();
    run(&Facts {
        method,
        host: &host,
        path: &path,
        query: None,
        headers,
        source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        client_certificate,
        websocket: false,
        now: SystemTime::UNIX_EPOCH,
    })
}

fn verdict(rules: &[Rule], visitor: Visitor<'_>) -> Verdict {
    let policy = Policy::new(RouteId::new("test"), rules.to_vec());
    with_facts(&Method::GET, &HeaderMap::new(), |facts| match policy.decide(facts, visitor) {
        Decision::Allow(_) => Verdict::Allow,
        Decision::SignIn(_) => Verdict::SignIn,
        Decision::Deny(_) => Verdict::Deny,
    })
}

fn rule(action: Action, operator: Operator, criteria: Vec<Criterion>) -> Rule {
    Rule { action, operator, criteria, origin: Origin::Route, line: 1 }
}

fn email(address: &str) -> Criterion {
    Criterion::Email(StringMatcher::new(vec![StringTest::Is(address.into())], Case::Insensitive))
}

fn domain(name: &str) -> Criterion {
    Criterion::Domain(StringMatcher::new(vec![StringTest::Is(name.into())], Case::Insensitive))
}

fn group(name: &str) -> Criterion {
    Criterion::Groups(ListMatcher::new(vec![ListTest::Has(name.into())], Case::Sensitive))
}

fn claim(path: &str, value: &str) -> Criterion {
    Criterion::Claim {
        path: path.into(),
        matcher: ListMatcher::new(vec![ListTest::Has(value.into())], Case::Sensitive),
    }
}

use Action::{Allow, Deny};
use Operator::{And, Nor, Not, Or};

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

#[test]
fn the_permit_names_its_route_and_the_deciding_rule() {
    let alice = verified("alice@example.com");
    let policy = Policy::new(
        RouteId::new("code"),
        vec![rule(Allow, Or, vec![email("bob@example.com")]), rule(Allow, Or, vec![domain("example.com")])],
    );
    with_facts(&Method::GET, &HeaderMap::new(), |facts| match policy.decide(facts, Visitor::Known(&alice)) {
        Decision::Allow(permit) => {
            assert_eq!(permit.route().as_str(), "code");
            assert_eq!(permit.grounds().rule, Some(RuleNumber(2)));
            assert_eq!(permit.grounds().reasons.to_string(), "domain-ok");
        }
        other => panic!("{other:?}"),
    });
}

#[test]
fn an_explanation_shows_what_was_asked_and_what_was_found() {
    let eve = verified("eve@example.com");
    let policy =
        Policy::new(RouteId::new("code"), vec![rule(Allow, Or, vec![email("you@example.com"), group("admins")])]);
    let explanation = with_facts(&Method::GET, &HeaderMap::new(), |facts| policy.explain(facts, Visitor::Known(&eve)));
    assert_eq!(explanation.verdict, Verdict::Deny);
    assert_eq!(explanation.reasons, ["email-unauthorized", "groups-unauthorized"]);
    let criteria = &explanation.rules[0].criteria;
    assert_eq!(
        (criteria[0].asked.as_str(), criteria[0].found.as_str()),
        ("email is you@example.com", "eve@example.com")
    );
    assert_eq!((criteria[1].asked.as_str(), criteria[1].found.as_str()), ("groups has admins", "staff"));
    assert!(!explanation.rules[0].held);
}

fn certificate(fingerprint: &str) -> ClientCertificate {
    ClientCertificate {
        fingerprint: fingerprint.into(),
        spki_hash: "key".into(),
        subject: "CN=laptop".into(),
        san_dns: Vec::new(),
        san_email: Vec::new(),
        san_uri: Vec::new(),
        not_after: SystemTime::UNIX_EPOCH,
    }
}

fn presented() -> [Presented; 3] {
    let shown = std::sync::Arc::new(certificate("ab"));
    [
        Presented::Nothing,
        Presented::Refused { certificate: std::sync::Arc::clone(&shown), reason: "it was revoked".into() },
        Presented::Accepted(shown),
    ]
}

fn decided(rules: &[Rule], shown: &Presented, visitor: Visitor<'_>) -> (Verdict, Vec<&'static str>) {
    let policy = Policy::new(RouteId::new("test"), rules.to_vec());
    with_certificate(shown, &Method::GET, &HeaderMap::new(), |facts| {
        let told = policy.explain(facts, visitor);
        (told.verdict, told.reasons)
    })
}

fn fingerprint(is: &str) -> Criterion {
    Criterion::ClientCertificate(CertificateMatcher {
        fingerprints: Some(TextSet::new([is.to_owned(), "cd".to_owned()])),
        ..CertificateMatcher::default()
    })
}

#[test]
fn a_missing_or_refused_certificate_is_denied_without_a_sign_in() {
    let alice = verified("alice@example.com");
    let rules =
        [rule(Allow, Or, vec![email("alice@example.com")]), rule(Deny, Or, vec![Criterion::InvalidClientCertificate])];
    let [nothing, refused, accepted] = presented();
    for visitor in [Visitor::Anonymous, Visitor::Known(&alice)] {
        assert_eq!(decided(&rules, &nothing, visitor), (Verdict::Deny, vec!["client-certificate-required"]));
        assert_eq!(decided(&rules, &refused, visitor), (Verdict::Deny, vec!["invalid-client-certificate"]));
    }
    assert_eq!(decided(&rules, &accepted, Visitor::Anonymous).0, Verdict::SignIn);
    assert_eq!(decided(&rules, &accepted, Visitor::Known(&alice)), (Verdict::Allow, vec!["email-ok"]));
}

#[test]
fn a_certificate_is_asked_for_by_fingerprint_and_by_key() {
    let [nothing, refused, accepted] = presented();
    let by = |fingerprints: Option<&str>, keys: Option<&str>| {
        let set = |one: &str| TextSet::new([one.to_owned()]);
        let matcher = CertificateMatcher {
            fingerprints: fingerprints.map(set),
            spki_hashes: keys.map(set),
            ..CertificateMatcher::default()
        };
        [rule(Allow, Or, vec![Criterion::ClientCertificate(matcher)])]
    };
    for (rules, held) in [
        (by(Some("ab"), None), true),
        (by(Some("ab"), Some("key")), true),
        (by(None, Some("key")), true),
        (by(Some("cd"), None), false),
        (by(Some("ab"), Some("other")), false),
        (by(Some("cd"), Some("key")), false),
    ] {
        let expected = if held {
            (Verdict::Allow, vec!["client-certificate-ok"])
        } else {
            (Verdict::Deny, vec!["client-certificate-unauthorized"])
        };
        assert_eq!(decided(&rules, &accepted, Visitor::Anonymous), expected);
        // Whether it is believed is the other criterion's question, as in Pomerium.
        assert_eq!(decided(&rules, &refused, Visitor::Anonymous), expected);
        assert_eq!(decided(&rules, &nothing, Visitor::Anonymous).0, Verdict::Deny);
    }
}

#[test]
fn an_explanation_tells_why_a_certificate_was_refused() {
    let policy = Policy::new(RouteId::new("code"), vec![rule(Deny, Or, vec![fingerprint("ab")])]);
    let [_, refused, _] = presented();
    let told =
        with_certificate(&refused, &Method::GET, &HeaderMap::new(), |facts| policy.explain(facts, Visitor::Anonymous));
    let criterion = &told.rules[0].criteria[0];
    assert_eq!(criterion.asked, "client_certificate fingerprint in [ab, cd]");
    assert_eq!(criterion.found, "CN=laptop (ab), not accepted: it was revoked");
}

// --- properties ---------------------------------------------------------------

fn any_criterion() -> impl Strategy<Value = Criterion> {
    prop_oneof![
        Just(Criterion::Reject),
        Just(Criterion::AuthenticatedUser),
        Just(Criterion::CorsPreflight),
        Just(Criterion::InvalidClientCertificate),
        Just(fingerprint("ab")),
        Just(email("alice@example.com")),
        Just(email("bob@example.com")),
        Just(domain("example.com")),
        Just(group("staff")),
        Just(claim("department", "security")),
        Just(Criterion::Email(StringMatcher::new(vec![StringTest::Not("bob@example.com".into())], Case::Insensitive))),
        Just(Criterion::Groups(ListMatcher::new(vec![ListTest::Exclude("admins".into())], Case::Sensitive))),
    ]
}

/// Criteria that are true or false of people only: whoever passes them must be known.
fn personal_criterion() -> impl Strategy<Value = Criterion> {
    any_criterion().prop_filter("about people", |criterion| {
        !matches!(
            criterion,
            Criterion::Reject
                | Criterion::CorsPreflight
                | Criterion::ClientCertificate(_)
                | Criterion::InvalidClientCertificate
        )
    })
}

fn any_rule(criterion: impl Strategy<Value = Criterion>) -> impl Strategy<Value = Rule> {
    (
        prop_oneof![Just(Allow), Just(Deny)],
        prop_oneof![Just(And), Just(Or), Just(Not), Just(Nor)],
        prop::collection::vec(criterion, 0..4),
    )
        .prop_map(|(action, operator, criteria)| rule(action, operator, criteria))
}

fn any_person() -> impl Strategy<Value = Identity> {
    prop_oneof![
        Just(verified("alice@example.com")),
        Just(verified("bob@example.com")),
        Just(verified("carol@example.org")),
        Just(person(VerifiedEmail::Unverified(Email::parse("alice@example.com").unwrap()), &["admins"])),
        Just(person(VerifiedEmail::Absent, &[])),
    ]
}

proptest! {
    #[test]
    fn denying_bad_certificates_lets_nobody_in_without_a_good_one(
        mut rules in prop::collection::vec(any_rule(any_criterion()), 0..6), who in any_person(),
    ) {
        rules.push(rule(Deny, Or, vec![Criterion::InvalidClientCertificate]));
        let [nothing, refused, _] = presented();
        for shown in [nothing, refused] {
            for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
                prop_assert_eq!(decided(&rules, &shown, visitor).0, Verdict::Deny);
            }
        }
    }

    #[test]
    fn anonymous_never_passes_a_policy_about_people(rules in prop::collection::vec(any_rule(personal_criterion()), 0..6)) {
        prop_assert_ne!(verdict(&rules, Visitor::Anonymous), Verdict::Allow);
    }

    #[test]
    fn adding_an_allow_never_revokes(
        rules in prop::collection::vec(any_rule(any_criterion()), 0..6), mut added in any_rule(any_criterion()), who in any_person(),
    ) {
        added.action = Allow;
        let mut more = rules.clone();
        more.push(added);
        if verdict(&rules, Visitor::Known(&who)) == Verdict::Allow {
            prop_assert_eq!(verdict(&more, Visitor::Known(&who)), Verdict::Allow);
        }
        // A stranger who was let in may be asked to sign in (Pomerium's order), but is never turned away.
        if verdict(&rules, Visitor::Anonymous) == Verdict::Allow {
            prop_assert_ne!(verdict(&more, Visitor::Anonymous), Verdict::Deny);
        }
    }

    #[test]
    fn adding_a_deny_never_grants(
        rules in prop::collection::vec(any_rule(any_criterion()), 0..6), mut added in any_rule(any_criterion()), who in any_person(),
    ) {
        added.action = Deny;
        let mut more = rules.clone();
        more.push(added);
        for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
            if verdict(&rules, visitor) != Verdict::Allow {
                prop_assert_ne!(verdict(&more, visitor), Verdict::Allow);
            }
        }
    }

    #[test]
    fn a_known_visitor_is_never_asked_to_sign_in(rules in prop::collection::vec(any_rule(any_criterion()), 0..6), who in any_person()) {
        prop_assert_ne!(verdict(&rules, Visitor::Known(&who)), Verdict::SignIn);
    }

    #[test]
    fn the_order_of_rules_decides_nothing(rules in prop::collection::vec(any_rule(any_criterion()), 0..6), who in any_person()) {
        let mut reversed = rules.clone();
        reversed.reverse();
        for visitor in [Visitor::Anonymous, Visitor::Known(&who)] {
            prop_assert_eq!(verdict(&rules, visitor), verdict(&reversed, visitor));
        }
    }

    #[test]
    fn the_explanation_tells_the_decision(rules in prop::collection::vec(any_rule(any_criterion()), 0..6), who in any_person()) {
        let policy = Policy::new(RouteId::new("test"), rules.clone());
        let explanation = with_facts(&Method::GET, &HeaderMap::new(), |facts| policy.explain(facts, Visitor::Known(&who)));
        prop_assert_eq!(explanation.verdict, verdict(&rules, Visitor::Known(&who)));
    }
}
