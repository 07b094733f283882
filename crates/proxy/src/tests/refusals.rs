//! What is answered by us, and how.

use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward_authorize::RouteId;
use doorward_config::{Limit, PathRule, Redirect, StaticResponse, Target};
use doorward_hygiene::{Hostname, Scheme};
use doorward_transport::Arrival;
use http::StatusCode;

use super::support::*;

async fn alices() -> (Front, Seen) {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(with_policy(route(upstream_at(address)), only(ALICE))).await;
    front.visitors.sign_in(ALICE).await;
    front.visitors.sign_in(BOB).await;
    (front, seen)
}

fn with_cookie(value: &str) -> String {
    format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={value}")
}

#[tokio::test]
async fn policy_lets_in_whom_it_names_and_nobody_else() {
    let (front, seen) = alices().await;
    assert_eq!(front.ask(&with_cookie(ALICE), "").await.status, 200);
    assert_eq!(seen.all().len(), 1);
    assert_eq!(front.ask(&with_cookie(BOB), "").await.status, 403);
    assert_eq!(front.get("/").await.status, 401);
    assert_eq!(front.ask("GET / HTTP/1.1\r\naccept: text/html", "").await.status, 302);
    assert_eq!(front.ask("POST / HTTP/1.1\r\naccept: text/html", "x").await.status, 401);
    assert_eq!(seen.all().len(), 1, "nothing but Alice's request arrived");
}

