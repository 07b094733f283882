//! Deciding puts nothing on the heap, whoever asks and whatever comes of it.
#![allow(clippy::unwrap_used, reason = "all of this file is tests")]

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use doorward_authorize::{
    Action, Age, Case, CertificateMatcher, Criterion, DateRange, Days, Facts, ListMatcher, ListTest, Networks,
    Operator, Origin, Pattern, People, Policy, RouteId, Rule, Shadow, StringMatcher, StringTest, TextSet, TimeOfDay,
    Verdict, Visitor,
};
use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{Claims, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;

const NOW: u64 = 1_790_000_000;

fn person(address: &str) -> Identity {
    let claims = r#"{"amr": ["pwd", "otp"], "acr": "silver", "org": {"unit": ["Security", 7, 2.5, true]}}"#;
    Identity {
        subject: Subject { issuer: "https://idp.test".into(), id: "u-1".into() },
        email: VerifiedEmail::Verified(Email::parse(address).unwrap()),
        name: None,
        groups: Groups::new((0..50).map(|number| format!("Team{number}"))),
        claims: Claims::new(serde_json::from_str(claims).unwrap()),
        authenticated_at: SystemTime::UNIX_EPOCH + Duration::from_secs(NOW - 60),
    }
}

fn rules(action: Action, operator: Operator, criteria: Vec<Criterion>) -> Vec<Rule> {
    vec![Rule { action, operator, criteria, origin: Origin::Route, line: 1 }]
}

fn allow(criterion: Criterion) -> Vec<Rule> {
    rules(Action::Allow, Operator::Or, vec![criterion])
}

fn text(test: StringTest) -> StringMatcher {
    StringMatcher::new(vec![test], Case::Insensitive)
}

fn list(test: ListTest, case: Case) -> ListMatcher {
    ListMatcher::new(vec![test], case)
}

fn email(address: String) -> Criterion {
    Criterion::Email(text(StringTest::Is(address)))
}

fn texts(of: impl IntoIterator<Item = &'static str>) -> TextSet {
    TextSet::new(of.into_iter().map(str::to_owned))
}

/// A thousand addresses, the last of them that of the person who is let in.
fn thousand() -> impl Iterator<Item = String> {
    (1..1000).map(|number| format!("user{number}@example.com")).chain(["you@example.com".to_owned()])
}

/// Policies that let `you@example.com` in, by what is special about them.
fn policies() -> Vec<(&'static str, Vec<Rule>)> {
    let regex = |pattern: &str| Pattern::regex(pattern, Case::Insensitive).unwrap();
    let glob = |pattern: &str| Pattern::glob(pattern, Case::Sensitive).unwrap();
    let berlin = || TimeZone::get("Europe/Berlin").unwrap();
    let networks = (0..100).map(|number| format!("10.{number}.0.0/16"));
    let networks = networks.chain(["192.0.2.0/24".to_owned()]);
    let claim = |test, case| Criterion::Claim { path: "org/unit".into(), matcher: list(test, case) };
    let header = |name, matcher| Criterion::HttpHeader { name: HeaderName::from_static(name), matcher };
    let members = TextSet::new(thousand());
    vec![
        ("code-server", allow(email("you@example.com".into()))),
        ("a thousand addresses", allow(Criterion::Email(text(StringTest::In(TextSet::new(thousand())))))),
        ("a thousand criteria", rules(Action::Allow, Operator::Or, thousand().map(email).collect())),
        ("a thousand rules", thousand().map(email).flat_map(allow).collect()),
        ("people", allow(Criterion::Email(text(StringTest::InPeople(People { names: vec!["us".into()], members }))))),
        ("a domain, in capitals", allow(Criterion::Domain(text(StringTest::Is("EXAMPLE.com".into()))))),
        ("a user", allow(Criterion::User(text(StringTest::Is("U-1".into()))))),
        ("a provider", allow(Criterion::IdentityProvider(text(StringTest::Contains("idp".into()))))),
        ("somebody", allow(Criterion::AuthenticatedUser)),
        ("nobody", rules(Action::Allow, Operator::Not, vec![email("eve@example.com".into()), Criterion::Reject])),
        ("a group", allow(Criterion::Groups(list(ListTest::Has("Team49".into()), Case::Sensitive)))),
        ("any group", allow(Criterion::Groups(list(ListTest::HasAny(texts(["team1", "x"])), Case::Insensitive)))),
        ("all groups", allow(Criterion::Groups(list(ListTest::HasAll(texts(["Team1", "Team2"])), Case::Sensitive)))),
        ("a group by glob", allow(Criterion::Groups(list(ListTest::Glob(glob("T*9")), Case::Sensitive)))),
        ("a claim", allow(claim(ListTest::Has("security".into()), Case::Insensitive))),
        ("a claim that is a number", allow(claim(ListTest::HasAny(texts(["2.5"])), Case::Sensitive))),
        ("a claim by expression", allow(claim(ListTest::Matches(regex("s[e-f]cu.*y")), Case::Insensitive))),
        ("a method", allow(Criterion::AuthenticationMethod(list(ListTest::Has("otp".into()), Case::Sensitive)))),
        ("an age", allow(Criterion::AuthenticationAge(Age { at_most: Some(Duration::from_secs(60)), at_least: None }))),
        ("an expression", allow(Criterion::HttpPath(text(StringTest::Matches(regex(r"/A/[\w ]+/(\d{1,9})?")))))),
        ("a path", allow(Criterion::HttpPath(text(StringTest::Glob(glob("/a/**")))))),
        (
            "networks",
            allow(Criterion::SourceIp(Networks::new(networks.map(|n| Networks::parse_one(&n).unwrap()).collect()))),
        ),
        ("a header", allow(header("x-env", text(StringTest::EndsWith("UCTION".into()))))),
        ("the client", allow(Criterion::UserAgent(text(StringTest::StartsWith("mozilla/".into()))))),
        (
            "a parameter",
            allow(Criterion::HttpQuery { name: "a b".into(), matcher: text(StringTest::Is("c+d".into())) }),
        ),
        (
            "a date",
            allow(Criterion::Date(DateRange { after: Some("2026-01-01T00:00:00Z".parse().unwrap()), before: None })),
        ),
        ("days", allow(Criterion::DayOfWeek(Days::new([Weekday::Monday], berlin())))),
        (
            "a time",
            allow(Criterion::TimeOfDay(TimeOfDay { after: Some(time(0, 0, 0, 0)), before: None, zone: berlin() })),
        ),
        ("no socket", allow(Criterion::Websocket(false))),
    ]
}

/// Criteria that do not let anybody in, whoever asks.
fn refusals() -> Vec<(&'static str, Vec<Rule>)> {
    let fingerprints = Some(texts(["ab"]));
    vec![
        ("no rule", Vec::new()),
        ("nothing", allow(Criterion::Reject)),
        ("no pre-flight", allow(Criterion::CorsPreflight)),
        (
            "no certificate",
            allow(Criterion::ClientCertificate(CertificateMatcher { fingerprints, ..Default::default() })),
        ),
        ("an unclear path", allow(Criterion::HttpPath(text(StringTest::EndsWith("//C".into()))))),
        ("a deny rule", rules(Action::Deny, Operator::Or, vec![Criterion::InvalidClientCertificate])),
    ]
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-env", HeaderValue::from_static("Production"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"));
    headers
}

