//! What is written, counted and said of a decision, and what a shadow policy makes of it.

use std::time::Duration;

use doorward_authorize::{
    Action, Age, Case, Criterion, Operator, Origin, Policy, RouteId, Rule, Shadow, StringMatcher, StringTest, Verdict,
};
use doorward_config::{Route, Target};

use super::support::*;

fn as_visitor(who: &str) -> String {
    format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={who}\r\naccept: text/html")
}

fn shadowed(mut route: Route, rules: Vec<Rule>) -> Route {
    route.policy_shadow = Some(Shadow::new(Policy::new(route.id.clone(), rules)));
    route
}

/// A front that Alice and Bob are signed in to.
async fn front(route: Route) -> Front {
    let front = Front::start(route).await;
    front.visitors.sign_in(ALICE).await;
    front.visitors.sign_in(BOB).await;
    front
}

async fn answering() -> (Target, Seen) {
    let (address, seen) = upstream_saying(OK).await;
    (upstream_at(address), seen)
}

fn decided(front: &Front) -> Vec<(Verdict, &'static str, u64)> {
    front.snapshot.load().decisions().iter().map(|count| (count.decision, count.reason, count.count)).collect()
}

fn differing(front: &Front) -> Vec<(Verdict, Verdict, u64)> {
    front.snapshot.load().shadow_differences().iter().map(|count| (count.decision, count.shadow, count.count)).collect()
}

