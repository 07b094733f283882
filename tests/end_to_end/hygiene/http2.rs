//! Heads in HTTP/2 that HTTP/1.1 could not say, or would say as something else (RFC 9113 §8).

use super::open_door;
use crate::harness::raw_http2::{Outcome, RawHttp2};
use crate::harness::scene::ANYBODY_SIGNED_IN;
use crate::harness::scene::Scene;

type Lines<'a> = Vec<(&'a str, &'a str)>;

fn good(authority: &str) -> Lines<'_> {
    vec![(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", "/")]
}

fn with<'a>(authority: &'a str, more: &[(&'a str, &'a str)]) -> Lines<'a> {
    let mut lines = good(authority);
    lines.extend(more);
    lines
}

fn instead<'a>(authority: &'a str, name: &str, value: &'a str) -> Lines<'a> {
    good(authority).into_iter().map(|(key, old)| (key, if key == name { value } else { old })).collect()
}

fn without<'a>(authority: &'a str, name: &str) -> Lines<'a> {
    good(authority).into_iter().filter(|(key, _)| *key != name).collect()
}

#[tokio::test]
async fn a_malformed_head_is_refused() {
    let (upstream, door) = open_door().await;
    let authority = door.authority("app");
    let authority = authority.as_str();
    let backslash = format!("{authority}\\x");
    let userinfo = format!("user@{authority}");
    let path = format!("{authority}/x");
    let mut late = with(authority, &[("x-a", "b")]);
    let moved = late.remove(3);
    late.push(moved);
    let cases: Vec<(&str, Lines<'_>)> = vec![
        ("Connection", with(authority, &[("connection", "close")])),
        ("Connection with a name", with(authority, &[("connection", "x-forwarded-for")])),
        ("Keep-Alive", with(authority, &[("keep-alive", "timeout=5")])),
        ("Proxy-Connection", with(authority, &[("proxy-connection", "close")])),
        ("Upgrade", with(authority, &[("upgrade", "websocket")])),
        ("Transfer-Encoding", with(authority, &[("transfer-encoding", "chunked")])),
        ("TE other than trailers", with(authority, &[("te", "gzip")])),
        ("a name in capitals", with(authority, &[("X-Capital", "a")])),
        ("a name with a space", with(authority, &[("x y", "a")])),
        ("a name with a colon", with(authority, &[("x:y", "a")])),
        ("a name that ends a line", with(authority, &[("x\r\ny", "a")])),
        ("an empty name", with(authority, &[("", "a")])),
        ("a value with CR LF", with(authority, &[("x-a", "b\r\nx-doorward-claim-email: evil")])),
        ("a value with LF", with(authority, &[("x-a", "b\nc")])),
        ("a value with NUL", with(authority, &[("x-a", "b\0c")])),
        ("two methods", with(authority, &[(":method", "POST")])),
        ("two authorities", with(authority, &[(":authority", authority)])),
        ("two paths", with(authority, &[(":path", "/x")])),
        ("an unknown pseudo-header", with(authority, &[(":x", "y")])),
        ("a pseudo-header of answers", with(authority, &[(":status", "200")])),
        ("a pseudo-header after the others", late),
        ("no method", without(authority, ":method")),
        ("no path", without(authority, ":path")),
        ("no scheme", without(authority, ":scheme")),
        ("no authority", without(authority, ":authority")),
        ("an empty path", instead(authority, ":path", "")),
        ("a path without a slash", instead(authority, ":path", "x")),
        ("a path with CR LF", instead(authority, ":path", "/ HTTP/1.1\r\nX: y\r\n\r\nGET /smuggled")),
        ("a path with a space", instead(authority, ":path", "/a b")),
        ("a path with dots", instead(authority, ":path", "/a/../b")),
        ("the path *", instead(authority, ":path", "*")),
        ("a method with a space", instead(authority, ":method", "GET /smuggled HTTP/1.1\r\n")),
        ("an empty method", instead(authority, ":method", "")),
        ("CONNECT", instead(authority, ":method", "CONNECT")),
        ("TRACE", instead(authority, ":method", "TRACE")),
        ("userinfo", instead(authority, ":authority", &userinfo)),
        ("an authority with a path", instead(authority, ":authority", &path)),
        ("an authority with a backslash", instead(authority, ":authority", &backslash)),
        ("an authority of another host", instead(authority, ":authority", "evil.example")),
        ("an empty authority", instead(authority, ":authority", "")),
        ("a Host of another name", with(authority, &[("host", "evil.example")])),
        ("two Hosts", with(authority, &[("host", authority), ("host", authority)])),
        ("the protocol of an extended CONNECT with GET", with(authority, &[(":protocol", "websocket")])),
    ];
    for (what, lines) in cases {
        let mut connection = RawHttp2::connect(door.setup.address(), "app.example.test").await;
        let outcome = connection.request(&lines).await;
        assert!(outcome.is_refusal(), "{what}: {outcome:?}");
        assert_eq!(upstream.arrived().len(), 0, "{what}: {:?}", upstream.arrived());
    }
}

