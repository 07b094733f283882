//! What `doorward explain` says of a request is what the proxy does with it.

mod cases;
mod language;

use serde_json::{Value, json};

use crate::harness::browser::{Ask, Browser};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::websocket;

/// Hosts, and the keys of a route there. Every path rule, every kind of rule.
const ROUTES: [(&str, &str); 13] = [
    ("app", ANYBODY_SIGNED_IN),
    ("code", "policy: [{allow: {or: [{email: {is: alice@example.com}}, {domain: {is: corp.example}}]}}]"),
    (
        "wheel",
        "policy:\n  - allow: {and: [{groups: {has: wheel}}, {claim/team: red}]}\n  - deny: {or: [{email: {ends_with: '@contractor.example'}}]}",
    ),
    ("not", "policy: [{allow: {not: [{email: {is: alice@example.com}}]}}]"),
    ("nor", "policy: [{allow: {nor: [{groups: {has: wheel}}, {domain: {is: corp.example}}]}}]"),
    ("denying", "policy: [{allow: {or: [{accept: 1}]}}, {deny: {or: [{groups: {has: wheel}}]}}]"),
    ("cors", "cors_allow_preflight: true\nallowed_users: [alice@example.com]"),
    ("open", "allow_public_unauthenticated_access: true"),
    ("open", "path: /admin\nallowed_users: [alice@example.com]"),
    ("open", "prefix: /team\npolicy: [{allow: {or: [{groups: {has: wheel}}]}}]"),
    ("open", "regex: /v[0-9]+/.*\nallow_any_authenticated_user: true"),
    ("*.dev", "allowed_domains: [example.com]"),
    ("own.dev", "prefix: /mine\nallow_any_authenticated_user: true"),
];

/// Method, host, path with query, and headers.
type Asked = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const REQUESTS: [Asked; 34] = [
    ("GET", "app", "/", &[]),
    ("POST", "app", "/x?y=z&y=z", &[]),
    ("GET", "code", "/", &[("x-env", "prod")]),
    ("DELETE", "code", "/deep/below;x=1//y", &[]),
    ("GET", "wheel", "/", &[]),
    ("PUT", "wheel", "/%41", &[("user-agent", "curl/8")]),
    ("GET", "not", "/", &[]),
    ("GET", "nor", "/", &[]),
    ("GET", "denying", "/", &[]),
    ("POST", "denying", "/", &[]),
    ("GET", "cors", "/", &[]),
    ("OPTIONS", "cors", "/", &[]),
    ("OPTIONS", "cors", "/", &[("origin", "https://a.example"), ("access-control-request-method", "PUT")]),
    ("OPTIONS", "cors", "/", &[("access-control-request-method", "PUT")]),
    ("GET", "cors", "/", &[("origin", "https://a.example"), ("access-control-request-method", "PUT")]),
    ("GET", "open", "/", &[]),
    ("PATCH", "open", "/anything?admin=1", &[]),
    ("GET", "open", "/admin", &[]),
    ("GET", "open", "/admin/", &[]),
    ("GET", "open", "/%61dmin", &[]),
    ("GET", "open", "//admin", &[]),
    ("GET", "open", "/admin;x", &[]),
    ("GET", "open", "/team", &[]),
    ("GET", "open", "/team/a/b", &[]),
    ("GET", "open", "/teams", &[]),
    ("GET", "open", "/team;x/b", &[]),
    ("GET", "open", "/v1/x", &[]),
    ("GET", "open", "/v/x", &[]),
    ("GET", "any.dev", "/", &[]),
    ("GET", "any.dev", "/mine", &[]),
    ("GET", "own.dev", "/mine/x", &[]),
    ("GET", "own.dev", "/", &[]),
    ("GET", "own.dev", "/minerals", &[]),
    ("GET", "app", "/.doorward/signed_out", &[]),
];

/// A page of each host that asks who it is, so that the browser has its session there.
const ENTRANCES: [(&str, &str); 9] = [
    ("code", "/"),
    ("wheel", "/"),
    ("not", "/"),
    ("nor", "/"),
    ("denying", "/"),
    ("cors", "/"),
    ("open", "/admin"),
    ("any.dev", "/"),
    ("own.dev", "/mine"),
];

struct Known {
    email: &'static str,
    groups: &'static [&'static str],
    team: Option<&'static str>,
    /// How the provider saw that it is them (`amr`).
    methods: &'static [&'static str],
}

