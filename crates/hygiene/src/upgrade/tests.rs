//! Handshakes as browsers send them, and all that is not quite one.

use super::*;
use http::{Request, StatusCode};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn handshake(change: &[(&str, &str)]) -> Parts {
    let mut request = Request::get("/");
    let mut headers = vec![
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ];
    headers.retain(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
    for (name, value) in headers.into_iter().chain(change.iter().copied().filter(|(_, value)| *value != "-")) {
        request = request.header(name, value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn a_browsers_handshake_is_a_websocket() {
    let Ok(Some(Upgrade::WebSocket(handshake))) = classify(&handshake(&[("upgrade", "WebSocket")])) else {
        panic!("not taken for a WebSocket");
    };
    assert_eq!(handshake.key, KEY);
    // The example of RFC 6455 §1.3.
    assert_eq!(handshake.expected_accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn an_empty_body_announced_is_none() {
    assert!(matches!(classify(&handshake(&[("content-length", "0")])), Ok(Some(_))));
}

#[test]
fn what_nobody_passes_on_is_a_plain_request() {
    for upgrade in
        ["h2c", "H2C", "h2", "HTTP/2.0", "TLS/1.0", "websocket/13", "foo, bar", "", ",", "a/b/c", "a b", "/1"]
    {
        assert_eq!(classify(&handshake(&[("upgrade", upgrade)])), Ok(None), "{upgrade:?}");
    }
    let mut old = handshake(&[]);
    old.version = Version::HTTP_10;
    assert_eq!(classify(&old), Ok(None));
}

#[test]
fn half_a_handshake_is_refused() {
    for change in [
        &[("upgrade", "websocket, h2c")][..],
        &[("upgrade", "h2c, websocket")],
        &[("upgrade", "websocket, websocket")],
        &[("upgrade", "h2c"), ("upgrade", "websocket")],
        &[("connection", "-")],
        &[("connection", "keep-alive")],
        &[("connection", "upgraded")],
        &[("content-length", "5")],
        &[("content-length", "0"), ("content-length", "5")],
        &[("transfer-encoding", "chunked")],
        &[("sec-websocket-key", "-")],
        &[("sec-websocket-key", KEY), ("sec-websocket-key", KEY)],
        &[("sec-websocket-key", "")],
        &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25j")],
        &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZTEyMzQ1")],
        &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=!")],
        &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZR==")],
    ] {
        let refused = classify(&handshake(change)).unwrap_err();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{change:?}");
    }
    let mut post = handshake(&[]);
    post.method = Method::POST;
    assert_eq!(classify(&post).unwrap_err().status(), StatusCode::BAD_REQUEST);
}

#[test]
fn another_version_is_told_which_one_we_speak() {
    for change in [
        &[("sec-websocket-version", "8")][..],
        &[("sec-websocket-version", "-")],
        &[("sec-websocket-version", "13, 8")],
        &[("sec-websocket-version", "013")],
        &[("sec-websocket-version", "13"), ("sec-websocket-version", "13")],
    ] {
        assert_eq!(classify(&handshake(change)), Err(Unclean::WebSocketVersion), "{change:?}");
    }
}

#[test]
fn another_protocol_is_named_by_one_token() {
    for upgrade in ["SPDY/3.1", "spdy/3.1", " Spdy/3.1 ", "spdy/3.1,"] {
        let Ok(Some(Upgrade::Other(token))) = classify(&handshake(&[("upgrade", upgrade)])) else {
            panic!("{upgrade:?} is none");
        };
        assert_eq!(token.as_str(), "spdy/3.1");
    }
    let mut post = handshake(&[("upgrade", "SPDY/3.1"), ("content-length", "0")]);
    post.method = Method::POST;
    assert!(matches!(classify(&post), Ok(Some(Upgrade::Other(_)))));
    for change in [
        &[("upgrade", "spdy/3.1"), ("content-length", "3")][..],
        &[("upgrade", "spdy/3.1"), ("transfer-encoding", "chunked")],
        &[("upgrade", "spdy/3.1"), ("connection", "keep-alive")],
        &[("upgrade", "spdy/3.1"), ("upgrade", "spdy/3.1")],
    ] {
        assert_eq!(classify(&handshake(change)), Ok(None), "{change:?}");
    }
}

fn connect(protocol: &str, more: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(Method::CONNECT).version(Version::HTTP_2).uri("https://a.test/s?x=1");
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    request.extension(ConnectProtocol(protocol.into())).body(()).unwrap().into_parts().0
}

#[test]
fn an_extended_connect_is_a_websocket() {
    let version = ("sec-websocket-version", "13");
    assert_eq!(classify(&connect("websocket", &[version])), Ok(Some(Upgrade::ExtendedConnect)));
    for (protocol, more, status) in [
        ("connect-udp", vec![version], 501),
        ("webtransport", vec![version], 501),
        ("WebSocket", vec![version], 501),
        ("", vec![version], 501),
        ("websocket", vec![], 426),
        ("websocket", vec![("sec-websocket-version", "8")], 426),
        ("websocket", vec![version, ("sec-websocket-key", KEY)], 400),
        ("websocket", vec![version, ("content-length", "5")], 400),
    ] {
        let refused = classify(&connect(protocol, &more)).unwrap_err();
        assert_eq!(refused.status().as_u16(), status, "{protocol} {more:?}");
    }
    let mut get = connect("websocket", &[version]);
    get.method = Method::GET;
    assert_eq!(classify(&get), Err(Unclean::Method));
    let mut old = connect("websocket", &[version]);
    old.version = Version::HTTP_11;
    assert_eq!(classify(&old), Err(Unclean::Method));
    let mut bare = connect("websocket", &[version]);
    bare.uri = "a.test:443".parse().unwrap();
    assert_eq!(classify(&bare), Err(Unclean::Target));
}

#[test]
fn a_handshake_of_our_own_is_answered_as_any() {
    let handshake = WebSocketHandshake::with_nonce(*b"the sample nonce").unwrap();
    assert_eq!(handshake.key, KEY);
    assert_eq!(handshake.expected_accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
