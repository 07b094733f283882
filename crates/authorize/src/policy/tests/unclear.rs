//! Requests that can be read in several ways: no reading of them gets anybody in who would not get in by all.

use http::HeaderValue;
use proptest::prelude::*;

use super::arbitrary::{Request, any_identity, any_rules, doubtful_criterion, header_name};
use super::*;

const OPERATORS: [Operator; 4] = [And, Or, Not, Nor];

/// A request that every criterion of [`criteria`] finds unclear, and requests with one reading each.
fn doubtful() -> (Request, Vec<Request>) {
    let value = HeaderValue::from_static;
    let clear = |path: &str, query: &str, header: &'static str, agent: &'static str| {
        let mut request =
            Request { path: NormalPath::parse(path).unwrap(), query: Some(query.into()), ..Request::default() };
        request.headers.append(header_name(), value(header));
        request.headers.append(http::header::USER_AGENT, value(agent));
        request
    };
    let loose = NormalPath::parse("/a//b").unwrap().loose().unwrap().to_owned();
    assert_eq!(loose, "/a/b");
    let mut unclear = clear("/a//b", "a=1&a=2", "prod", "curl/8");
    unclear.headers.append(header_name(), value("test"));
    unclear.headers.append(http::header::USER_AGENT, value("Mozilla/5.0"));
    let mut readings = Vec::new();
    for query in ["a=1", "a=2"] {
        for header in ["prod", "test"] {
            for agent in ["curl/8", "Mozilla/5.0"] {
                readings.push(clear("/a/b", query, header, agent));
            }
        }
    }
    (unclear, readings)
}

fn criteria() -> Vec<Criterion> {
    let is = |text: &str| StringMatcher::new(vec![StringTest::Is(text.into())], Case::Sensitive);
    vec![
        Criterion::HttpPath(is("/a/b")),
        Criterion::HttpQuery { name: "a".into(), matcher: is("1") },
        Criterion::HttpHeader { name: header_name(), matcher: is("test") },
        Criterion::UserAgent(is("curl/8")),
    ]
}

fn ruled(rules: &[Rule], request: &Request, visitor: Visitor<'_>) -> (Verdict, String) {
    let policy = Policy::new(RouteId::new("test"), rules.to_vec());
    let decision = request.facts(|facts| policy.decide(facts, visitor));
    (decision.verdict(), decision.grounds().reasons.to_string())
}

#[test]
fn an_allow_rule_does_without_what_is_unclear_and_a_deny_rule_takes_it_to_hold() {
    let (unclear, _) = doubtful();
    let alice = verified("alice@example.com");
    let denied = (Verdict::Deny, "ambiguous-request".to_owned());
    for criterion in criteria() {
        for operator in OPERATORS {
            for criteria in [vec![criterion.clone()], vec![criterion.clone(), criterion.clone()]] {
                for visitor in [Visitor::Anonymous, Visitor::Known(&alice)] {
                    let allow = rule(Allow, operator, criteria.clone());
                    assert_eq!(ruled(&[allow], &unclear, visitor), denied, "allow {operator} {criterion}");
                    let accept = rule(Allow, Or, vec![Criterion::Accept]);
                    let deny = rule(Deny, operator, criteria.clone());
                    assert_eq!(ruled(&[accept, deny], &unclear, visitor), denied, "deny {operator} {criterion}");
                }
            }
        }
    }
}

#[test]
fn what_needs_no_reading_is_clear() {
    let (unclear, _) = doubtful();
    // `*` takes both paths.
    let both = StringMatcher::new(vec![StringTest::StartsWith("/a/".into())], Case::Sensitive);
    let rules = [rule(Allow, Or, vec![Criterion::HttpPath(both)])];
    assert_eq!(ruled(&rules, &unclear, Visitor::Anonymous), (Verdict::Allow, "http-path-ok".to_owned()));
    let alice = verified("alice@example.com");
    let mut criteria = criteria();
    criteria.push(email("alice@example.com"));
    let rules = [rule(Allow, Or, criteria)];
    assert_eq!(ruled(&rules, &unclear, Visitor::Known(&alice)), (Verdict::Allow, "email-ok".to_owned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whoever_gets_in_by_an_unclear_request_gets_in_by_each_reading(
        rules in any_rules(), doubts in prop::collection::vec(arbitrary::rule_of(doubtful_criterion()), 0..4), who in any_identity(),
    ) {
        let rules: Vec<_> = rules.into_iter().chain(doubts).collect();
        let (unclear, readings) = doubtful();
        if ruled(&rules, &unclear, Visitor::Known(&who)).0 == Verdict::Allow {
            for reading in readings {
                prop_assert_eq!(ruled(&rules, &reading, Visitor::Known(&who)).0, Verdict::Allow, "{:?}", reading);
            }
        }
    }
}
