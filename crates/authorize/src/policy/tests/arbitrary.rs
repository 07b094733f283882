//! Policies, requests and people of every kind.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::{Age, DateRange, Days, Networks, Pattern, People, TimeOfDay};

/// A request, with whatever its facts point to.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: NormalPath,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    pub(super) source_ip: IpAddr,
    pub(super) client_certificate: Presented,
    pub(super) websocket: bool,
    pub(super) now: SystemTime,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Method::GET,
            path: NormalPath::parse("/").unwrap(),
            query: None,
            headers: HeaderMap::new(),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            client_certificate: Presented::Nothing,
            websocket: false,
            now: SystemTime::UNIX_EPOCH,
        }
    }
}

impl Request {
    pub(super) fn facts<R>(&self, run: impl FnOnce(&Facts<'_>) -> R) -> R {
        let host = Hostname::parse("code.example.test").unwrap();
        run(&Facts {
            method: &self.method,
            host: &host,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            source_ip: self.source_ip,
            client_certificate: &self.client_certificate,
            websocket: self.websocket,
            now: self.now,
        })
    }
}

pub(super) fn header_name() -> HeaderName {
    HeaderName::from_static("x-env")
}

/// Of every ten requests, some can be read in several ways.
pub(super) fn any_request() -> impl Strategy<Value = Request> {
    let headers = prop::collection::vec(select(vec!["prod", "test", "PROD", "\u{e9}"]), 0..3);
    let agents = prop::collection::vec(select(vec!["curl/8", "Mozilla/5.0"]), 0..3);
    (
        select(vec![Method::GET, Method::POST, Method::OPTIONS]),
        select(vec!["/", "/a", "/a//b", "/a/b", "/a;x/b", "/A/b", "/public//a"]),
        select(vec![None, Some(""), Some("a=1"), Some("a=1&a=2"), Some("a=%31&b=2"), Some("a=%ff"), Some("%61=2&a=1")]),
        (headers, agents, prop::bool::ANY),
        select(vec!["127.0.0.1", "::ffff:10.0.0.1", "10.0.0.1", "192.0.2.9", "2001:db8::1"]),
        0..3_usize,
        prop::bool::ANY,
        select(vec![0, 1_000, 1_800_000_000, 1_790_000_000]),
    )
        .prop_map(|(method, path, query, (lines, agents, cors), ip, shown, websocket, now)| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header_name(), HeaderValue::from_str(line).unwrap_or(HeaderValue::from_static("")));
            }
            for agent in agents {
                headers.append(header::USER_AGENT, HeaderValue::from_static(agent));
            }
            if cors {
                headers.insert(header::ORIGIN, HeaderValue::from_static("https://app.example.test"));
                headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PUT"));
            }
            Request {
                method,
                path: NormalPath::parse(path).unwrap_or_else(|_| NormalPath::parse("/").unwrap()),
                query: query.map(str::to_owned),
                headers,
                source_ip: ip.parse().unwrap(),
                client_certificate: presented()[shown].clone(),
                websocket,
                now: SystemTime::UNIX_EPOCH + Duration::from_secs(now),
            }
        })
}

const ADDRESSES: [&str; 4] = ["alice@example.com", "bob@example.com", "Alice@Example.COM", "carol@example.org"];
const NAMES: [&str; 7] = ["staff", "Staff", "admins", "security", "1", "true", "u-1"];

fn texts(of: &'static [&'static str]) -> impl Strategy<Value = TextSet> {
    prop::collection::vec(select(of), 0..4).prop_map(|texts| TextSet::new(texts.into_iter().map(str::to_owned)))
}

fn any_case() -> impl Strategy<Value = Case> {
    select(vec![Case::Sensitive, Case::Insensitive])
}

fn people(members: TextSet) -> People {
    People { names: vec!["us".into()], members }
}

