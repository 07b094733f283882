//! What a visitor, a page in their browser, or an upstream would try.

use std::sync::atomic::Ordering;

use doorward_authorize::{Action, Case, Criterion, Operator, Rule, StringMatcher, StringTest};

use super::support::*;

/// A route of Alice's whose upstream is told who asks.
async fn front_telling_who() -> (Front, Seen) {
    let (address, seen) = upstream_saying(OK).await;
    let mut route = with_policy(route(upstream_at(address)), only(ALICE));
    route.pass_identity_headers = true;
    let front = Front::start(route).await;
    front.visitors.sign_in(ALICE).await;
    (front, seen)
}

fn as_alice(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={ALICE}\r\n{headers}")
}

#[tokio::test]
async fn the_upstream_is_told_who_asks_and_never_gets_our_cookie() {
    let (front, seen) = front_telling_who().await;
    let reply = front.ask(&as_alice("cookie: app=1; __Host-doorward-attempt-x=secret; doorward=y"), "").await;
    assert_eq!(reply.status, 200);
    let got = seen.only();
    assert_eq!(header(&got, "x-doorward-claim-email"), Some(ALICE));
    assert_eq!(header(&got, "x-doorward-claim-groups"), Some("staff"));
    assert_eq!(header(&got, "x-doorward-jwt-assertion").unwrap().split('.').count(), 3);
    assert_eq!(header(&got, "cookie"), Some("app=1"));
    assert!(!got.contains("secret"));
}

#[tokio::test]
async fn a_connection_line_cannot_take_away_what_we_say() {
    let (front, seen) = front_telling_who().await;
    let named = "connection: x-doorward-jwt-assertion, X-Doorward-Claim-Email\r\n\
                 connection: x-forwarded-for, x-request-id, host, cookie, authorization\r\nauthorization: Basic eA==";
    assert_eq!(front.ask(&as_alice(named), "").await.status, 200);
    let got = seen.only();
    assert!(header(&got, "x-doorward-jwt-assertion").is_some(), "{got}");
    assert_eq!(header(&got, "x-doorward-claim-email"), Some(ALICE));
    assert_eq!(header(&got, "x-forwarded-for"), Some("127.0.0.1"));
    assert!(header(&got, "x-request-id").is_some());
    assert!(header(&got, "host").is_some());
    assert!(header(&got, "connection").is_none(), "{got}");
}

#[tokio::test]
async fn nobody_speaks_for_us_in_whatever_spelling() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    let forged = "x-doorward-jwt-assertion: forged\r\nx_doorward_jwt_assertion: forged\r\nX-Doorward_Claim-Email: forged\r\n\
                  x-forwarded-for: forged\r\nx_forwarded_for: forged\r\nx-forwarded-host: forged\r\nx-forwarded-proto: forged\r\n\
                  x-forwarded-port: forged\r\nforwarded: for=forged\r\nx-real-ip: forged\r\nx-request-id: forged\r\n\
                  x-pomerium-claim-email: forged\r\nx-original-url: /forged\r\nproxy: forged\r\nte: forged\r\n\
                  keep-alive: forged\r\nupgrade: forged\r\nproxy-authorization: forged";
    let reply = front.ask(&format!("GET / HTTP/1.1\r\n{forged}"), "").await;
    assert_eq!(reply.status, 200);
    let got = seen.only();
    assert!(!got.contains("forged"), "{got}");
    assert!(!got.to_lowercase().contains("doorward"), "an anonymous visitor has no identity headers: {got}");
    assert_ne!(reply.header("x-request-id"), Some("forged"));
}

#[tokio::test]
async fn an_upstream_cannot_speak_for_us_either() {
    let (address, _) = upstream_saying(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: __Host-doorward=stolen\r\nset-cookie: app=1\r\n\
         x-doorward-intercepted-response: true\r\nx-request-id: theirs\r\nalt-svc: h3=\":443\"\r\nconnection: x-inner\r\n\
         x-inner: 1\r\nkeep-alive: timeout=5\r\n\r\nok",
    )
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let reply = front.get("/").await;
    let head = reply.head.to_lowercase();
    assert!(head.contains("set-cookie: app=1\r\n"));
    for gone in ["stolen", "x-doorward", "theirs", "alt-svc", "x-inner", "keep-alive"] {
        assert!(!head.contains(gone), "{gone} in {head}");
    }
}

