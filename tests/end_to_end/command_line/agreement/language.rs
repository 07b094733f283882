//! The whole policy language: each criterion and matcher, named policies, people, a global policy, policies on trial.

use std::collections::{BTreeMap, BTreeSet};

use super::cases::{GLOBAL, KEYS, PEOPLE, REQUESTS, REQUIRED, all_but, allow, asks_all, routes};
use super::{Asked, Known, explained, status_of};
use crate::harness::browser::{Ask, Browser};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene, WEBSOCKETS};
use crate::harness::websocket;

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
        // The requests are decided by what they are, whoever else asks.
        let requests = if asks_all(who) { &REQUESTS[..] } else { &[] };
        for asked in requests {
            seen.ask(&scene, who, &mut browser, *asked).await;
        }
    }
    assert!(seen.asked > 300, "{}", seen.asked);
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
            let told = explained(&scene, who, std::slice::from_ref(&url)).await;
            let status = browser.fetch(&url).await.status.as_u16();
            assert_eq!(status, status_of(&told), "{host}, no WebSocket: {told:#}");
        }
    }
    for seen in [("only", 200), ("never", 403), ("not", 403), ("staff", 200), ("staff", 401), ("staff", 403)] {
        assert!(statuses.contains(&seen), "{seen:?}: {statuses:?}");
    }
}