/// Tests of a whole text, most of which one look-up answers.
fn naming_tests(of: &'static [&'static str]) -> impl Strategy<Value = Vec<StringTest>> {
    let test = prop_oneof![
        4 => select(of).prop_map(|text| StringTest::Is(text.into())),
        2 => texts(of).prop_map(StringTest::In),
        2 => texts(of).prop_map(|texts| StringTest::InPeople(people(texts))),
        1 => select(of).prop_map(|text| StringTest::Not(text.into())),
        1 => texts(of).prop_map(StringTest::NotIn),
        1 => texts(of).prop_map(|texts| StringTest::NotInPeople(people(texts))),
        1 => select(of).prop_map(|text| StringTest::StartsWith(text[..1].into())),
    ];
    prop_oneof![5 => test.clone().prop_map(|test| vec![test]), 1 => prop::collection::vec(test, 0..3)]
}

fn string_matcher(of: &'static [&'static str]) -> impl Strategy<Value = StringMatcher> {
    (naming_tests(of), any_case()).prop_map(|(tests, case)| StringMatcher::new(tests, case))
}

fn list_matcher(of: &'static [&'static str]) -> impl Strategy<Value = ListMatcher> {
    let test = prop_oneof![
        4 => select(of).prop_map(|text| ListTest::Has(text.into())),
        3 => texts(of).prop_map(ListTest::HasAny),
        1 => texts(of).prop_map(ListTest::HasAll),
        1 => select(of).prop_map(|text| ListTest::Is(text.into())),
        1 => select(of).prop_map(|text| ListTest::Exclude(text.into())),
    ];
    let tests = prop_oneof![5 => test.clone().prop_map(|test| vec![test]), 1 => prop::collection::vec(test, 0..3)];
    (tests, any_case()).prop_map(|(tests, case)| ListMatcher::new(tests, case))
}

/// Criteria that ask who somebody is.
pub(super) fn naming_criterion() -> impl Strategy<Value = Criterion> {
    prop_oneof![
        3 => string_matcher(&ADDRESSES).prop_map(Criterion::Email),
        1 => string_matcher(&["example.com", "EXAMPLE.com", "example.org"]).prop_map(Criterion::Domain),
        1 => string_matcher(&["u-1", "U-1", "u-2"]).prop_map(Criterion::User),
        1 => string_matcher(&["https://idp.test", "doorward"]).prop_map(Criterion::IdentityProvider),
        3 => list_matcher(&NAMES).prop_map(Criterion::Groups),
        2 => (select(vec!["department", "nested/level", "nested", "none", "flag"]), list_matcher(&NAMES))
            .prop_map(|(path, matcher)| Criterion::Claim { path: path.into(), matcher }),
        1 => list_matcher(&["pwd", "otp", "2"]).prop_map(Criterion::AuthenticationMethod),
    ]
}

/// Criteria that are answered of people only: whoever passes them must be known.
pub(super) fn personal_criterion() -> impl Strategy<Value = Criterion> {
    prop_oneof![
        5 => naming_criterion(),
        1 => Just(Criterion::AuthenticatedUser),
        1 => select(vec![60, 2_000_000_000]).prop_map(|seconds| Criterion::AuthenticationAge(Age {
            at_most: Some(Duration::from_secs(seconds)),
            at_least: None,
        })),
    ]
}

/// Criteria on what can be read in several ways.
pub(super) fn doubtful_criterion() -> impl Strategy<Value = Criterion> {
    prop_oneof![
        string_matcher(&["/", "/a", "/a/b", "/A/b"]).prop_map(Criterion::HttpPath),
        Just(Criterion::HttpPath(StringMatcher::new(
            vec![StringTest::Glob(Pattern::glob("/a/*", Case::Sensitive).unwrap())],
            Case::Sensitive,
        ))),
        string_matcher(&["prod", "test"]).prop_map(|matcher| Criterion::HttpHeader { name: header_name(), matcher }),
        string_matcher(&["1", "2"]).prop_map(|matcher| Criterion::HttpQuery { name: "a".into(), matcher }),
        string_matcher(&["curl/8"]).prop_map(Criterion::UserAgent),
    ]
}

