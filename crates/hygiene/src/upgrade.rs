//! Which requests ask to leave HTTP for a WebSocket (RFC 6455 §4.2.1).
//!
//! Refuses a request that names `websocket` and is not a whole, well-formed handshake. An upgrade to anything
//! else is not passed on: [`classify`] says there is none, and the caller drops the header.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};

use crate::headers::tokens;
use crate::unclean::Unclean;

/// What a server appends to the key before hashing (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The protocol a request asks to switch to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// A WebSocket, by a handshake that was checked.
    WebSocket(WebSocketHandshake),
}

/// A client's half of a WebSocket handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketHandshake {
    /// `Sec-WebSocket-Key` as sent: base64 of 16 bytes.
    pub key: HeaderValue,
}

impl WebSocketHandshake {
    /// What `Sec-WebSocket-Accept` has to be in the answer (RFC 6455 §4.2.2).
    pub fn expected_accept(&self) -> String {
        // The RFC prescribes SHA-1; nothing secret hangs on it.
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(self.key.as_bytes());
        hash.update(GUID);
        STANDARD.encode(hash.finish())
    }
}

/// Tells a WebSocket handshake from a plain request.
pub(crate) fn classify(parts: &Parts) -> Result<Option<Upgrade>, Unclean> {
    let headers = &parts.headers;
    // Only HTTP/1.1 has this mechanism (RFC 9110 §7.8).
    if parts.version != Version::HTTP_11 || !headers.contains_key(UPGRADE) {
        return Ok(None);
    }
    let (mut named, mut websocket) = (0_usize, false);
    for token in tokens(headers, &UPGRADE) {
        named += 1;
        websocket |= token.eq_ignore_ascii_case(b"websocket");
    }
    if !websocket {
        return Ok(None);
    }
    if named != 1 {
        return Err(Unclean::WebSocket("it names another protocol beside `websocket`"));
    }
    if !tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade")) {
        return Err(Unclean::WebSocket("its Connection header does not say `upgrade`"));
    }
    if parts.method != Method::GET {
        return Err(Unclean::WebSocket("its method is not GET"));
    }
    if has_body(headers) {
        return Err(Unclean::WebSocket("it announces a body"));
    }
    let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).iter();
    match (versions.next(), versions.next()) {
        (Some(version), None) if version.as_bytes() == b"13" => {}
        _ => return Err(Unclean::WebSocketVersion),
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key.as_bytes()) => {
            Ok(Some(Upgrade::WebSocket(WebSocketHandshake { key: key.clone() })))
        }
        _ => Err(Unclean::WebSocket("it does not carry one Sec-WebSocket-Key of 16 bytes in base64")),
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING)
        || headers.get_all(CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0")
}

fn is_key(text: &[u8]) -> bool {
    let mut nonce = [0; 18];
    text.len() == 24 && matches!(STANDARD.decode_slice(text, &mut nonce), Ok(16))
}

#[cfg(test)]
mod tests {
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
    fn other_upgrades_are_plain_requests() {
        for upgrade in ["h2c", "TLS/1.0", "websocket2", "websocket/13", "foo, bar", "", ","] {
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
}
