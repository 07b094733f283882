//! Which host a request is for: said once, the same everywhere, and one of ours.

use super::open_door;
use crate::harness::raw::Raw;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

#[tokio::test]
async fn a_host_that_is_unclear_is_refused() {
    let (upstream, door) = open_door().await;
    let port = door.setup.port;
    for (what, lines) in [
        ("none", String::new()),
        ("two", "Host: HOST\r\nHost: HOST\r\n".into()),
        ("two different", "Host: HOST\r\nHost: evil.example\r\n".into()),
        ("two, the first one odd", "host: evil.example\r\nHost: HOST\r\n".into()),
        ("empty", "Host:\r\n".into()),
        ("a list", "Host: HOST, evil.example\r\n".into()),
        ("userinfo", "Host: user@HOST\r\n".into()),
        ("userinfo with a password", "Host: evil.example:80@HOST\r\n".into()),
        ("a path", "Host: HOST/admin\r\n".into()),
        ("a query", "Host: HOST?x\r\n".into()),
        ("a fragment", "Host: HOST#x\r\n".into()),
        ("a backslash", "Host: HOST\\x\r\n".into()),
        ("a URL", "Host: https://HOST\r\n".into()),
        ("a space", "Host: app.example .test\r\n".into()),
        ("a tab", "Host: app.example.test\tx\r\n".into()),
        ("a percent", format!("Host: app%2eexample.test:{port}\r\n")),
        ("an empty label", format!("Host: app..example.test:{port}\r\n")),
        ("a wide dot", format!("Host: app。example.test:{port}\r\n")),
        ("a port that is none", "Host: app.example.test:https\r\n".into()),
        ("a port too big", "Host: app.example.test:99999\r\n".into()),
        ("a negative port", "Host: app.example.test:-1\r\n".into()),
        ("two ports", format!("Host: app.example.test:{port}:{port}\r\n")),
        ("half an IPv6 address", "Host: [::1\r\n".into()),
        ("NUL", "Host: app.example.test\0\r\n".into()),
    ] {
        let answer = door.exchange("app", &format!("GET / HTTP/1.1\r\n{lines}\r\n")).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert_eq!(upstream.arrived().len(), 0, "{what}");
    }
}

#[tokio::test]
async fn another_host_than_the_connections_is_misdirected() {
    let upstream = Upstream::start().await;
    let door =
        Setup::new().route("app", &upstream.url(), EVERYBODY).route("code", &upstream.url(), EVERYBODY).start().await;
    for host in [door.authority("code"), "code.example.test".into(), "evil.example".into(), "127.0.0.1".into()] {
        let answer = door.exchange("app", &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, 421, "{host}: {}", answer.text());
    }
    assert_eq!(upstream.arrived().len(), 0);
    // In capitals it is the same host.
    let upper = door.authority("app").to_uppercase();
    let answer = door.exchange("app", &format!("GET / HTTP/1.1\r\nHost: {upper}\r\n\r\n")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn an_absolute_target_has_to_be_for_the_same_host() {
    let (upstream, door) = open_door().await;
    let authority = door.authority("app");
    for (target, expected) in [
        (format!("https://{authority}/x?y"), 200),
        ("https://evil.example/x".into(), 400),
        ("http://evil.example/x".into(), 400),
        (format!("https://user@{authority}/x"), 400),
        (format!("ftp://{authority}/x"), 400),
        (format!("https://{authority}\\x"), 400),
        ("https:///x".into(), 400),
        ("//evil.example:1/x".into(), 200),
        ("x".into(), 400),
        ("*".into(), 400),
        ("?x".into(), 400),
    ] {
        let before = upstream.arrived().len();
        let answer = door.exchange("app", &format!("GET {target} HTTP/1.1\r\nHost: HOST\r\n\r\n")).await;
        assert_eq!(answer.status, expected, "{target}: {}", answer.text());
        assert_eq!(upstream.arrived().len() - before, usize::from(expected == 200), "{target}");
        if expected == 200 {
            let arrived = upstream.last();
            assert!(arrived.target().starts_with('/'), "{}: not in origin form", arrived.line);
            assert!(!arrived.header("host").unwrap().contains("evil"), "{arrived:?}");
        }
    }
}

#[tokio::test]
async fn methods_that_are_not_for_applications_are_405() {
    let (upstream, door) = open_door().await;
    for request in [
        "CONNECT HOST HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: HOST\r\nCookie: a=b\r\n\r\n",
    ] {
        let answer = door.exchange("app", request).await;
        assert!(matches!(answer.status, 405 | 400), "{request}: {}", answer.status);
        if answer.status == 405 {
            assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{answer:?}");
        }
    }
    let answer = door.exchange("app", "TRACE / HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
    assert_eq!(answer.status, 405);
    let answer = door.exchange("app", "OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n").await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(upstream.arrived().len(), 0);
    // A method nobody knows is the application's business.
    assert_eq!(door.exchange("app", "PROPFIND / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status, 200);
}

#[tokio::test]
async fn a_name_that_is_not_ours_gets_no_certificate() {
    let (_upstream, door) = open_door().await;
    let address = door.setup.address();
    for sni in [Some("evil.example"), Some("example.test"), Some("x.app.example.test"), None] {
        let refused = Raw::try_tls(address, sni, &["http/1.1"]).await.err();
        assert!(refused.is_some(), "{sni:?} was shown a certificate");
    }
    assert!(Raw::try_tls(address, Some("app.example.test"), &["http/1.1"]).await.is_ok());
    // Nothing to agree on is refused as well.
    assert!(Raw::try_tls(address, Some("app.example.test"), &["spdy/3.1"]).await.is_err());
}

#[tokio::test]
async fn without_tls_an_unknown_host_is_404_with_our_page() {
    let upstream = Upstream::start().await;
    let door = Setup::new().cleartext().route("app", &upstream.url(), EVERYBODY).start().await;
    let ask = async |host: &str| {
        let mut raw = Raw::plain(door.setup.address()).await;
        raw.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n")).await;
        raw.answer().await
    };
    assert_eq!(ask(&door.authority("app")).await.status, 200);
    for host in ["evil.example", "127.0.0.1", "localhost", "example.test", "app.example.test.evil.example"] {
        let answer = ask(host).await;
        assert_eq!(answer.status, 404, "{host}");
        assert!(answer.text().contains("<h1>") && !answer.text().contains(host), "{host}: {}", answer.text());
        assert_eq!(answer.header("location"), None);
    }
    assert_eq!(upstream.arrived().len(), 1);
}