/// Criteria that need nobody known.
pub(super) fn impersonal_criterion() -> impl Strategy<Value = Criterion> {
    let utc = || TimeZone::UTC;
    prop_oneof![
        4 => doubtful_criterion(),
        1 => Just(Criterion::Accept),
        2 => Just(Criterion::Reject),
        1 => Just(Criterion::CorsPreflight),
        1 => Just(Criterion::InvalidClientCertificate),
        1 => select(vec!["ab", "ef"]).prop_map(fingerprint),
        1 => string_matcher(&["GET", "get", "POST"]).prop_map(Criterion::HttpMethod),
        1 => select(vec!["10.0.0.0/8", "::/0", "127.0.0.1"])
            .prop_map(|text| Criterion::SourceIp(Networks::new(vec![Networks::parse_one(text).unwrap()]))),
        1 => prop::bool::ANY.prop_map(Criterion::Websocket),
        1 => Just(Criterion::Date(DateRange { after: Some("2026-01-01T00:00:00Z".parse().unwrap()), before: None })),
        1 => Just(Criterion::DayOfWeek(Days::new([Weekday::Thursday, Weekday::Friday], utc()))),
        1 => Just(Criterion::TimeOfDay(TimeOfDay { after: Some(time(8, 0, 0, 0)), before: None, zone: utc() })),
    ]
}

pub(super) fn any_criterion() -> impl Strategy<Value = Criterion> {
    prop_oneof![3 => personal_criterion(), 2 => impersonal_criterion()]
}

fn any_origin() -> impl Strategy<Value = Origin> {
    prop_oneof![
        4 => Just(Origin::Route),
        2 => Just(Origin::Named(Arc::from("team"))),
        2 => Just(Origin::Global),
        1 => Just(Origin::ClientCertificates),
    ]
}

pub(super) fn rule_of(criterion: impl Strategy<Value = Criterion>) -> impl Strategy<Value = Rule> {
    let action = prop_oneof![3 => Just(Allow), 1 => Just(Deny)];
    let operator = prop_oneof![2 => Just(Or), 1 => Just(And), 1 => Just(Not), 1 => Just(Nor)];
    (action, operator, prop::collection::vec(criterion, 0..5), any_origin(), 0..100_u32)
        .prop_map(|(action, operator, criteria, origin, line)| Rule { action, operator, criteria, origin, line })
}

pub(super) fn any_rule() -> impl Strategy<Value = Rule> {
    rule_of(any_criterion())
}

pub(super) fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(any_rule(), 0..7)
}

pub(super) fn any_identity() -> impl Strategy<Value = Identity> {
    let email = prop_oneof![
        4 => select(&ADDRESSES[..]).prop_map(|text| VerifiedEmail::Verified(Email::parse(text).unwrap())),
        1 => Just(VerifiedEmail::Unverified(Email::parse("alice@example.com").unwrap())),
        1 => Just(VerifiedEmail::Absent),
    ];
    let claims = select(vec![
        "{}",
        r#"{"department": "security", "flag": true, "amr": ["pwd", "otp"], "acr": 2}"#,
        r#"{"nested": {"level": [1, 2.5, "staff", null]}, "department": "Security", "amr": "pwd"}"#,
    ]);
    let groups = prop::collection::vec(select(&NAMES[..]), 0..5);
    (email, claims, groups, select(vec!["u-1", "U-1", "u-2"]), select(vec!["https://idp.test", "doorward"])).prop_map(
        |(email, claims, groups, id, issuer)| Identity {
            subject: Subject { issuer: issuer.into(), id: id.into() },
            email,
            name: None,
            groups: Groups::new(groups.into_iter().map(str::to_owned)),
            claims: Claims::new(serde_json::from_str(claims).unwrap()),
            authenticated_at: SystemTime::UNIX_EPOCH,
        },
    )
}