/// What is decided, and how often the heap was asked for while it was.
fn decide(rules: Vec<Rule>, path: &str, visitor: Visitor<'_>) -> (Verdict, u64) {
    let (host, path) = (Hostname::parse("code.example.test").unwrap(), NormalPath::parse(path).unwrap());
    let headers = headers();
    let facts = Facts {
        method: &Method::GET,
        host: &host,
        path: &path,
        query: Some("z=1&a+b=C%2bd"),
        headers: &headers,
        source_ip: "::ffff:192.0.2.1".parse::<IpAddr>().unwrap(),
        client_certificate: &Presented::Nothing,
        websocket: false,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(NOW),
    };
    let policy = Policy::new(RouteId::new("code"), rules);
    let shadow = Shadow::new(policy.clone());
    // An expression learns from the first text it meets.
    for _ in 0..3 {
        let warm = (policy.decide(&facts, visitor).verdict(), shadow.judge(&facts, visitor).verdict);
        assert_eq!(warm.0, warm.1);
    }
    let mut verdict = None;
    let counted = allocation_counter::measure(|| {
        for _ in 0..10 {
            verdict = Some(policy.decide(&facts, visitor).verdict());
            shadow.judge(&facts, visitor);
        }
    });
    (verdict.unwrap(), counted.count_total)
}

#[test]
fn letting_somebody_in_allocates_nothing() {
    let you = person("you@example.com");
    for (name, rules) in policies() {
        assert_eq!(decide(rules, "/a/Some%20where/", Visitor::Known(&you)), (Verdict::Allow, 0), "{name}");
    }
}

#[test]
fn neither_does_asking_for_a_name_or_refusing() {
    let mut eve = person("eve@example.org");
    eve.groups = Groups::new(["other".to_owned()]);
    for (name, rules) in policies().into_iter().chain(refusals()) {
        for visitor in [Visitor::Anonymous, Visitor::Known(&eve)] {
            assert_eq!(decide(rules.clone(), "/b//C", visitor).1, 0, "{name}");
        }
    }
    for (name, rules) in refusals() {
        assert_eq!(decide(rules, "/b//C", Visitor::Known(&eve)), (Verdict::Deny, 0), "{name}");
    }
}

#[test]
fn all_of_it_at_once_allocates_nothing() {
    let you = person("you@example.com");
    let all: Vec<_> = policies().into_iter().chain(refusals()).flat_map(|(_, rules)| rules).collect();
    let all: Vec<_> = all.into_iter().filter(|rule| rule.action == Action::Allow).collect();
    assert_eq!(decide(all.clone(), "/a/Some%20where/", Visitor::Known(&you)), (Verdict::Allow, 0));
    let global = all.into_iter().map(|rule| Rule { origin: Origin::Global, ..rule });
    let rules: Vec<_> = global.chain(allow(Criterion::AuthenticatedUser)).collect();
    assert_eq!(decide(rules, "/a/Some%20where/", Visitor::Known(&you)), (Verdict::Allow, 0));
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(counted.count_total, 1);
}
