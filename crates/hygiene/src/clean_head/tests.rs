//! Attacks on the head, and what has to hold for every head that passes.

use super::*;
use crate::path::InvalidPath;
use http::header::COOKIE;
use http::{HeaderName, Request, StatusCode};
use proptest::prelude::*;

const TLS: &str = "code.example";

fn arrived(sni: Option<&str>) -> ArrivedOn {
    ArrivedOn {
        client: ForwardedChain::direct("::ffff:192.0.2.7".parse().unwrap()),
        sni: sni.map(|name| Hostname::parse(name).unwrap()),
        over_tls: true,
    }
}

fn cleartext() -> ArrivedOn {
    ArrivedOn { client: ForwardedChain::direct("192.0.2.7".parse().unwrap()), sni: None, over_tls: false }
}

fn parts(method: &str, target: &str, version: Version, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target).version(version);
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body(()).unwrap().into_parts().0
}

/// An HTTP/1.1 GET over TLS to `code.example`.
fn get(target: &str, headers: &[(&str, &str)]) -> Result<CleanHead, Unclean> {
    CleanHead::inspect(parts("GET", target, Version::HTTP_11, headers), &arrived(Some(TLS)))
}

#[test]
fn a_plain_request_passes_with_its_facts() {
    let head = get(
        "/a%20b/c?q=%2f..&r",
        &[("host", "Code.Example:443"), ("cookie", "a=1; b=2"), ("cookie", "c=3"), ("accept", "text/html")],
    )
    .unwrap();
    assert_eq!(head.method(), Method::GET);
    assert_eq!(head.host().as_str(), TLS);
    assert_eq!(head.authority().to_string(), "code.example:443");
    assert_eq!(head.scheme(), Scheme::Https);
    assert_eq!((head.path().raw(), head.path().decoded()), ("/a%20b/c", "/a b/c"));
    assert_eq!(head.query(), Some("q=%2f..&r"));
    assert_eq!(head.path_and_query(), "/a%20b/c?q=%2f..&r");
    assert_eq!(head.client_ip(), "192.0.2.7".parse::<IpAddr>().unwrap());
    assert_eq!(head.cookies().collect::<Vec<_>>(), [("a", "1"), ("b", "2"), ("c", "3")]);
    assert_eq!(head.accepts(), Accepts::Html);
    assert_eq!(head.origin(), RequestOrigin::Absent);
    assert!(head.is_page_load());
    assert!(head.upgrade().is_none());
    assert_eq!(format!("{head:?}"), "CleanHead(GET code.example:443/a%20b/c)");
    assert_eq!(head.request_parts().headers.get_all(COOKIE).iter().count(), 2);
}

#[test]
fn a_name_asked_for_in_the_handshake_is_shared_not_copied() {
    let connection = arrived(Some(TLS));
    let head = CleanHead::inspect(parts("GET", "/", Version::HTTP_11, &[("host", TLS)]), &connection).unwrap();
    assert!(std::ptr::eq(head.host().as_str(), connection.sni.as_ref().unwrap().as_str()));
}

#[test]
fn hosts_that_are_missing_or_several_are_refused() {
    for (headers, why) in [
        (&[][..], Unclean::NoHost),
        (&[("host", "")], Unclean::NoHost),
        (&[("host", TLS), ("host", TLS)], Unclean::SeveralHosts),
        (&[("host", TLS), ("host", "evil.example")], Unclean::SeveralHosts),
    ] {
        assert_eq!(get("/", headers).unwrap_err(), why, "{headers:?}");
    }
}

