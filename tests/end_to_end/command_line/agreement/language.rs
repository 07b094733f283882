//! The whole policy language: each criterion and matcher, named policies, people, a global policy, policies on trial.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Known, explained, status_of};
use crate::harness::browser::{Ask, Browser};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene, WEBSOCKETS};
use crate::harness::websocket;

/// One sign-in for all hosts, as many of them ask nobody who they are.
const KEYS: &str = "cookie_domain: example.test
people:
  house: [alice@example.com, guests]
  guests: [x@contractor.example, sub-y]
policies:
  team:
    - allow: {or: [{groups: {has: wheel}}]}
    - deny: {or: [{http_method: DELETE}]}
  readers:
    - allow: {and: [{http_method: {in: [GET, HEAD]}}, {email: {in_people: house}}]}";

const GLOBAL: &str = "global_policy:
  - deny:
      or:
        - http_header/X-Blocked: \"1\"
        - http_path: {contains: .git}
        - email: former@example.com";

/// Whom the global policy lets in at all; and a header that no visitor of a company sends.
const REQUIRED: &str = "global_policy:
  - allow:
      or:
        - domain: {in: [example.com, corp.example]}
        - http_header/X-Ci: {matches: 'job-[0-9]+'}
  - deny: {or: [{source_ip: 192.0.2.0/24}, {http_query/debug: \"1\"}]}";

/// A policy of one allow rule with one criterion.
fn allow(criterion: &str) -> String {
    format!("policy: [{{allow: {{or: [{{{criterion}}}]}}}}]")
}

/// One that lets in everybody but for this criterion.
fn all_but(criterion: &str) -> String {
    format!("policy: [{{allow: {{or: [{{accept: true}}]}}}}, {{deny: {{or: [{{{criterion}}}]}}}}]")
}

fn routes() -> Vec<(&'static str, String)> {
    let rules = |text: &str| text.to_owned();
    vec![
        ("app", rules(ANYBODY_SIGNED_IN)),
        ("header", allow("http_header/X-Env: {in: [prod, test]}")),
        ("no-header", all_but("http_header/X-Debug: {is: 'YES', ignore_case: true}")),
        ("query", allow("http_query/key: abc")),
        ("no-query", all_but("http_query/key: abc")),
        ("path", allow("http_path: {starts_with: /pub}")),
        ("no-path", all_but("http_path: {starts_with: /admin}")),
        ("glob", allow("http_path: {glob: '/docs/*/*.html'}")),
        ("globs", all_but("http_path: {glob: '/private/**'}")),
        ("matches", allow("http_path: {matches: '/v[0-9]+/.*'}")),
        ("method", allow("http_method: {in: [GET, PUT]}")),
        ("agent", allow("user_agent: {contains: CURL, ignore_case: true}")),
        ("here", allow("source_ip: [127.0.0.0/8, '::1']")),
        ("there", all_but("source_ip: 127.0.0.1")),
        ("mfa", allow("authentication_method: {has: mfa}")),
        ("provider", allow("identity_provider: {starts_with: 'http://127.0.0.1:'}")),
        ("built-in", allow("identity_provider: doorward")),
        ("fresh", allow("authentication_age: 8h")),
        ("stale", allow("authentication_age: {at_least: 1h}")),
        ("any", allow("groups: {has_any: [wheel, admins]}")),
        ("both", allow("groups: {has_all: [wheel, staff]}")),
        ("claim", allow("claim/team: {has_any: [red, green]}")),
        ("folded", allow("user: {is: SUB-ALICE, ignore_case: true}")),
        ("house", allow("email: {in_people: house}")),
        ("users", allow("user: {in_people: [guests]}")),
        ("strangers", allow("email: {not_in_people: house}")),
        ("team", rules("policy: team")),
        ("mixed", rules("policy: [team, readers, {allow: {and: [{http_query/token: t}]}}]")),
        ("noon", allow("time_of_day: {timezone: Europe/Berlin, after: '00:00'}")),
        ("never", allow("time_of_day: {timezone: UTC, after: '2 PM', before: '1 PM'}")),
        ("since", allow("date: {after: 2020-01-01}")),
        ("before", allow("date: {before: 2020-01-01, timezone: America/New_York}")),
        ("weekend", all_but("day_of_week: mon-sun")),
        ("trial", rules(&format!("{ANYBODY_SIGNED_IN}\npolicy_shadow: [{{deny: {{or: [{{accept: true}}]}}}}]"))),
        (
            "tried",
            rules(
                "policy: [{allow: {or: [{email: alice@example.com}]}}]\npolicy_shadow: [{allow: {or: [{accept: true}]}}]",
            ),
        ),
        ("neither", rules("policy: [{allow: {not: [{http_query/key: abc}, {http_path: {starts_with: /admin}}]}}]")),
        ("nor", rules("policy: [{allow: {nor: [{http_header/X-Env: prod}, {authenticated_user: true}]}}]")),
    ]
}

/// Besides the front page of every host.
const REQUESTS: [Asked; 64] = [
    ("GET", "app", "/a/.git/config", &[]),
    ("GET", "no-path", "/", &[("x-blocked", "1")]),
    ("GET", "house", "/", &[("x-blocked", "0"), ("x-blocked", "1")]),
    ("GET", "trial", "/x%2egit", &[]),
    ("GET", "header", "/", &[("x-env", "prod")]),
    ("GET", "header", "/", &[("x-env", "prod"), ("x-env", "prod")]),
    ("GET", "header", "/", &[("x-env", "prod"), ("x-env", "else")]),
    ("GET", "header", "/", &[("x-env", "prod,test")]),
    ("GET", "header", "/", &[("x-env", "PROD")]),
    ("GET", "no-header", "/", &[("x-debug", "yes")]),
    ("GET", "no-header", "/", &[("x-debug", "no")]),
    ("GET", "no-header", "/", &[("x-debug", "no"), ("x-debug", "yEs")]),
    ("GET", "query", "/?key=abc", &[]),
    ("GET", "query", "/?key=abc&key=abc", &[]),
    ("GET", "query", "/?key=abc&key=x", &[]),
    ("GET", "query", "/?a=b;key=abc", &[]),
    ("GET", "query", "/?key=abc;a=b", &[]),
    ("GET", "query", "/?%6bey=a%62c", &[]),
    ("GET", "query", "/?key[]=abc", &[]),
    ("GET", "query", "/?KEY=abc", &[]),
    ("GET", "no-query", "/?key=abc", &[]),
    ("GET", "no-query", "/?key=abc&key=abc", &[]),
    ("GET", "no-query", "/?key=x&key=abc", &[]),
    ("GET", "no-query", "/?a=b;key=abc", &[]),
    ("GET", "no-query", "/?a=b;c=d", &[]),
    ("GET", "no-query", "/?key=x", &[]),
    ("GET", "path", "/pub/x", &[]),
    ("GET", "path", "//pub", &[]),
    ("GET", "path", "/%70ub", &[]),
    ("GET", "path", "/;x/pub", &[]),
    ("GET", "path", "/pub;x", &[]),
    ("GET", "no-path", "/admin", &[]),
    ("GET", "no-path", "//admin", &[]),
    ("GET", "no-path", "/%61dmin", &[]),
    ("GET", "no-path", "/;x/admin", &[]),
    ("GET", "no-path", "/ADMIN", &[]),
    ("GET", "no-path", "/other//x", &[]),
    ("GET", "glob", "/docs/a/b.html", &[]),
    ("GET", "glob", "/docs/a/b/c.html", &[]),
    ("GET", "glob", "/docs//b.html", &[]),
    ("GET", "globs", "/private/a/b", &[]),
    ("GET", "globs", "/;/private/a", &[]),
    ("GET", "globs", "/public", &[]),
    ("GET", "matches", "/v12/x", &[]),
    ("GET", "matches", "/x/v12/x", &[]),
    ("GET", "matches", "//v1/x", &[]),
    ("PUT", "method", "/", &[]),
    ("POST", "method", "/", &[]),
    ("OPTIONS", "method", "/", &[]),
    ("GET", "agent", "/", &[("user-agent", "curl/8.5")]),
    ("GET", "agent", "/", &[("user-agent", "Mozilla/5.0")]),
    ("GET", "agent", "/", &[("user-agent", "curl/8.5"), ("user-agent", "Mozilla/5.0")]),
    ("DELETE", "team", "/", &[]),
    ("DELETE", "mixed", "/", &[]),
    ("POST", "mixed", "/", &[]),
    ("POST", "mixed", "/?token=t", &[]),
    ("POST", "mixed", "/?token=t&token=u", &[]),
    ("POST", "trial", "/?x=y", &[]),
    ("GET", "neither", "/?key=abc", &[]),
    ("GET", "neither", "/?key=x&key=abc", &[]),
    ("GET", "neither", "//admin", &[]),
    ("GET", "neither", "/?key=x", &[]),
    ("GET", "nor", "/", &[("x-env", "prod")]),
    ("GET", "nor", "/", &[("x-env", "prod"), ("x-env", "test")]),
];

const PEOPLE: [Option<Known>; 5] = [
    None,
    Some(Known { email: "alice@example.com", groups: &[], team: None, methods: &["pwd"] }),
    Some(Known { email: "x@contractor.example", groups: &["staff", "wheel"], team: Some("red"), methods: &[] }),
    Some(Known { email: "y@corp.example", groups: &["admins"], team: Some("blue"), methods: &["pwd", "mfa"] }),
    Some(Known { email: "former@example.com", groups: &["wheel"], team: Some("green"), methods: &["mfa"] }),
];

/// What came of a set of questions.
#[derive(Default)]
struct Seen {
    asked: usize,
    statuses: BTreeMap<u16, usize>,
    reasons: BTreeSet<String>,
}

impl Seen {
    /// Asks the proxy and `explain` the same.
    async fn ask(&mut self, scene: &Scene, who: Option<&Known>, browser: &mut Browser, asked: Asked) {
        let (method, host, path, headers) = asked;
        let url = scene.url(host, path);
        let mut ask = Ask::fetch(&url);
        ask.method = method.parse().unwrap();
        let mut more = vec!["--method".to_owned(), method.to_owned(), url.clone()];
        for (name, value) in headers {
            ask.headers.append(*name, value.parse().unwrap());
            more.extend(["--header".to_owned(), format!("{name}: {value}")]);
        }
        let told = explained(scene, who, &more).await;
        let status = browser.send(ask).await.status.as_u16();
        let email = who.map_or("a stranger", |known| known.email);
        assert_eq!(status, status_of(&told), "{email}: {method} {url} {headers:?}: {told:#}");
        self.asked += 1;
        *self.statuses.entry(status).or_default() += 1;
        self.reasons.extend(told["reasons"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()));
    }

    /// If one of these never came about, the test would hold less than it says.
    fn must_have(&self, reasons: &[&str]) {
        for reason in reasons {
            assert!(self.reasons.contains(*reason), "{reason} never came about: {:?}", self.reasons);
        }
        assert!([200, 401, 403].iter().all(|status| self.statuses.contains_key(status)), "{:?}", self.statuses);
    }
}

/// A browser of this person, signed in.
async fn browser_of(scene: &Scene, who: Option<&Known>) -> Browser {
    match who {
        None => Browser::new(),
        Some(known) => {
            scene.provider.person(known.person());
            let mut browser = Browser::new();
            browser.visit(&scene.url("app", "/")).await;
            browser
        }
    }
}

#[tokio::test]
async fn every_criterion_and_matcher_is_decided_as_it_is_explained() {
    let scene = Scene::with(|setup, upstream| {
        let setup = setup.with(KEYS).with(GLOBAL);
        routes().iter().fold(setup, |setup, (host, keys)| setup.route(host, upstream, keys))
    })
    .await;
    let mut seen = Seen::default();
    for who in &PEOPLE {
        let who = who.as_ref();
        let mut browser = browser_of(&scene, who).await;
        for (host, _) in routes() {
            seen.ask(&scene, who, &mut browser, ("GET", host, "/", &[])).await;
        }
        for asked in REQUESTS {
            seen.ask(&scene, who, &mut browser, asked).await;
        }
    }
    assert!(seen.asked > 400, "{}", seen.asked);
    seen.must_have(&["ambiguous-request", "email-ok", "groups-unauthorized", "user-unauthenticated"]);
}

#[tokio::test]
async fn a_global_policy_that_says_who_may_is_decided_as_it_is_explained() {
    let hosts = [
        ("app", ANYBODY_SIGNED_IN.to_owned()),
        ("open", "allow_public_unauthenticated_access: true".to_owned()),
        ("wheel", allow("groups: {has: wheel}")),
        ("ours", allow("email: {in_people: house}")),
        ("denying", all_but("http_method: DELETE")),
        ("nobody", String::new()),
        ("trial", format!("{ANYBODY_SIGNED_IN}\npolicy_shadow: team")),
    ];
    let scene = Scene::with(|setup, upstream| {
        let setup = setup.with(KEYS).with(REQUIRED);
        hosts.iter().fold(setup, |setup, (host, keys)| setup.route(host, upstream, keys))
    })
    .await;
    let requests: [Asked; 8] = [
        ("GET", "", "/", &[]),
        ("DELETE", "", "/x", &[]),
        ("GET", "", "/", &[("x-ci", "job-12")]),
        ("GET", "", "/", &[("x-ci", "job-12"), ("x-ci", "job-x")]),
        ("GET", "", "/", &[("x-ci", "a job-12")]),
        ("GET", "", "/?debug=1", &[]),
        ("GET", "", "/?debug=0&debug=1", &[("x-ci", "job-1")]),
        ("GET", "", "/?a;debug=1", &[]),
    ];
    let mut seen = Seen::default();
    for who in &PEOPLE {
        let who = who.as_ref();
        let mut browser = browser_of(&scene, who).await;
        for (host, _) in &hosts {
            for (method, _, path, headers) in requests {
                seen.ask(&scene, who, &mut browser, (method, host, path, headers)).await;
            }
        }
    }
    seen.must_have(&["ambiguous-request", "domain-unauthorized", "user-unauthenticated"]);
}

#[tokio::test]
async fn rules_about_websockets_are_decided_as_they_are_explained() {
    let hosts = [
        ("app", ANYBODY_SIGNED_IN.to_owned()),
        ("only", allow("websocket: true")),
        ("never", all_but("websocket: true")),
        ("not", allow("websocket: false")),
        ("staff", "policy: [{allow: {and: [{websocket: true}, {groups: {has: staff}}]}}]".to_owned()),
    ];
    let scene = Scene::with(|setup, upstream| {
        let setup = setup.with("cookie_domain: example.test");
        hosts.iter().fold(setup, |setup, (host, keys)| setup.route(host, upstream, &format!("{keys}\n{WEBSOCKETS}")))
    })
    .await;
    let staff = Known { email: "x@contractor.example", groups: &["staff"], team: None, methods: &[] };
    let mut statuses = BTreeSet::new();
    for who in [None, PEOPLE[1].as_ref(), Some(&staff)] {
        let mut browser = browser_of(&scene, who).await;
        for (host, _) in &hosts {
            let url = scene.url(host, "/socket");
            let told = explained(&scene, who, &["--websocket".to_owned(), url.clone()]).await;
            let opened = websocket::open(&scene.door, &browser, host).await;
            let status = opened.map_or_else(|answer| answer.status, |_| 200);
            assert_eq!(status, status_of(&told), "{host}: {told:#}");
            statuses.insert((*host, status));
            let told = explained(&scene, who, &[url.clone()]).await;
            let status = browser.fetch(&url).await.status.as_u16();
            assert_eq!(status, status_of(&told), "{host}, no WebSocket: {told:#}");
        }
    }
    for seen in [("only", 200), ("never", 403), ("not", 403), ("staff", 200), ("staff", 401), ("staff", 403)] {
        assert!(statuses.contains(&seen), "{seen:?}: {statuses:?}");
    }
}
