//! Paths, hosts and headers that are rewritten as the configuration says.

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::{Reply, Upstream};

async fn get(door: &Doorward, host: &str, path: &str) -> Answer {
    Browser::new().send(Ask::page(&door.url(host, path))).await
}

#[tokio::test]
async fn a_path_is_rewritten_by_a_pattern_and_the_application_gets_a_path_or_nothing() {
    let upstream = Upstream::start().await;
    let keys = "regex_rewrite_pattern: ^/service/([^/]+)(/.*)$\nregex_rewrite_substitution: \\2/instance/\\1";
    let door = Setup::new().route("app", &upstream.url(), &format!("{keys}\n{EVERYBODY}")).start().await;
    for (path, sent) in [
        ("/service/foo/v1/api?x=%2F", "/v1/api/instance/foo?x=%2F"),
        ("/%73ervice/f%C3%BC/v%31", "/v%31/instance/f%C3%BC"),
        ("/elsewhere", "/elsewhere"),
    ] {
        assert_eq!(get(&door, "app", path).await.status, 200, "{path}");
        assert_eq!(upstream.last().target(), sent, "{path}");
    }
    let before = upstream.arrived().len();
    let refused = get(&door, "app", "/service/foo/").await;
    assert_eq!((refused.status.as_u16(), refused.header("x-doorward-intercepted-response")), (500, Some("true")));
    assert_eq!(upstream.arrived().len(), before);
}

#[tokio::test]
async fn policy_decides_on_the_path_that_was_asked_for() {
    let upstream = Upstream::start().await;
    let keys = "regex_rewrite_pattern: ^/open/(.*)$\nregex_rewrite_substitution: /admin/\\1\n\
                policy: [{allow: {and: [{accept: true}, {http_path: {starts_with: /open/}}]}}]";
    let door = Setup::new().route("app", &upstream.url(), keys).start().await;
    assert_eq!(get(&door, "app", "/open/x").await.status, 200);
    assert_eq!(upstream.last().target(), "/admin/x");
    assert_ne!(get(&door, "app", "/admin/x").await.status, 200);
    assert_eq!(upstream.arrived().len(), 1);
}

#[tokio::test]
async fn regexes_come_by_their_priority() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let marked = |keys: &str, name: &str| format!("{keys}\n{EVERYBODY}\nset_request_headers: {{X-Route: {name}}}");
    let door = Setup::new()
        .route("app", &url, &marked("regex: /a/.*", "first"))
        .route("app", &url, &marked("regex: /a/b/.*\nregex_priority_order: 5", "higher"))
        .route("app", &url, &marked("regex: /a/b/c\nregex_priority_order: 5", "later"))
        .route("app", &url, &marked("path: /a/b/exact", "exact"))
        .start()
        .await;
    for (path, expected) in [("/a/x", "first"), ("/a/b/x", "higher"), ("/a/b/c", "higher"), ("/a/b/exact", "exact")] {
        assert_eq!(get(&door, "app", path).await.status, 200, "{path}");
        assert_eq!(upstream.last().header("x-route"), Some(expected), "{path}");
    }
}

#[tokio::test]
async fn the_host_comes_from_a_header_or_the_path_over_both_protocols() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let by_path =
        "host_path_regex_rewrite_pattern: ^/tenants/([^/]+)/.*$\nhost_path_regex_rewrite_substitution: \\1.internal";
    let door = Setup::new()
        .route("app", &url, &format!("host_rewrite_header: X-Backend\n{EVERYBODY}"))
        .route("code", &url, &format!("{by_path}\n{EVERYBODY}"))
        .start()
        .await;
    let own = url.strip_prefix("http://").unwrap();
    for protocol in ["h2", "http/1.1"] {
        for (backend, host) in [("one.internal:81", "one.internal:81"), ("http://x/", own), ("a@b", own)] {
            let ask = Ask::fetch(&door.url("app", "/")).header("x-backend", backend);
            Browser::speaking(protocol).send(ask).await;
            let arrived = upstream.last();
            assert_eq!(arrived.all("host"), [host], "{backend} by {protocol}");
            assert_eq!(arrived.all("x-forwarded-host"), [door.authority("app")]);
        }
        for (path, host) in [("/tenants/acme/x", "acme.internal"), ("/tenants/a%20b/x", own), ("/", own)] {
            Browser::speaking(protocol).fetch(&door.url("code", path)).await;
            let arrived = upstream.last();
            assert_eq!((arrived.all("host"), arrived.target()), (vec![host], path), "by {protocol}");
        }
    }
}

#[tokio::test]
async fn headers_of_answers_are_rewritten() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let keys = format!(
        "rewrite_response_headers:\n  - {{header: Location, prefix: \"{url}/\", value: https://app.example.test/}}\n  \
         - {{header: Set-Cookie, prefix: inner-, value: __Host-doorward}}"
    );
    let door = Setup::new().route("app", &url, &format!("{keys}\n{EVERYBODY}")).start().await;
    upstream.reply_with(Reply::EchoWith(vec![
        ("Location", format!("{url}/next")),
        ("Set-Cookie", "inner-=evil; Path=/; Secure".into()),
        ("Set-Cookie", "theirs=1".into()),
    ]));
    let answer = get(&door, "app", "/").await;
    assert_eq!(answer.header("location"), Some("https://app.example.test/next"));
    assert_eq!(answer.all("set-cookie"), ["theirs=1"], "no rewriting makes a cookie of ours");
}
