//! What a permit and an explanation tell.

use super::*;

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

#[test]
fn what_is_compared_with_a_secret_is_not_shown() {
    let key = StringMatcher::new(vec![StringTest::Is("hunter2".into())], Case::Sensitive).secret();
    let name = http::HeaderName::from_static("x-api-key");
    let criteria = vec![
        Criterion::HttpHeader { name: name.clone(), matcher: key.clone() },
        Criterion::HttpQuery { name: "key".into(), matcher: key },
    ];
    let policy = Policy::new(RouteId::new("code"), vec![rule(Allow, And, criteria)]);
    let mut headers = HeaderMap::new();
    let tell = |headers: &HeaderMap, query: Option<&'static str>| {
        with_facts(&Method::GET, headers, |facts| policy.explain(&Facts { query, ..*facts }, Visitor::Anonymous))
    };
    let found = |told: &Explanation| told.rules[0].criteria.iter().map(|one| one.found.clone()).collect::<Vec<_>>();
    assert_eq!(found(&tell(&headers, None)), ["no such header", "no such parameter"]);
    headers.insert(name, http::HeaderValue::from_static("hunter2"));
    let told = tell(&headers, Some("key=hunter2"));
    assert_eq!(told.verdict, Verdict::Allow);
    assert_eq!(found(&told), ["a value (not shown)", "a value (not shown)"]);
    let json = serde_json::to_string(&told).unwrap();
    assert!(!json.contains("hunter2"), "{json}");
}
