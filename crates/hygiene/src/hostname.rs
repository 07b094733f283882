//! The name of a host: a DNS name in lower case, or an IP literal in its one canonical spelling.
//!
//! Refuses: a port, a trailing dot, white space, anything but letters, digits, `-` and `_` in a label, names
//! longer than DNS allows, and numbers that only some readers take for an IPv4 address (`127.1`, `0x7f.1`).

use std::borrow::Borrow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// The longest DNS name, in bytes, without a trailing dot (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 253;
/// The longest label of a DNS name, in bytes (RFC 1035 §2.3.4).
const LONGEST_LABEL: usize = 63;

/// A DNS name or an IP address, as it stands in a URL: lower case, no port, IPv6 in brackets.
///
/// Cloning is cheap (a shared string).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname(Arc<str>);

impl Hostname {
    /// Parses a host: `example.com`, `127.0.0.1`, `[::1]`, or `::1`.
    ///
    /// # Errors
    /// [`InvalidHostname`] says what is wrong; nothing is trimmed or mended, only ASCII case is folded and an
    /// IPv6 address rewritten to its canonical form (RFC 5952).
    pub fn parse(text: &str) -> Result<Self, InvalidHostname> {
        if text.is_empty() {
            return Err(InvalidHostname::Empty);
        }
        if let Some(inside) = text.strip_prefix('[') {
            let inside = inside.strip_suffix(']').ok_or(InvalidHostname::Address)?;
            return Self::from_ipv6(inside);
        }
        if text.contains(':') {
            return Self::from_ipv6(text);
        }
        check_name(text)?;
        Ok(if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Self(text.to_ascii_lowercase().into())
        } else {
            Self(text.into())
        })
    }

    fn from_ipv6(text: &str) -> Result<Self, InvalidHostname> {
        let address: Ipv6Addr = text.parse().map_err(|_| InvalidHostname::Address)?;
        Ok(Self(format!("[{address}]").into()))
    }

    /// The host as it stands in a URL: `example.com`, `127.0.0.1`, `[::1]`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, when the host is an IP literal.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.0.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inside) => inside.parse().ok().map(IpAddr::V6),
            None => self.0.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        }
    }

    /// Whether the host is an IP literal, not a name.
    pub fn is_ip(&self) -> bool {
        self.ip().is_some()
    }
}

/// Accepts what a DNS name may be, and a dotted-quad IPv4 address.
fn check_name(text: &str) -> Result<(), InvalidHostname> {
    if text.len() > LONGEST_NAME {
        return Err(InvalidHostname::TooLong);
    }
    if text.ends_with('.') {
        return Err(InvalidHostname::TrailingDot);
    }
    let mut last = "";
    for label in text.split('.') {
        if label.is_empty() {
            return Err(InvalidHostname::EmptyLabel);
        }
        if label.len() > LONGEST_LABEL {
            return Err(InvalidHostname::TooLong);
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return Err(InvalidHostname::Characters);
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(InvalidHostname::Hyphen);
        }
        last = label;
    }
    // Browsers take any host whose last label is a number for an IPv4 address (WHATWG URL, "ends in a number"),
    // others for a name: only the spelling all agree on passes.
    if is_number(last) && text.parse::<Ipv4Addr>().is_err() {
        return Err(InvalidHostname::Address);
    }
    Ok(())
}

fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x").or_else(|| label.strip_prefix("0X")) {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

impl Borrow<str> for Hostname {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Hostname {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hostname({})", self.0)
    }
}

impl std::str::FromStr for Hostname {
    type Err = InvalidHostname;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHostname {
    /// Nothing at all.
    #[error("the host is empty")]
    Empty,
    /// Over 253 bytes, or a label over 63.
    #[error("the host is longer than DNS allows")]
    TooLong,
    /// Two dots in a row, or one in front.
    #[error("the host has an empty part between its dots")]
    EmptyLabel,
    /// `example.com.`
    #[error("the host ends with a dot")]
    TrailingDot,
    /// Something other than letters, digits, `-`, `_` and `.`.
    #[error("the host has a character that no host name has")]
    Characters,
    /// A label that starts or ends with `-`.
    #[error("a part of the host starts or ends with a hyphen")]
    Hyphen,
    /// Looks like an IP address and is none, or only to some readers.
    #[error("the host is not a well-formed IP address")]
    Address,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_lower_case_and_addresses_canonical() {
        for (text, host) in [
            ("Code.Example.COM", "code.example.com"),
            ("localhost", "localhost"),
            ("code.localhost", "code.localhost"),
            ("a_b.example", "a_b.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("::1", "[::1]"),
            ("[0:0:0::0001]", "[::1]"),
            ("1password.com", "1password.com"),
            ("3.example", "3.example"),
        ] {
            assert_eq!(Hostname::parse(text).unwrap().as_str(), host, "{text}");
        }
    }

    #[test]
    fn addresses_are_known_as_such() {
        assert_eq!(Hostname::parse("127.0.0.1").unwrap().ip(), Some("127.0.0.1".parse().unwrap()));
        assert_eq!(Hostname::parse("[::1]").unwrap().ip(), Some("::1".parse().unwrap()));
        assert!(!Hostname::parse("example.com").unwrap().is_ip());
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused() {
        for (text, why) in [
            ("", InvalidHostname::Empty),
            ("example.com.", InvalidHostname::TrailingDot),
            (".", InvalidHostname::TrailingDot),
            (".example.com", InvalidHostname::EmptyLabel),
            ("a..b", InvalidHostname::EmptyLabel),
            ("a b", InvalidHostname::Characters),
            ("a/b", InvalidHostname::Characters),
            ("user@example.com", InvalidHostname::Characters),
            ("a%2eb", InvalidHostname::Characters),
            ("a,b", InvalidHostname::Characters),
            ("a\0b", InvalidHostname::Characters),
            ("b\u{fc}cher.example", InvalidHostname::Characters),
            ("example\u{3002}com", InvalidHostname::Characters),
            ("-a.example", InvalidHostname::Hyphen),
            ("a-.example", InvalidHostname::Hyphen),
            ("127.1", InvalidHostname::Address),
            ("2130706433", InvalidHostname::Address),
            ("0x7f.0.0.0x1", InvalidHostname::Address),
            ("127.0.0.01", InvalidHostname::Address),
            ("256.0.0.1", InvalidHostname::Address),
            ("example.com:443", InvalidHostname::Address),
            ("[::1", InvalidHostname::Address),
            ("[fe80::1%eth0]", InvalidHostname::Address),
            ("[127.0.0.1]", InvalidHostname::Address),
            ("[::1]x", InvalidHostname::Address),
        ] {
            assert_eq!(Hostname::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(Hostname::parse(&format!("{}.com", "a".repeat(64))), Err(InvalidHostname::TooLong));
        assert_eq!(Hostname::parse(&"a.".repeat(127)), Err(InvalidHostname::TooLong));
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent_and_ignores_case(text in "[a-zA-Z0-9.:\\[\\]_-]{0,40}") {
            if let Ok(host) = Hostname::parse(&text) {
                prop_assert_eq!(Hostname::parse(host.as_str()), Ok(host.clone()));
                prop_assert_eq!(Hostname::parse(&text.to_ascii_uppercase()).ok(), Some(host));
            }
        }

        #[test]
        fn parsing_never_panics(text in ".{0,300}") {
            let _ = Hostname::parse(&text);
        }
    }
}