#[test]
fn hosts_that_are_none_are_refused() {
    for host in [
        "code.example, evil.example",
        "code.example,code.example",
        "user@code.example",
        "code.example@evil.example",
        "code.example/",
        "code.example/x",
        "code.example?x",
        "code.example#",
        "code.example:",
        "code.example:0",
        "code.example:443:443",
        "code.example:0443",
        "code.example.",
        "https://code.example",
        " code.example",
        "code example",
        "code.example\t",
        "code%2eexample",
        "caf\u{e9}.example",
        ":443",
        "*",
        "*.example",
        "0x7f.1",
        "[::1",
    ] {
        let refused = get("/", &[("host", host)]).unwrap_err();
        assert!(matches!(refused, Unclean::Host(_)), "{host:?}: {refused:?}");
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert!(!refused.to_string().contains("evil"));
    }
}

#[test]
fn target_and_header_have_to_agree() {
    for (target, host) in [
        ("https://code.example/", "code.example"),
        ("https://CODE.example/", "code.example"),
        ("https://code.example:443/", "code.example"),
        ("http://code.example/x", "code.example:443"),
    ] {
        assert!(get(target, &[("host", host)]).is_ok(), "{target} {host}");
    }
    for (target, host) in [
        ("https://evil.example/", "code.example"),
        ("https://code.example/", "evil.example"),
        ("https://code.example:8443/", "code.example"),
        ("https://code.example/", "code.example:8443"),
    ] {
        assert_eq!(get(target, &[("host", host)]).unwrap_err(), Unclean::HostsDisagree, "{target} {host}");
    }
    assert!(matches!(get("https://u:p@code.example/", &[("host", TLS)]), Err(Unclean::Host(_))));
    assert_eq!(get("ftp://code.example/", &[("host", TLS)]).unwrap_err(), Unclean::Scheme);
    // An absolute target does not stand in for the header in HTTP/1.1 (RFC 9112 §3.2).
    assert_eq!(get("https://code.example/", &[]).unwrap_err(), Unclean::NoHost);
}

#[test]
fn http2_may_name_the_host_either_way_but_only_one() {
    let inspect = |target: &str, headers: &[(&str, &str)]| {
        CleanHead::inspect(parts("GET", target, Version::HTTP_2, headers), &arrived(Some(TLS)))
    };
    assert!(inspect("https://code.example/", &[]).is_ok());
    assert!(inspect("https://code.example/", &[("host", TLS)]).is_ok());
    assert!(inspect("/", &[("host", TLS)]).is_ok());
    assert_eq!(inspect("/", &[]).unwrap_err(), Unclean::NoHost);
    assert_eq!(inspect("https://code.example/", &[("host", "evil.example")]).unwrap_err(), Unclean::HostsDisagree);
    assert_eq!(inspect("https://code.example/", &[("transfer-encoding", "chunked")]).unwrap_err(), Unclean::Framing);
}

#[test]
fn a_connection_serves_only_the_host_it_was_opened_for() {
    let inspect = |sni: Option<&str>, host: &str| {
        CleanHead::inspect(parts("GET", "/", Version::HTTP_11, &[("host", host)]), &arrived(sni)).map(|_| ())
    };
    assert_eq!(inspect(Some("code.example"), "code.example"), Ok(()));
    assert_eq!(inspect(Some("code.example"), "other.example"), Err(Unclean::Misdirected));
    assert_eq!(inspect(Some("code.example"), "sub.code.example"), Err(Unclean::Misdirected));
    assert_eq!(inspect(Some("code.example"), "127.0.0.1"), Err(Unclean::Misdirected));
    assert_eq!(inspect(None, "code.example"), Err(Unclean::Misdirected));
    assert_eq!(inspect(None, "127.0.0.1"), Ok(()));
    assert_eq!(inspect(None, "[::1]:8443"), Ok(()));
    let plain = parts("GET", "/", Version::HTTP_11, &[("host", "any.example")]);
    assert_eq!(CleanHead::inspect(plain, &cleartext()).unwrap().scheme(), Scheme::Http);
}