#[tokio::test]
async fn a_stale_cookie_is_no_session_and_a_store_that_is_down_is_503() {
    let (front, seen) = alices().await;
    assert_eq!(front.ask(&with_cookie("stale"), "").await.status, 401);
    let down = front.ask(&with_cookie("down"), "").await;
    assert_eq!((down.status, down.header("retry-after")), (503, Some("5")));
    assert_eq!(front.visitors.store_asked.load(Ordering::Relaxed), 2);
    assert_eq!(front.get("/").await.status, 401);
    assert_eq!(front.visitors.store_asked.load(Ordering::Relaxed), 2, "without a ticket nobody is asked");
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn an_ended_session_is_none_even_when_it_is_still_cached() {
    let (front, seen) = alices().await;
    let session = front.visitors.sign_in(ALICE).await;
    front.visitors.sign_out(&session).await;
    assert_eq!(front.ask(&with_cookie(ALICE), "").await.status, 401);
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn a_refusal_is_in_the_form_that_was_asked_for() {
    let (front, _) = alices().await;
    for (accept, content_type) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/plain", "text/plain; charset=utf-8"),
    ] {
        let reply = front.ask(&format!("{}\r\naccept: {accept}", with_cookie(BOB)), "").await;
        assert_eq!((reply.status, reply.header("content-type")), (403, Some(content_type)), "{accept}");
        assert!(reply.body.contains(reply.header("x-request-id").unwrap()), "{}", reply.body);
    }
    let html = front.ask(&format!("{}\r\naccept: text/html", with_cookie(BOB)), "").await.body;
    assert!(html.contains(BOB) && html.contains("app.test") && html.contains("mailto:help@app.test"), "{html}");
    assert!(!html.contains("unauthorized"), "a reason is for the log: {html}");
}

#[tokio::test]
async fn whatever_nobody_serves_is_404_and_a_wrong_name_for_the_connection_421() {
    let (address, _) = upstream_saying(OK).await;
    let mut app = route(upstream_at(address));
    app.path = PathRule::Prefix("/app".into());
    let front = Front::start(app.clone()).await;
    assert_eq!(front.get("/other").await.status, 404);
    assert_eq!(front.ask("GET / HTTP/1.1\r\nhost: other.test", "").await.status, 421);
    let mut settings = FrontSettings::of(vec![app]);
    settings.arrival = Arrival::Tls { sni: Some(Hostname::parse("other.test").unwrap()) };
    let other = Front::start_with(settings).await;
    assert_eq!(other.ask("GET /app HTTP/1.1\r\nhost: other.test", "").await.status, 404);
}

#[tokio::test]
async fn what_hygiene_refuses_is_answered_with_its_status() {
    let (front, _) = alices().await;
    for (head, status) in [
        ("TRACE / HTTP/1.1", 405),
        ("GET /../x HTTP/1.1", 400),
        ("GET /x HTTP/1.1\r\nhost: app.test\r\nhost: app.test", 400),
        ("GET /x HTTP/1.1\r\nhost: user@app.test", 400),
    ] {
        let reply = front.ask(head, "").await;
        assert_eq!(reply.status, status, "{head}");
        assert!(reply.header("x-request-id").is_some(), "{head}");
        assert_eq!(reply.header("allow").is_some(), status == 405, "{head}");
    }
}

#[tokio::test]
async fn our_own_endpoints_are_ours_on_every_host_we_serve_and_on_no_other() {
    let (address, seen) = upstream_saying(OK).await;
    let mut settings = FrontSettings::of(vec![route(upstream_at(address))]);
    settings.arrival = Arrival::Cleartext;
    let front = Front::start_with(settings).await;
    assert_eq!(front.get("/.doorward/user").await.body, "own app.test 127.0.0.1");
    let sign_in = front.ask("GET /.doorward/user HTTP/1.1\r\nhost: sign-in.test:8443", "").await;
    assert_eq!(sign_in.body, "own sign-in.test 127.0.0.1");
    assert_eq!(front.ask("GET /.doorward/user HTTP/1.1\r\nhost: evil.test", "").await.status, 404);
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn a_wildcard_serves_one_label_and_what_is_named_comes_before_it() {
    let (address, seen) = upstream_saying(OK).await;
    let wild = |from: &str| {
        let mut wild = route(upstream_at(address));
        wild.id = RouteId::new(from);
        wild.from = doorward_hygiene::OriginPattern::parse(from).unwrap();
        with_policy(wild, everybody())
    };
    let mut own = wild("https://own.dev.test");
    own.path = PathRule::Prefix("/app".into());
    let routes = vec![wild("https://*.dev.test"), own, route(upstream_at(address))];
    let mut settings = FrontSettings::of(routes.clone());
    settings.arrival = Arrival::Cleartext;
    let front = Front::start_with(settings).await;
    for (host, path, status) in [
        ("a.dev.test", "/", 200),
        ("own.dev.test", "/app/x", 200),
        ("app.test", "/", 200),
        ("own.dev.test", "/", 404),
        ("own.dev.test:8443", "/", 404),
        ("dev.test", "/", 404),
        ("a.b.dev.test", "/", 404),
        ("a.app.test", "/", 404),
        ("a.xdev.test", "/", 404),
        ("a.dev.test.evil.com", "/", 404),
        ("evil.com", "/", 404),
        ("test", "/", 404),
        ("*.dev.test", "/", 400),
        (".dev.test", "/", 400),
        ("a.dev.test.", "/", 400),
    ] {
        let before = seen.all().len();
        let reply = front.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}"), "").await;
        assert_eq!(reply.status, status, "{host}");
        assert_eq!(seen.all().len() - before, usize::from(status == 200), "{host}");
    }
    let own = front.ask("GET /.doorward/user HTTP/1.1\r\nhost: a.dev.test", "").await;
    assert_eq!(own.body, "own a.dev.test 127.0.0.1");
    assert_eq!(front.ask("GET /.doorward/user HTTP/1.1\r\nhost: a.b.dev.test", "").await.status, 404);

    let mut settings = FrontSettings::of(routes);
    settings.arrival = Arrival::PlainOnTlsPort;
    let front = Front::start_with(settings).await;
    for (host, location) in [
        ("A.dev.test:80", Some("https://a.dev.test/x?y")),
        ("sign-in.test", Some("https://sign-in.test:8443/x?y")),
        ("a.b.dev.test", None),
        ("a.dev.test.evil.com", None),
        ("evil.com", None),
        ("*.dev.test", None),
    ] {
        let reply = front.ask(&format!("GET /x?y HTTP/1.1\r\nhost: {host}"), "").await;
        assert_eq!(reply.header("location"), location, "{host}");
    }
}

#[tokio::test]
async fn plain_http_is_sent_to_https_and_nowhere_else() {
    let (address, seen) = upstream_saying(OK).await;
    let mut other_port = route(upstream_at(address));
    other_port.id = RouteId::new("other");
    other_port.from = doorward_hygiene::OriginPattern::parse("https://two.test:8443").unwrap();
    for arrival in [Arrival::PlainOnTlsPort, Arrival::RedirectPort] {
        let mut settings = FrontSettings::of(vec![route(upstream_at(address)), other_port.clone()]);
        settings.arrival = arrival;
        let front = Front::start_with(settings).await;
        for (host, location) in [
            ("app.test", "https://app.test/a%20b?q=1"),
            ("APP.test:80", "https://app.test/a%20b?q=1"),
            ("two.test:8443", "https://two.test:8443/a%20b?q=1"),
            ("two.test", "https://two.test:8443/a%20b?q=1"),
            ("sign-in.test", "https://sign-in.test:8443/a%20b?q=1"),
        ] {
            let reply = front.ask(&format!("GET /a%20b?q=1 HTTP/1.1\r\nhost: {host}"), "").await;
            assert_eq!((reply.status, reply.header("location")), (301, Some(location)));
        }
        for (target, host, status) in [
            ("/", "evil.test", 404),
            ("/", "app.test.evil.test", 404),
            ("/", "app.test@evil.test", 400),
            ("http://evil.test/", "app.test", 400),
            ("//evil.test/..", "app.test", 400),
        ] {
            let reply = front.ask(&format!("GET {target} HTTP/1.1\r\nhost: {host}"), "").await;
            assert_eq!((reply.status, reply.header("location")), (status, None), "{target} of {host}");
        }
        let slashes = front.ask("GET //evil.test/ HTTP/1.1", "").await;
        assert_eq!(slashes.header("location"), Some("https://app.test//evil.test/"));
    }
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn redirects_and_fixed_answers_are_for_whom_policy_allows() {
    let text = Target::Response(StaticResponse { status: StatusCode::IM_A_TEAPOT, body: "tea".into() });
    let front = Front::start(with_policy(route(text), only(ALICE))).await;
    front.visitors.sign_in(ALICE).await;
    assert_eq!(front.get("/").await.status, 401);
    let reply = front.ask(&with_cookie(ALICE), "").await;
    assert_eq!((reply.status, reply.body.as_str(), reply.header("cache-control")), (418, "tea", Some("private")));

    let unchanged = Redirect {
        scheme: None,
        host: None,
        port: None,
        path: None,
        prefix_rewrite: None,
        response_code: StatusCode::TEMPORARY_REDIRECT,
        strip_query: false,
    };
    for (redirect, location) in [
        (
            Redirect { host: Some(Hostname::parse("new.test").unwrap()), ..unchanged.clone() },
            "https://new.test/old/x?q",
        ),
        (Redirect { port: Some(8443), ..unchanged.clone() }, "https://app.test:8443/old/x?q"),
        (Redirect { scheme: Some(Scheme::Http), strip_query: true, ..unchanged.clone() }, "http://app.test/old/x"),
        (Redirect { path: Some("/new".into()), ..unchanged.clone() }, "https://app.test/new?q"),
        (Redirect { prefix_rewrite: Some("/new".into()), ..unchanged.clone() }, "https://app.test/new/x?q"),
    ] {
        let code = redirect.response_code.as_u16();
        let mut moved = route(Target::Redirect(redirect));
        moved.path = PathRule::Prefix("/old".into());
        let front = Front::start(with_policy(moved, only(ALICE))).await;
        assert_eq!(front.get("/old/x?q").await.status, 401);
        front.visitors.sign_in(ALICE).await;
        let reply = front.ask(&with_cookie(ALICE).replace("GET /", "GET /old/x?q"), "").await;
        assert_eq!((reply.status, reply.header("location")), (code, Some(location)));
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502_and_the_page_does_not_name_it() {
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let front = Front::start(route(upstream_at(dead))).await;
    let reply = front.ask("GET / HTTP/1.1\r\naccept: text/html", "").await;
    assert_eq!(reply.status, 502);
    assert!(!reply.body.contains(&dead.port().to_string()), "{}", reply.body);
    assert!(reply.body.contains(reply.header("x-request-id").unwrap()));
}

#[tokio::test]
async fn a_reload_while_a_request_waits_does_not_disturb_it() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        connection.send(OK).await;
    })
    .await;
    let mut patient = route(upstream_at(address));
    patient.timeout = Limit::Never;
    let mut front = Front::start(patient).await;
    let mut connection = front.connect().await;
    connection.send(&request("GET / HTTP/1.1", "", true)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    front.reload(Vec::new());
    assert_eq!(connection.reply().await.status, 200);
    assert_eq!(front.get("/").await.status, 404);
}

#[tokio::test]
async fn the_access_line_says_what_stood_in_the_way() {
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut app = with_policy(route(upstream_at(dead)), only(ALICE));
    app.path = PathRule::Prefix("/app".into());
    let front = Front::start(app).await;
    front.visitors.sign_in(ALICE).await;
    front.visitors.sign_in(BOB).await;
    front.get("/../x").await;
    front.get("/other").await;
    front.get("//app").await;
    for visitor in [ALICE, BOB, "down"] {
        front.ask(&with_cookie(visitor).replace("GET /", "GET /app"), "").await;
    }
    let lines = front.access_lines();
    for reason in [
        "bad-path",
        "no-route",
        "ambiguous-path",
        "upstream-unreachable",
        "email-unauthorized",
        "session-store-unavailable",
    ] {
        assert!(lines.contains(&format!(r#""reason":"{reason}""#)), "{reason} in {lines}");
    }
    assert!(lines.contains(&format!(r#""upstream":"http://{dead}""#)), "{lines}");
}
