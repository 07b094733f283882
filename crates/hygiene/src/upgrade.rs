//! Which requests ask to leave HTTP: for a WebSocket (RFC 6455 §4.2.1, RFC 8441), or for another protocol.
//!
//! Refuses a request that names `websocket` and is not a whole, well-formed handshake, and a CONNECT for anything else.
//! An upgrade that nobody can pass on (several at once, one with a body, one to another HTTP) is none: [`classify`] says
//! so, and the caller drops the header.

mod token;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};

use crate::headers::tokens;
use crate::unclean::Unclean;
pub use token::{InvalidUpgrade, UpgradeToken};

/// What a server appends to the key before hashing (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The protocol a request asks to switch to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// A WebSocket, by a handshake that was checked.
    WebSocket(WebSocketHandshake),
    /// A WebSocket on a stream of an HTTP/2 connection (RFC 8441 §5). It has no key.
    ExtendedConnect,
    /// Another protocol, which few applications speak and few routes forward.
    Other(UpgradeToken),
}

impl Upgrade {
    /// Whether it is for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        match self {
            Self::WebSocket(_) | Self::ExtendedConnect => true,
            Self::Other(_) => false,
        }
    }
}

/// The `:protocol` of an extended CONNECT (RFC 8441 §4), for [`crate::CleanHead::inspect`] to find among a request's
/// extensions. Whoever reads the wire puts it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectProtocol(pub Box<str>);

/// A client's half of a WebSocket handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketHandshake {
    /// `Sec-WebSocket-Key` as sent: base64 of 16 bytes.
    pub key: HeaderValue,
}

impl WebSocketHandshake {
    /// A handshake of our own, by 16 bytes that nobody can guess (RFC 6455 §4.1).
    ///
    /// None never happens: base64 is text that a header can carry.
    pub fn with_nonce(nonce: [u8; 16]) -> Option<Self> {
        HeaderValue::try_from(STANDARD.encode(nonce)).ok().map(|key| Self { key })
    }

    /// What `Sec-WebSocket-Accept` has to be in the answer (RFC 6455 §4.2.2).
    pub fn expected_accept(&self) -> String {
        // The RFC prescribes SHA-1; nothing secret hangs on it.
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(self.key.as_bytes());
        hash.update(GUID);
        STANDARD.encode(hash.finish())
    }
}

/// Tells an upgrade from a plain request.
pub(crate) fn classify(parts: &Parts) -> Result<Option<Upgrade>, Unclean> {
    if let Some(protocol) = parts.extensions.get::<ConnectProtocol>() {
        return extended_connect(parts, protocol).map(Some);
    }
    let headers = &parts.headers;
    // Only HTTP/1.1 has this mechanism (RFC 9110 §7.8).
    if parts.version != Version::HTTP_11 || !headers.contains_key(UPGRADE) {
        return Ok(None);
    }
    let (mut named, mut websocket, mut first) = (0_usize, false, None);
    for token in tokens(headers, &UPGRADE) {
        named += 1;
        websocket |= token.eq_ignore_ascii_case(b"websocket");
        first = first.or(Some(token));
    }
    if !websocket {
        return Ok(first.filter(|_| named == 1).and_then(|token| another(parts, token)));
    }
    if named != 1 {
        return Err(Unclean::WebSocket("it names another protocol beside `websocket`"));
    }
    if !says_upgrade(headers) {
        return Err(Unclean::WebSocket("its Connection header does not say `upgrade`"));
    }
    if parts.method != Method::GET {
        return Err(Unclean::WebSocket("its method is not GET"));
    }
    if has_body(headers) {
        return Err(Unclean::WebSocket("it announces a body"));
    }
    check_version(headers)?;
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key.as_bytes()) => {
            Ok(Some(Upgrade::WebSocket(WebSocketHandshake { key: key.clone() })))
        }
        _ => Err(Unclean::WebSocket("it does not carry one Sec-WebSocket-Key of 16 bytes in base64")),
    }
}

/// An upgrade to something else. What is not put as it should be is no upgrade: a server may always ignore the header
/// (RFC 9110 §7.8).
fn another(parts: &Parts, token: &[u8]) -> Option<Upgrade> {
    let token = UpgradeToken::parse(std::str::from_utf8(token).ok()?).ok()?;
    (says_upgrade(&parts.headers) && !has_body(&parts.headers)).then_some(Upgrade::Other(token))
}

/// RFC 8441 §4 and §5: the request has a scheme and a path, and neither key nor body.
fn extended_connect(parts: &Parts, protocol: &ConnectProtocol) -> Result<Upgrade, Unclean> {
    if parts.method != Method::CONNECT || parts.version != Version::HTTP_2 {
        return Err(Unclean::Method);
    }
    if &*protocol.0 != "websocket" {
        return Err(Unclean::ConnectProtocol);
    }
    if parts.uri.scheme().is_none() || parts.uri.authority().is_none() || parts.uri.path_and_query().is_none() {
        return Err(Unclean::Target);
    }
    if has_body(&parts.headers) {
        return Err(Unclean::WebSocket("it announces a body"));
    }
    if parts.headers.contains_key(SEC_WEBSOCKET_KEY) {
        return Err(Unclean::WebSocket("over HTTP/2 it carries no Sec-WebSocket-Key"));
    }
    check_version(&parts.headers)?;
    Ok(Upgrade::ExtendedConnect)
}

fn check_version(headers: &HeaderMap) -> Result<(), Unclean> {
    let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).iter();
    match (versions.next(), versions.next()) {
        (Some(version), None) if version.as_bytes() == b"13" => Ok(()),
        _ => Err(Unclean::WebSocketVersion),
    }
}

fn says_upgrade(headers: &HeaderMap) -> bool {
    tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade"))
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
mod tests;