#[test]
fn methods_that_are_for_other_kinds_of_proxy_are_refused() {
    for (method, target) in [("CONNECT", "code.example:443"), ("TRACE", "/")] {
        let head = parts(method, target, Version::HTTP_11, &[("host", TLS)]);
        let refused = CleanHead::inspect(head, &arrived(Some(TLS))).unwrap_err();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(refused.allow().is_some());
    }
    for method in ["PROPFIND", "QUERY", "OPTIONS", "DELETE"] {
        assert!(
            CleanHead::inspect(parts(method, "/", Version::HTTP_11, &[("host", TLS)]), &arrived(Some(TLS))).is_ok()
        );
    }
}

#[test]
fn targets_without_a_path_are_refused() {
    let options = parts("OPTIONS", "*", Version::HTTP_11, &[("host", TLS)]);
    assert_eq!(CleanHead::inspect(options, &arrived(Some(TLS))).unwrap_err(), Unclean::Target);
    assert_eq!(get("code.example:443", &[("host", TLS)]).unwrap_err(), Unclean::Target);
    assert_eq!(get("https://code.example?x", &[("host", TLS)]).unwrap_err(), Unclean::Path(InvalidPath::Start));
    assert_eq!(get("/a/%2e%2e/b", &[("host", TLS)]).unwrap_err(), Unclean::Path(InvalidPath::DotSegment));
    assert_eq!(get("/a?x=/../%2f%00", &[("host", TLS)]).unwrap().path().raw(), "/a");
    let long = format!("/{}", "a".repeat(17_000));
    assert_eq!(get(&long, &[("host", TLS)]).unwrap_err().status(), StatusCode::URI_TOO_LONG);
}

#[test]
fn bodies_framed_twice_are_refused() {
    let post = |version, headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([("host", TLS)]).collect();
        CleanHead::inspect(parts("POST", "/", version, &headers), &arrived(Some(TLS))).map(|_| ())
    };
    let refused = Err(Unclean::Framing);
    assert_eq!(post(Version::HTTP_11, &[("content-length", "5"), ("transfer-encoding", "chunked")]), refused);
    assert_eq!(post(Version::HTTP_11, &[("content-length", "5"), ("content-length", "6")]), refused);
    assert_eq!(post(Version::HTTP_10, &[("transfer-encoding", "chunked")]), refused);
    assert_eq!(post(Version::HTTP_11, &[("transfer-encoding", "chunked")]), Ok(()));
    assert_eq!(post(Version::HTTP_11, &[("transfer-encoding", "Chunked")]), Ok(()));
    for coding in ["gzip, chunked", "chunked, chunked", "identity", "xchunked", "chunked;q=1", ""] {
        assert_eq!(post(Version::HTTP_11, &[("transfer-encoding", coding)]), refused, "{coding}");
    }
    let twice = [("transfer-encoding", "identity"), ("transfer-encoding", "chunked")];
    assert_eq!(post(Version::HTTP_11, &twice), refused);
    assert_eq!(post(Version::HTTP_11, &[("content-length", "5")]), Ok(()));
    assert_eq!(post(Version::HTTP_10, &[("content-length", "5")]), Ok(()));
}

#[test]
fn header_lines_are_counted() {
    let many = |count: usize| {
        let mut headers = vec![("host", TLS)];
        headers.resize(count, ("x-a", "1"));
        get("/", &headers).map(|_| ())
    };
    assert_eq!(many(10_000), Ok(()));
    assert_eq!(many(10_001), Err(Unclean::TooManyHeaders));
}