#[tokio::test]
async fn a_length_that_is_not_the_bodys_is_refused() {
    let (upstream, door) = open_door().await;
    let authority = door.authority("app");
    for (length, body) in [("3", &b"abcdef"[..]), ("9", b"abc"), ("3, 3", b"abc"), ("-1", b""), ("x", b"")] {
        let mut lines = with(&authority, &[("content-length", length)]);
        lines[0].1 = "POST";
        let mut connection = RawHttp2::connect(door.setup.address(), "app.example.test").await;
        let outcome = connection.request_with_body(&lines, Some(body)).await;
        assert!(!matches!(outcome, Outcome::Answered(200..400, _)), "{length} with {body:?}: {outcome:?}");
        assert_eq!(upstream.arrived().len(), 0, "{length}: {:?}", upstream.arrived());
    }
}

#[tokio::test]
async fn another_host_on_the_same_connection_is_misdirected() {
    let scene = Scene::with_two_hosts().await;
    let mut connection = RawHttp2::connect(scene.door.setup.address(), "app.example.test").await;
    let code = scene.door.authority("code");
    let outcome = connection.request(&good(&code)).await;
    assert!(matches!(outcome, Outcome::Answered(421, _)), "{outcome:?}");
    // And the connection goes on to serve its own host.
    let app = scene.door.authority("app");
    let outcome = connection.request(&good(&app)).await;
    assert!(matches!(outcome, Outcome::Answered(401, _)), "{outcome:?}");
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn cookies_in_crumbs_are_put_together() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let browser = scene.door.signed_in("app").await;
    let ticket = format!("__Host-doorward={}", browser.jar.get("app.example.test", "__Host-doorward").unwrap().value);
    let authority = scene.door.authority("app");
    let crumbs = [("cookie", "a=1"), ("cookie", ticket.as_str()), ("cookie", "b=2"), ("cookie", "c=3; d=4")];
    let mut connection = RawHttp2::connect(scene.door.setup.address(), "app.example.test").await;
    let outcome = connection.request(&with(&authority, &crumbs)).await;
    assert!(matches!(outcome, Outcome::Answered(200, _)), "{outcome:?}");
    assert_eq!(scene.upstream.last().all("cookie"), ["a=1; b=2; c=3; d=4"]);
}

#[tokio::test]
async fn te_trailers_is_the_one_thing_allowed() {
    let (upstream, door) = open_door().await;
    let authority = door.authority("app");
    let mut connection = RawHttp2::connect(door.setup.address(), "app.example.test").await;
    let outcome = connection.request(&with(&authority, &[("te", "trailers"), ("host", &authority)])).await;
    assert!(matches!(outcome, Outcome::Answered(200, _)), "{outcome:?}");
    assert_eq!(upstream.last().line, "GET / HTTP/1.1");
}

#[tokio::test]
async fn a_storm_of_resets_disturbs_nobody_else() {
    let (upstream, door) = open_door().await;
    let authority = door.authority("app");
    let before = door.memory("VmRSS");
    for _ in 0..4 {
        let mut connection = RawHttp2::connect(door.setup.address(), "app.example.test").await;
        connection.storm_of_resets(&good(&authority), 5000).await;
    }
    let started = std::time::Instant::now();
    let answer = door.exchange("app", "GET /others HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
    assert_eq!(answer.status, 200);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    assert!(door.memory("VmRSS") < before + 50_000, "from {before} kB to {} kB", door.memory("VmRSS"));
    assert!(upstream.arrived().len() < 5000, "{} of 20000 reached the application", upstream.arrived().len());
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let (upstream, door) = open_door().await;
    let most = 64 << 20;
    let mut connection = RawHttp2::connect(door.setup.address(), "app.example.test").await;
    let sent = connection.endless_head(most).await;
    assert!(sent < most, "64 megabytes of one head were taken");
    assert!(door.memory("VmHWM") < 150_000, "{} kB", door.memory("VmHWM"));
    assert_eq!(door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status, 200);
    assert_eq!(upstream.arrived().len(), 1);
}