impl Known {
    fn person(&self) -> Person {
        let mut person = Person::new(self.email).in_groups(self.groups);
        if !self.methods.is_empty() {
            person = person.claim("amr", json!(self.methods));
        }
        self.team.into_iter().fold(person, |person, team| person.claim("team", team.into()))
    }

    fn arguments(&self) -> Vec<String> {
        let name = self.email.split('@').next().unwrap();
        let mut all = vec!["--as".to_owned(), self.email.to_owned(), "--user".to_owned(), format!("sub-{name}")];
        all.extend(self.groups.iter().flat_map(|group| ["--group".to_owned(), (*group).to_owned()]));
        all.extend(self.team.iter().flat_map(|team| ["--claim".to_owned(), format!("team={team}")]));
        all.extend(self.methods.iter().flat_map(|method| ["--claim".to_owned(), format!("amr={method}")]));
        all
    }
}

/// What the proxy answers to what was explained.
fn status_of(told: &Value) -> u16 {
    match (told["decision"].as_str().unwrap(), told["reasons"][0].as_str().unwrap_or_default()) {
        ("allow", _) => 200,
        ("sign-in", _) => 401,
        ("deny", "no-route") => 404,
        ("deny", "ambiguous-path" | "escaped-slash") => 400,
        ("deny", _) => 403,
        other => panic!("{other:?}"),
    }
}

async fn explained(scene: &Scene, who: Option<&Known>, more: &[String]) -> Value {
    let mut arguments = vec!["explain".to_owned(), "--json".to_owned()];
    arguments.extend(who.map(Known::arguments).unwrap_or_default());
    arguments.extend_from_slice(more);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = scene.door.command(&arguments).await;
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"))
}

#[tokio::test]
async fn a_hundred_requests_are_decided_as_they_are_explained() {
    let scene = Scene::with(|setup, upstream| {
        ROUTES.iter().fold(setup, |setup, (host, keys)| setup.route(host, upstream, keys))
    })
    .await;
    let people = [
        None,
        Some(Known { email: "alice@example.com", groups: &[], team: None, methods: &[] }),
        Some(Known { email: "x@contractor.example", groups: &["staff", "wheel"], team: Some("red"), methods: &[] }),
        Some(Known { email: "y@corp.example", groups: &["wheel"], team: Some("red"), methods: &[] }),
    ];
    let (mut asked, mut statuses) = (0, std::collections::BTreeMap::<u16, usize>::new());
    for who in &people {
        let mut browser = Browser::new();
        if let Some(known) = who {
            scene.provider.person(known.person());
            browser = scene.door.signed_in("app").await;
            for (host, path) in ENTRANCES {
                browser.visit(&scene.url(host, path)).await;
            }
        }
        for (method, host, path, headers) in REQUESTS {
            let url = scene.url(host, path);
            let mut ask = Ask::fetch(&url);
            ask.method = method.parse().unwrap();
            let mut more = vec!["--method".to_owned(), method.to_owned(), url.clone()];
            for (name, value) in headers {
                ask = ask.header(name, value);
                more.extend(["--header".to_owned(), format!("{name}: {value}")]);
            }
            let told = explained(&scene, who.as_ref(), &more).await;
            let email = who.as_ref().map_or("a stranger", |known| known.email);
            let status = browser.send(ask).await.status.as_u16();
            assert_eq!(status, status_of(&told), "{email}: {method} {url} {headers:?}: {told:#}");
            asked += 1;
            *statuses.entry(status).or_default() += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    // If one of these never came about, the test would hold less than it says.
    assert!([200, 400, 401, 403, 404].iter().all(|status| statuses.contains_key(status)), "{statuses:?}");
}

#[tokio::test]
async fn websockets_are_decided_as_they_are_explained() {
    let scene = Scene::with(|setup, upstream| {
        let public = "allow_public_unauthenticated_access: true";
        let sockets = "allow_websockets: true\npreserve_host_header: true";
        setup
            .route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{sockets}"))
            .route("open", upstream, &format!("{public}\n{sockets}"))
            .route("plain", upstream, public)
    })
    .await;
    for host in ["app", "open", "plain"] {
        let more = ["--websocket".to_owned(), scene.url(host, "/socket")];
        let told = explained(&scene, None, &more).await;
        let opened = websocket::open(&scene.door, &Browser::new(), host).await;
        let status = opened.map_or_else(|answer| answer.status, |_| 200);
        assert_eq!(status, status_of(&told), "{host}: {told:#}");
    }
}