#[test]
fn an_extended_connect_is_a_get_from_here_on() {
    let mut connect =
        parts("CONNECT", "https://code.example/s?x=1", Version::HTTP_2, &[("sec-websocket-version", "13")]);
    let plain = CleanHead::inspect(connect.clone(), &arrived(Some(TLS))).unwrap_err();
    assert_eq!(plain, Unclean::Method);
    connect.extensions.insert(ConnectProtocol("websocket".into()));
    let mut head = CleanHead::inspect(connect.clone(), &arrived(Some(TLS))).unwrap();
    assert_eq!((head.method(), head.path_and_query()), (&Method::GET, "/s?x=1"));
    assert_eq!(head.upgrade(), Some(&Upgrade::ExtendedConnect));
    assert!(head.is_websocket() && !head.is_page_load());
    head.bridge(WebSocketHandshake::with_nonce([7; 16]).unwrap());
    let Some(Upgrade::WebSocket(handshake)) = head.upgrade().cloned() else { panic!("no handshake") };
    assert_eq!(head.headers().get(SEC_WEBSOCKET_KEY), Some(&handshake.key));
    // The host is held to the same rules.
    let elsewhere = CleanHead::inspect(connect, &arrived(Some("other.example"))).unwrap_err();
    assert_eq!(elsewhere, Unclean::Misdirected);
}

#[test]
fn another_upgrade_is_kept_until_somebody_drops_it() {
    let mut head = get("/", &[("host", TLS), ("connection", "upgrade"), ("upgrade", "SPDY/3.1")]).unwrap();
    assert!(matches!(head.upgrade(), Some(Upgrade::Other(token)) if token.as_str() == "spdy/3.1"));
    assert!(!head.is_websocket() && !head.is_page_load());
    head.drop_upgrade();
    assert!(head.upgrade().is_none() && !head.headers().contains_key(UPGRADE));
}

#[test]
fn an_upgrade_that_is_no_websocket_is_dropped() {
    let head = get("/", &[("host", TLS), ("connection", "upgrade, http2-settings"), ("upgrade", "h2c")]).unwrap();
    assert!(head.upgrade().is_none());
    assert!(!head.headers().contains_key(UPGRADE));

    let handshake = [
        ("host", TLS),
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("origin", "https://evil.example"),
    ];
    let head = get("/", &handshake).unwrap();
    assert!(matches!(head.upgrade(), Some(Upgrade::WebSocket(_))));
    assert!(!head.is_page_load());
    assert_eq!(head.origin(), RequestOrigin::Other("https://evil.example".into()));
    let wrong: Vec<_> =
        handshake.iter().map(|(n, v)| (*n, if *n == "sec-websocket-version" { "12" } else { *v })).collect();
    assert_eq!(get("/", &wrong).unwrap_err().status(), StatusCode::UPGRADE_REQUIRED);
}

/// Heads made of the pieces that disagreements are made of.
fn hostile_head() -> impl Strategy<Value = (Parts, ArrivedOn)> {
    let host = || {
        prop_oneof![
            4 => Just("code.example"),
            1 => Just("CODE.example"),
            1 => Just("code.example:443"),
            1 => Just("code.example:80"),
            1 => Just("evil.example"),
            1 => Just("a, b"),
            1 => Just("127.0.0.1"),
            1 => Just(""),
        ]
    };
    let target = prop_oneof![
        4 => Just("/x?y".to_owned()),
        1 => Just("*".to_owned()),
        1 => Just("//evil.example/x".to_owned()),
        2 => host().prop_filter("parses", |host| !host.is_empty() && !host.contains(',')).prop_map(|host| format!("https://{host}/x")),
    ];
    let version = prop_oneof![Just(Version::HTTP_10), Just(Version::HTTP_11), Just(Version::HTTP_2)];
    let sni = prop_oneof![2 => Just(Some(TLS)), 1 => Just(Some("evil.example")), 1 => Just(None)];
    (target, version, proptest::collection::vec(host(), 0..3), sni, any::<bool>()).prop_map(
        |(target, version, hosts, sni, over_tls)| {
            let headers: Vec<_> = hosts.into_iter().map(|host| ("host", host)).collect();
            let mut arrived = arrived(sni);
            arrived.over_tls = over_tls;
            (parts("GET", &target, version, &headers), arrived)
        },
    )
}