#[tokio::test]
async fn what_policy_let_one_visitor_see_stays_out_of_shared_caches() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncache-control: public, max-age=31536000\r\n\r\n";
    let (address, _) = upstream_saying(answer).await;
    let mut front = Front::start(with_policy(route(upstream_at(address)), only(ALICE))).await;
    front.visitors.sign_in(ALICE).await;
    let reply = front.ask(&as_alice("x: y"), "").await;
    assert_eq!(reply.header("cache-control"), Some("private, max-age=31536000"));
    front.reload(vec![route(upstream_at(address))]);
    assert_eq!(front.get("/").await.header("cache-control"), Some("public, max-age=31536000"));

    // Everybody but Bob: what Alice saw is not for whoever asks a cache.
    let mut rules = everybody();
    rules.extend(only(BOB).into_iter().map(|rule| Rule { action: Action::Deny, ..rule }));
    front.reload(vec![with_policy(route(upstream_at(address)), rules)]);
    let reply = front.ask(&as_alice("x: y"), "").await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("private, max-age=31536000")));
}

#[tokio::test]
async fn answers_that_are_none_are_not_passed_on() {
    for (answer, why) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nleak",
            "an upgrade nobody asked for",
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n4\r\nleak\r\n0\r\n\r\n", "a coding nobody undoes"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nleak", "two lengths"),
        ("leak\r\n\r\n", "no HTTP"),
        ("HTTP/1.1 200 OK\r\nbad header: leak\r\n\r\n", "a header that is none"),
        ("SSH-2.0-OpenSSH_9.2p1 leak\r\n", "another protocol"),
    ] {
        let (address, _) = upstream_saying(answer).await;
        let front = Front::start(route(upstream_at(address))).await;
        let reply = front.get("/").await;
        assert_eq!(reply.status, 502, "{why}: {reply:?}");
        assert!(!reply.body.contains("leak") && !reply.head.contains("leak"), "{why}: {reply:?}");
        assert_eq!(reply.header("x-doorward-intercepted-response"), Some("true"), "{why}");
    }
}