fn lines(front: &Front) -> Vec<serde_json::Value> {
    front.access_lines().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_shadow_is_seen_and_never_enforced() {
    let (target, seen) = answering().await;
    let tried = shadowed(with_policy(route(target.clone()), only(ALICE)), only(BOB));
    let front = front(tried).await;
    assert_eq!(front.ask(&as_visitor(ALICE), "").await.status, 200);
    assert_eq!(front.ask(&as_visitor(BOB), "").await.status, 403);
    assert_eq!(front.get("/").await.status, 401);
    assert_eq!(seen.all().len(), 1, "whom the shadow lets in stays out");
    assert_eq!(differing(&front), [(Verdict::Allow, Verdict::Deny, 1), (Verdict::Deny, Verdict::Allow, 1)]);
    let lines = lines(&front);
    let shadow = |line: &serde_json::Value| (line["shadow-decision"].clone(), line["shadow-reason"].clone());
    assert_eq!(shadow(&lines[0]), ("deny".into(), "email-unauthorized".into()), "{lines:?}");
    assert_eq!(shadow(&lines[1]), ("allow".into(), "email-ok".into()));
    assert_eq!((&lines[1]["decision"], &lines[1]["reason"]), (&"deny".into(), &"email-unauthorized".into()));
    assert_eq!(shadow(&lines[2]), (serde_json::Value::Null, serde_json::Value::Null), "both ask for a sign-in");
}

#[tokio::test]
async fn a_shadow_is_asked_about_websockets_too_and_a_public_one_opens_nothing() {
    let (target, seen) = answering().await;
    let mut tried = shadowed(with_policy(route(target), only(ALICE)), everybody());
    tried.upgrades.websocket = true;
    let front = front(tried).await;
    let handshake = "GET / HTTP/1.1\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nconnection: upgrade";
    let mut connection = front.connect().await;
    connection.send(&request(&format!("{handshake}\r\ncookie: __Host-doorward={BOB}"), "", false)).await;
    assert_eq!(connection.head().await.status, 403);
    let mut connection = front.connect().await;
    connection.send(&request(handshake, "", false)).await;
    assert_eq!(connection.head().await.status, 401);
    assert!(seen.all().is_empty());
    assert_eq!(differing(&front), [(Verdict::SignIn, Verdict::Allow, 1), (Verdict::Deny, Verdict::Allow, 1)]);
}

#[tokio::test]
async fn decisions_are_counted_by_route_and_first_reason() {
    let (target, _) = answering().await;
    let mut front = front(with_policy(route(target.clone()), only(ALICE))).await;
    for _ in 0..2 {
        front.ask(&as_visitor(ALICE), "").await;
    }
    front.ask(&as_visitor(BOB), "").await;
    front.get("/").await;
    // None of these is a decision of a policy.
    front.ask("GET / HTTP/1.1\r\nhost: elsewhere.test", "").await;
    front.get("/../x").await;
    front.ask(&as_visitor("down"), "").await;
    front.get("/.doorward/").await;
    let counted = [
        (Verdict::Allow, "email-ok", 2),
        (Verdict::SignIn, "user-unauthenticated", 1),
        (Verdict::Deny, "email-unauthorized", 1),
    ];
    assert_eq!(decided(&front), counted);

    // They go on over a reload, and the next configuration's requests are added.
    let mut other = with_policy(route(target.clone()), Vec::new());
    other.id = RouteId::new("other");
    other.from = doorward_hygiene::OriginPattern::parse("https://other.test").unwrap();
    front.reload(vec![with_policy(route(target.clone()), only(BOB)), other.clone()]);
    assert_eq!(decided(&front), counted);
    front.ask(&as_visitor(BOB), "").await;
    assert_eq!(decided(&front)[0], (Verdict::Allow, "email-ok", 3));
    // A route that is gone is forgotten; when it comes back it begins again.
    front.reload(vec![other]);
    assert_eq!(decided(&front), []);
    front.reload(vec![with_policy(route(target), only(ALICE))]);
    assert_eq!(decided(&front), []);
}

#[tokio::test]
async fn a_policy_without_rules_is_counted_and_no_rule_is_named() {
    let (target, _) = answering().await;
    let front = front(with_policy(route(target), Vec::new())).await;
    assert_eq!(front.get("/").await.status, 403);
    let counts: Vec<_> = decided(&front).into_iter().map(|(verdict, _, count)| (verdict, count)).collect();
    assert_eq!(counts, [(Verdict::Deny, 1)]);
    assert_eq!(lines(&front)[0]["rule"], "none");
}

#[tokio::test]
async fn the_access_line_names_the_rule_that_denied() {
    let (target, _) = answering().await;
    let bob = StringMatcher::new(vec![StringTest::Is(BOB.into())], Case::Insensitive);
    let deny = Rule {
        action: Action::Deny,
        operator: Operator::Or,
        criteria: vec![Criterion::Email(bob)],
        origin: Origin::Route,
        line: 14,
    };
    let rules = [everybody(), vec![deny]].concat();
    let front = front(with_policy(route(target), rules)).await;
    assert_eq!(front.ask(&as_visitor(ALICE), "").await.status, 200);
    assert_eq!(front.ask(&as_visitor(BOB), "").await.status, 403);
    assert_eq!(front.get("/").await.status, 401);
    let lines = lines(&front);
    let rule = |line: &serde_json::Value| (line["rule"].clone(), line["rule-line"].clone());
    assert_eq!(rule(&lines[0]), (serde_json::Value::Null, serde_json::Value::Null));
    assert_eq!(rule(&lines[1]), ("2".into(), 14.into()));
    // The rule that allows everybody is not the one that has to know who it is.
    assert_eq!((&lines[2]["decision"], &lines[2]["rule"]), (&"sign-in".into(), &"none".into()), "{}", lines[2]);
}

#[tokio::test]
async fn a_denied_visitor_is_told_nothing_of_the_rules_unless_the_route_says_so() {
    let (target, _) = answering().await;
    let mut app = with_policy(route(target), only(ALICE));
    let front_silent = front(app.clone()).await;
    for accept in ["text/html", "application/json", "text/plain"] {
        let reply = front_silent.ask(&as_visitor(BOB).replace("text/html", accept), "").await;
        assert_eq!(reply.status, 403);
        for word in ["alice", "need", "rule ", "unauthorized", "reason"] {
            assert!(!reply.body.contains(word), "{accept}: {word} in {}", reply.body);
        }
        assert!(reply.body.contains("help@app.test"), "{}", reply.body);
    }
    app.show_error_details = true;
    let front_telling = front(app).await;
    let needed = "You need an e-mail address that is on the list.";
    for accept in ["text/html", "application/json", "text/plain"] {
        let reply = front_telling.ask(&as_visitor(BOB).replace("text/html", accept), "").await;
        assert!(reply.body.contains(needed) && !reply.body.contains("alice"), "{accept}: {}", reply.body);
    }
    let json = front_telling.ask(&as_visitor(BOB).replace("text/html", "application/json"), "").await;
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!((&json["error"], &json["needed"]), (&"forbidden".into(), &needed.into()));
    assert!(json["request_id"].is_string() && json.get("reason").is_none(), "{json}");
}

#[tokio::test]
async fn whoever_signed_in_too_long_ago_is_offered_to_do_it_again() {
    let (target, _) = answering().await;
    let fresh = Criterion::AuthenticationAge(Age { at_most: None, at_least: Some(Duration::from_secs(3600)) });
    let deny = Rule { action: Action::Deny, ..allow(fresh.clone()).remove(0) };
    let old = Criterion::AuthenticationAge(Age { at_most: None, at_least: Some(Duration::ZERO) });
    let mut app =
        with_policy(route(target.clone()), [everybody(), vec![Rule { criteria: vec![old], ..deny }]].concat());
    let silent = front(app.clone()).await.ask(&as_visitor(BOB), "").await.body;
    assert!(silent.contains("Sign in as somebody else"), "{silent}");
    app.show_error_details = true;
    let told = front(app).await.ask(&as_visitor(BOB), "").await.body;
    assert!(told.contains("(sign in again)") && told.contains(">Sign in again</a>"), "{told}");
}

#[tokio::test]
async fn answers_are_public_only_where_nobody_is_ever_kept_out() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncache-control: public, max-age=60\r\n\r\n";
    let (address, _) = upstream_saying(answer).await;
    let path = Criterion::HttpPath(StringMatcher::new(vec![StringTest::Is("/".into())], Case::Sensitive));
    let global = |rules: Vec<Rule>| rules.into_iter().map(|rule| Rule { origin: Origin::Global, ..rule });
    let with = |operator, criteria| vec![Rule { operator, criteria, ..allow(Criterion::Accept).remove(0) }];
    for (rules, public) in [
        (everybody(), true),
        (with(Operator::Or, vec![path.clone(), Criterion::Accept]), true),
        ([everybody(), only(ALICE)].concat(), true),
        (global(everybody()).chain(everybody()).collect(), true),
        (with(Operator::Or, vec![path.clone()]), false),
        (everybody().into_iter().chain(with(Operator::Nor, vec![path.clone()])).collect(), true),
        (with(Operator::And, vec![path.clone(), Criterion::Accept]), false),
        (global(allow(path.clone())).chain(everybody()).collect(), false),
        (global(everybody()).chain(allow(path.clone())).collect(), false),
        (
            everybody()
                .into_iter()
                .chain(global(allow(Criterion::Reject)).map(|rule| Rule { action: Action::Deny, ..rule }))
                .collect(),
            false,
        ),
    ] {
        let text = format!("{rules:?}");
        let reply = front(with_policy(route(upstream_at(address)), rules)).await.get("/").await;
        let expected = if public { "public, max-age=60" } else { "private, max-age=60" };
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some(expected)), "{text}");
    }
    // A `not` about people asks strangers who they are, and who has signed in is no stranger to a cache either.
    let not_alice = only(ALICE).into_iter().map(|rule| Rule { operator: Operator::Not, ..rule });
    let front =
        front(with_policy(route(upstream_at(address)), everybody().into_iter().chain(not_alice).collect())).await;
    assert_eq!(front.get("/").await.status, 401);
    let reply = front.ask(&as_visitor(BOB), "").await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("private, max-age=60")));
}