proptest! {
    #[test]
    fn every_name_in_a_head_that_passes_is_the_same((head, connection) in hostile_head()) {
        let before = head.clone();
        if let Ok(clean) = CleanHead::inspect(head, &connection) {
            let host = clean.host();
            prop_assert!(before.headers.get_all(HOST).iter().count() <= 1);
            for line in before.headers.get_all(HOST) {
                prop_assert_eq!(&Authority::parse(line.to_str().unwrap()).unwrap().host, host);
            }
            if let Some(authority) = before.uri.authority() {
                prop_assert_eq!(&Authority::parse(authority.as_str()).unwrap().host, host);
            }
            if connection.over_tls {
                match &connection.sni {
                    Some(sni) => prop_assert_eq!(sni, host),
                    None => prop_assert!(host.is_ip()),
                }
            }
            prop_assert!(clean.path_and_query().starts_with('/'));
            prop_assert_eq!(clean.path_and_query(), before.uri.path_and_query().unwrap().as_str());
        }
    }

    #[test]
    fn no_header_value_makes_it_panic(
        lines in proptest::collection::vec(
            (
                prop_oneof![
                    Just("host"), Just("cookie"), Just("accept"), Just("origin"), Just("upgrade"), Just("connection"),
                    Just("sec-websocket-key"), Just("sec-websocket-version"), Just("content-length"), Just("sec-fetch-mode"),
                ],
                proptest::collection::vec(prop_oneof![0x20_u8..=0x7e, 0x80_u8..=0xff], 0..40),
            ),
            0..8,
        ),
    ) {
        let mut head = parts("GET", "/", Version::HTTP_11, &[]);
        for (name, value) in lines {
            head.headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(&value).unwrap());
        }
        head.headers.entry(HOST).or_insert(HeaderValue::from_static(TLS));
        if let Ok(clean) = CleanHead::inspect(head, &arrived(Some(TLS))) {
            let _ = (clean.accepts(), clean.is_page_load(), clean.origin(), clean.cookies().count());
        }
    }
}

proptest! {
    #[test]
    fn a_clean_head_says_the_same_when_it_is_written_and_read_again(
        path in "(/|[a-c]|%2F|%2e|%61|%25|;|\\.|%C3%BC){0,10}",
        query in proptest::option::of("[a-c=&?/.%2F]{0,8}"),
        method in "GET|POST|OPTIONS|delete|M-SEARCH",
        host in "(?i)code\\.example(:443|:8443)?",
        lines in proptest::collection::vec(("x-[ab_]{1,3}|cookie|accept|connection|upgrade|origin", "[ -~]{0,12}"), 0..6),
    ) {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("/{path}{query}");
        let read = |method: &str, target: &str, host: &str, lines: &[(String, Vec<u8>)]| {
            let mut request = Request::builder().method(method).uri(target).header(HOST, host);
            for (name, value) in lines {
                request = request.header(name, value.as_slice());
            }
            let parts = request.body(()).ok()?.into_parts().0;
            CleanHead::inspect(parts, &arrived(Some(TLS))).ok()
        };
        let lines: Vec<_> = lines.into_iter().map(|(name, value)| (name, value.trim().as_bytes().to_vec())).collect();
        if let Some(first) = read(&method, &target, &host, &lines) {
            let others: Vec<_> = first.headers().iter().filter(|(name, _)| *name != HOST)
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
            let (said, authority) = (first.path_and_query().to_owned(), first.authority().to_string());
            let second = read(first.method().as_str(), &said, &authority, &others).expect("it was clean before");
            prop_assert_eq!((second.method(), second.authority()), (first.method(), first.authority()));
            prop_assert_eq!((second.path(), second.query()), (first.path(), first.query()));
            prop_assert!(second.path().readings().eq(first.path().readings()));
            prop_assert_eq!(second.headers().len(), first.headers().len());
            let mut plain = second;
            plain.take_slashes_for_plain().unwrap();
            prop_assert!(!plain.path().escapes_slashes());
            prop_assert_eq!(plain.query(), first.query());
        }
    }
}