#[tokio::test]
async fn a_second_answer_smuggled_behind_the_first_reaches_nobody() {
    let (address, connections) = raw_upstream(|mut connection, number| async move {
        while connection.request().await.is_some() {
            let smuggled = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";
            connection.send(&if number == 0 { format!("{OK}{smuggled}") } else { OK.to_owned() }).await;
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    for _ in 0..5 {
        assert_eq!(front.get("/").await.body, "ok");
    }
    assert!(
        connections.load(Ordering::SeqCst) >= 2,
        "the connection with something behind its answer is not used again"
    );
}

#[tokio::test]
async fn two_lengths_in_one_answer_end_its_connection() {
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        while connection.request().await.is_some() {
            let answer =
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 40\r\n\r\n2\r\nok\r\n0\r\n\r\n";
            connection.send(answer).await;
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    for _ in 0..3 {
        let reply = front.get("/").await;
        assert_eq!((reply.status, reply.header("content-length")), (200, None));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_path_is_not_read_twice() {
    let (address, seen) = upstream_saying(OK).await;
    let mut admin = with_policy(route(upstream_at(address)), only(ALICE));
    admin.id = doorward_authorize::RouteId::new("admin");
    admin.path = doorward_config::PathRule::Prefix("/admin".into());
    let admin = with_policy(admin, only(ALICE));
    let front = Front::start_with(FrontSettings::of(vec![route(upstream_at(address)), admin])).await;
    for path in
        ["//admin", "/;x/admin", "/admin;x", "/x/../admin", "/x/%2e%2e/admin", "/%2fadmin", "/admin%00", "/\\admin"]
    {
        assert_eq!(front.get(path).await.status, 400, "{path}");
    }
    assert_eq!(front.get("/admin").await.status, 401);
    assert_eq!(front.get("/%61dmin").await.status, 401);
    assert!(seen.all().is_empty(), "{:?}", seen.all());
}

fn text(test: StringTest) -> StringMatcher {
    StringMatcher::new(vec![test], Case::Sensitive)
}

fn is(wanted: &str) -> StringMatcher {
    text(StringTest::Is(wanted.into()))
}

fn below(start: &str) -> Criterion {
    Criterion::HttpPath(text(StringTest::StartsWith(start.into())))
}

fn query(name: &str, wanted: &str) -> Criterion {
    Criterion::HttpQuery { name: name.into(), matcher: is(wanted) }
}

fn header_is(name: &'static str, wanted: &str) -> Criterion {
    Criterion::HttpHeader { name: http::HeaderName::from_static(name), matcher: is(wanted) }
}

/// Everybody, but for what this holds for.
fn all_but(criterion: Criterion) -> Vec<Rule> {
    let deny = allow(criterion).into_iter().map(|rule| Rule { action: Action::Deny, ..rule });
    everybody().into_iter().chain(deny).collect()
}

/// Everybody where this does not hold.
fn unless(criterion: Criterion) -> Vec<Rule> {
    allow(criterion).into_iter().map(|rule| Rule { operator: Operator::Not, ..rule }).collect()
}

/// Sends each of these heads, and expects none of them to reach the application.
async fn keeps_out(rules: Vec<Rule>, heads: &[&str]) {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(with_policy(route(upstream_at(address)), rules.clone())).await;
    for head in heads {
        let reply = front.ask(head, "").await;
        assert!(matches!(reply.status, 400 | 403), "{head:?} was answered with {} under {rules:?}", reply.status);
    }
    assert!(seen.all().is_empty(), "{:?}", seen.all());
}

/// Sends each of these heads, and expects the application to answer.
async fn lets_in(rules: Vec<Rule>, heads: &[&str]) {
    let (address, _) = upstream_saying(OK).await;
    let front = Front::start(with_policy(route(upstream_at(address)), rules.clone())).await;
    for head in heads {
        assert_eq!(front.ask(head, "").await.status, 200, "{head:?} under {rules:?}");
    }
}

#[tokio::test]
async fn a_rule_about_a_path_is_not_walked_around() {
    let paths = [
        "/admin",
        "/admin/x",
        "//admin",
        "/%61dmin",
        "/;x/admin",
        "/;/admin",
        "/admin;x",
        "/admin%3bx",
        "//admin//x",
        "/%2fadmin",
        "/./admin",
        "/x/../admin",
        "/x/..;/admin",
        "/%2e/admin",
        "/\\admin",
        "/admin%00",
    ];
    let heads: Vec<_> = paths.iter().map(|path| format!("GET {path} HTTP/1.1")).collect();
    let heads: Vec<_> = heads.iter().map(String::as_str).collect();
    keeps_out(all_but(below("/admin")), &heads).await;
    keeps_out(unless(below("/admin")), &heads).await;
    lets_in(all_but(below("/admin")), &["GET /x HTTP/1.1", "GET //x HTTP/1.1", "GET /?/admin HTTP/1.1"]).await;
}

#[tokio::test]
async fn a_rule_about_a_path_is_not_satisfied_by_one_that_can_be_read_as_another() {
    lets_in(allow(below("/public/")), &["GET /public/x HTTP/1.1", "GET /public//x HTTP/1.1"]).await;
    keeps_out(
        allow(below("/public/")),
        &[
            "GET //public/x HTTP/1.1",
            "GET /public;/x HTTP/1.1",
            "GET /public/../admin HTTP/1.1",
            "GET /public/..;/admin HTTP/1.1",
            "GET /public%2fx HTTP/1.1",
            "GET /admin?/public/ HTTP/1.1",
            "GET /Public/x HTTP/1.1",
            "GET http://app.test/admin?/public/ HTTP/1.1",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_rule_about_the_query_is_not_walked_around_by_saying_things_twice() {
    lets_in(allow(query("role", "reader")), &["GET /?role=reader HTTP/1.1", "GET /?x=1&role=reader HTTP/1.1"]).await;
    keeps_out(
        allow(query("role", "reader")),
        &[
            "GET /?role=reader&role=admin HTTP/1.1",
            "GET /?role=admin&role=reader HTTP/1.1",
            "GET /?role=reader&%72ole=admin HTTP/1.1",
            "GET /?role=reader%00 HTTP/1.1",
            "GET /?role=reader%26role=admin HTTP/1.1",
            "GET /?ROLE=reader HTTP/1.1",
            "GET /?role=reader&role=%ff HTTP/1.1",
            "GET /;role=reader HTTP/1.1",
            "GET /?x=1;role=reader HTTP/1.1",
            "GET /?role=reader;role=admin HTTP/1.1",
            "GET / HTTP/1.1",
        ],
    )
    .await;
    let denied = [
        "GET /?debug=1 HTTP/1.1",
        "GET /?debug=0&debug=1 HTTP/1.1",
        "GET /?debug=1&debug=0 HTTP/1.1",
        "GET /?%64ebug=%31 HTTP/1.1",
        "GET /?debug=0&debug=%ff HTTP/1.1",
        "GET /?x&&debug=1 HTTP/1.1",
        "GET /?x;debug=1 HTTP/1.1",
    ];
    keeps_out(all_but(query("debug", "1")), &denied).await;
    keeps_out(unless(query("debug", "1")), &denied).await;
    lets_in(all_but(query("debug", "1")), &["GET /?debug=0 HTTP/1.1", "GET / HTTP/1.1"]).await;
}

#[tokio::test]
async fn a_rule_about_a_header_sees_what_the_application_sees() {
    lets_in(allow(header_is("x-tenant", "a")), &["GET / HTTP/1.1\r\nX-Tenant: a"]).await;
    keeps_out(
        allow(header_is("x-tenant", "a")),
        &[
            "GET / HTTP/1.1\r\nx-tenant: a\r\nx-tenant: b",
            "GET / HTTP/1.1\r\nx-tenant: b\r\nX-TENANT: a",
            "GET / HTTP/1.1\r\nx_tenant: a",
            "GET / HTTP/1.1\r\nx-tenant: a, b",
            // Taken off before the application: it would be decided on, and not be sent.
            "GET / HTTP/1.1\r\nx-tenant: a\r\nconnection: x-tenant",
            "GET / HTTP/1.1\r\nx-tenant: a\r\nConnection: close, X-Tenant",
        ],
    )
    .await;
    keeps_out(
        all_but(header_is("x-debug", "1")),
        &["GET / HTTP/1.1\r\nx-debug: 1", "GET / HTTP/1.1\r\nx-debug: 0\r\nx-debug: 1"],
    )
    .await;
    // It does not arrive there either.
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(with_policy(route(upstream_at(address)), all_but(header_is("x-debug", "1")))).await;
    assert_eq!(front.ask("GET / HTTP/1.1\r\nx-debug: 1\r\nconnection: x-debug", "").await.status, 200);
    assert_eq!(header(&seen.only(), "x-debug"), None);
}

#[tokio::test]
async fn no_policy_believes_a_visitor_who_speaks_for_us() {
    for name in ["x-forwarded-for", "x-real-ip", "x-doorward-claim-email", "x-forwarded-proto", "x-client-cert", "te"] {
        let head = format!("GET / HTTP/1.1\r\n{name}: trailers");
        keeps_out(allow(header_is(name, "trailers")), &[&head]).await;
    }
    let source = doorward_authorize::Networks::new(vec!["10.0.0.0/8".parse().unwrap()]);
    keeps_out(
        allow(Criterion::SourceIp(source)),
        &["GET / HTTP/1.1\r\nx-forwarded-for: 10.0.0.1", "GET / HTTP/1.1\r\nforwarded: for=10.0.0.1"],
    )
    .await;
    let method = Criterion::HttpMethod(is("GET"));
    keeps_out(allow(method), &["POST / HTTP/1.1\r\nx-http-method-override: GET", "get / HTTP/1.1"]).await;
}
