//! Patterns and values: never a panic; what has no special character in it matches itself and nothing else, whichever
//! way it is written; and a request that can be read in two ways helps nobody in.
#![no_main]

use std::net::Ipv4Addr;
use std::time::UNIX_EPOCH;

use doorward_authorize::{
    Action, Case, Criterion, Decision, Facts, Operator, Origin, Pattern, Policy, RouteId, Rule, StringMatcher, StringTest,
    Visitor,
};
use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::Presented;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;

fn policy(action: Action, criterion: &Criterion) -> Policy {
    let rule = |action, criterion| Rule {
        action,
        operator: Operator::Or,
        criteria: vec![criterion],
        origin: Origin::Route,
        line: 1,
    };
    let rules = match action {
        Action::Allow => vec![rule(Action::Allow, criterion.clone())],
        Action::Deny => vec![rule(Action::Allow, Criterion::Accept), rule(Action::Deny, criterion.clone())],
    };
    Policy::new(RouteId::new("fuzz"), rules)
}

/// Asks about the request in every way it can be read.
fn ask(matcher: &StringMatcher, path: &str, query: &str, values: [&str; 2]) {
    let (Ok(host), Ok(path)) = (Hostname::parse("a.example"), NormalPath::parse(path)) else { return };
    let mut headers = HeaderMap::new();
    for value in values {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.append("x-fuzz", value);
        }
    }
    let facts = Facts {
        method: &Method::GET,
        host: &host,
        path: &path,
        query: Some(query),
        headers: &headers,
        source_ip: Ipv4Addr::LOCALHOST.into(),
        client_certificate: &Presented::Nothing,
        websocket: false,
        now: UNIX_EPOCH,
    };
    let matcher = || matcher.clone();
    for criterion in [
        Criterion::HttpPath(matcher()),
        Criterion::HttpHeader { name: HeaderName::from_static("x-fuzz"), matcher: matcher() },
        Criterion::HttpQuery { name: "a".into(), matcher: matcher() },
    ] {
        let allowed = matches!(policy(Action::Allow, &criterion).decide(&facts, Visitor::Anonymous), Decision::Allow(_));
        let denied = matches!(policy(Action::Deny, &criterion).decide(&facts, Visitor::Anonymous), Decision::Deny(_));
        // Whom the criterion lets in it also keeps out; what is unclear does only the latter.
        assert!(denied || !allowed, "{criterion}");
    }
}

fuzz_target!(|given: (&str, &str, &str, bool)| {
    let (pattern, value, query, ignore) = given;
    let case = if ignore { Case::Insensitive } else { Case::Sensitive };
    let glob = Pattern::glob(pattern, case);
    if let Ok(glob) = &glob {
        // Nothing is special in a glob but these.
        if !pattern.contains(['*', '?']) {
            assert!(glob.matches(pattern), "{pattern:?}");
            assert!(case == Case::Insensitive || glob.matches(value) == (value == pattern), "{pattern:?} / {value:?}");
        }
    }
    // A glob of what a text is with every special character made to stand for itself matches that text.
    let plain: String = value.chars().map(|character| if character == '/' { '/' } else { '?' }).collect();
    if let Ok(glob) = Pattern::glob(&plain, case) {
        assert!(glob.matches(value), "{plain:?} / {value:?}");
    }
    let tests = [Pattern::regex(pattern, case).map(StringTest::Matches), glob.map(StringTest::Glob)];
    let others = [
        StringTest::Is(pattern.to_owned()),
        StringTest::Contains(pattern.to_owned()),
        StringTest::StartsWith(pattern.to_owned()),
        StringTest::EndsWith(pattern.to_owned()),
    ];
    for test in tests.into_iter().flatten().chain(others) {
        let exact = matches!(test, StringTest::Is(_));
        let matcher = StringMatcher::new(vec![test], case);
        let held = matcher.holds(value);
        assert!(!exact || case == Case::Insensitive || held == (value == pattern));
        ask(&matcher, value, query, [value, pattern]);
    }
});
