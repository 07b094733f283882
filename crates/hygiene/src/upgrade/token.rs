//! The name of a protocol in `Upgrade` (RFC 9110 §7.8).
//!
//! Refuses the names of HTTP itself and of TLS: requests in those would pass without anybody deciding on them.

use std::fmt;

/// Protocols in which further requests would travel, or the connection itself would be secured anew.
const NEVER: [&str; 5] = ["h2c", "h2", "h3", "http", "tls"];
/// The longest name; what is registered has at most 20 characters.
const LONGEST: usize = 64;

/// The name of a protocol, perhaps with its version, in lower case: such names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpgradeToken(Box<str>);

/// Why a text names no protocol that could be switched to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUpgrade {
    /// It is none by its characters.
    #[error("it is not the name of a protocol, with or without `/` and a version")]
    Syntax,
    /// It carries requests that nobody would decide on.
    #[error("it is HTTP or TLS itself, and what passes in it would be decided on by nobody")]
    Never,
    /// It has a handshake of its own, which is checked.
    #[error("it is a WebSocket without being one")]
    WebSocket,
}

impl UpgradeToken {
    /// Reads `name` or `name/version`, other than `websocket`.
    ///
    /// # Errors
    /// [`InvalidUpgrade`] says why not.
    pub fn parse(text: &str) -> Result<Self, InvalidUpgrade> {
        let (name, version) = text.split_once('/').map_or((text, None), |(name, version)| (name, Some(version)));
        if text.len() > LONGEST || !is_token(name) || !version.is_none_or(is_token) {
            return Err(InvalidUpgrade::Syntax);
        }
        if NEVER.iter().any(|never| name.eq_ignore_ascii_case(never)) {
            return Err(InvalidUpgrade::Never);
        }
        if name.eq_ignore_ascii_case("websocket") {
            return Err(InvalidUpgrade::WebSocket);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this, as it stands in a header, is the name.
    pub fn is(&self, value: &[u8]) -> bool {
        value.trim_ascii().eq_ignore_ascii_case(self.0.as_bytes())
    }
}

impl fmt::Display for UpgradeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_regard_to_case() {
        let token = UpgradeToken::parse("SPDY/3.1").unwrap();
        assert_eq!(token.to_string(), "spdy/3.1");
        assert!(token.is(b" Spdy/3.1 ") && !token.is(b"spdy/3") && !token.is(b"spdy/3.1, spdy/3.1"));
    }

    #[test]
    fn what_carries_requests_is_never_switched_to() {
        for text in ["h2c", "H2C", "h2", "http/2.0", "HTTP/1.1", "tls/1.2", "TLS"] {
            assert_eq!(UpgradeToken::parse(text), Err(InvalidUpgrade::Never), "{text}");
        }
        assert_eq!(UpgradeToken::parse("WebSocket/13"), Err(InvalidUpgrade::WebSocket));
        for text in ["", "/", "a/", "/1", "a/b/c", "a b", "a,b", "a\r\nb", "\u{e9}", &"a".repeat(65)] {
            assert_eq!(UpgradeToken::parse(text), Err(InvalidUpgrade::Syntax), "{text:?}");
        }
    }
}
