//! A host with its port, as it stands in `Host` or `:authority`.
//!
//! Refuses: userinfo, a path, an empty or zero port, and a port written with a sign or leading zeros.

use std::fmt;

use crate::hostname::{Hostname, InvalidHostname};
use crate::origin::Scheme;

/// `host` or `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Hostname,
    /// The port that was written out, if one was; a default port written out is kept.
    pub port: Option<u16>,
}

impl Authority {
    /// Parses `host` or `host:port` (RFC 9110 §7.2).
    ///
    /// # Errors
    /// [`InvalidAuthority`] when the host is none, or the port is not a number from 1 to 65535 in its shortest
    /// spelling.
    pub fn parse(text: &str) -> Result<Self, InvalidAuthority> {
        let (host, port) = split(text)?;
        Ok(Self { host: Hostname::parse(host)?, port: port.map(parse_port).transpose()? })
    }

    /// As [`Authority::parse`], sharing `known`'s string when the host is spelled the same.
    pub(crate) fn parse_knowing(text: &str, known: Option<&Hostname>) -> Result<Self, InvalidAuthority> {
        let (host, port) = split(text)?;
        let host = match known {
            Some(known) if known.as_str() == host => known.clone(),
            _ => Hostname::parse(host)?,
        };
        Ok(Self { host, port: port.map(parse_port).transpose()? })
    }

    /// The port a browser means on an `https` URL: the one written, or 443.
    pub fn https_port(&self) -> u16 {
        self.port_for(Scheme::Https)
    }

    /// The port meant under `scheme`: the one written, or the scheme's own.
    pub fn port_for(&self, scheme: Scheme) -> u16 {
        self.port.unwrap_or(scheme.default_port())
    }

    /// Whether both name the same host and port under `scheme`.
    pub fn is_same(&self, other: &Self, scheme: Scheme) -> bool {
        self.host == other.host && self.port_for(scheme) == other.port_for(scheme)
    }
}

/// Splits at the `:` before a port; a bare IPv6 address has to stand in brackets here.
fn split(text: &str) -> Result<(&str, Option<&str>), InvalidAuthority> {
    let after_host = match text.strip_prefix('[') {
        Some(rest) => 1 + rest.find(']').map(|end| end + 1).ok_or(InvalidHostname::Address)?,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(after_host).unwrap_or((text, ""));
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(InvalidAuthority::Host(InvalidHostname::Characters)),
    }
}

pub(crate) fn parse_port(text: &str) -> Result<u16, InvalidAuthority> {
    let plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(InvalidAuthority::Port)
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => self.host.fmt(f),
        }
    }
}

impl std::str::FromStr for Authority {
    type Err = InvalidAuthority;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not `host` or `host:port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthority {
    /// The host is none.
    #[error(transparent)]
    Host(#[from] InvalidHostname),
    /// The port is none.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn host_and_port_are_told_apart() {
        for (text, host, port) in [
            ("Example.com", "example.com", None),
            ("example.com:443", "example.com", Some(443)),
            ("example.com:8443", "example.com", Some(8443)),
            ("[::1]", "[::1]", None),
            ("[::1]:65535", "[::1]", Some(65535)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
        ] {
            let authority = Authority::parse(text).unwrap();
            assert_eq!((authority.host.as_str(), authority.port), (host, port), "{text}");
        }
        assert_eq!(Authority::parse("h").unwrap().https_port(), 443);
        assert_eq!(Authority::parse("h:444").unwrap().https_port(), 444);
    }

    #[test]
    fn odd_ports_and_hosts_are_refused() {
        let port = Err(InvalidAuthority::Port);
        for text in ["h:", "h:0", "h:0443", "h:+443", "h:65536", "h: 443", "h:443 ", "h:44x", "h:1:2", "[::1]:"] {
            assert_eq!(Authority::parse(text), port, "{text:?}");
        }
        for text in
            ["", ":443", "::1", "::1:443", "[::1]443", "[::1", "user@h", "h/x", "h,h", "h?x", "h#", "h\\x", " h"]
        {
            assert!(matches!(Authority::parse(text), Err(InvalidAuthority::Host(_))), "{text:?}");
        }
    }

    #[test]
    fn a_default_port_written_out_is_the_same_host() {
        let [plain, written, other] = ["h", "h:443", "h:80"].map(|text| Authority::parse(text).unwrap());
        assert!(plain.is_same(&written, Scheme::Https));
        assert!(!plain.is_same(&other, Scheme::Https));
        assert!(plain.is_same(&other, Scheme::Http));
    }

    #[test]
    fn a_known_host_is_shared_and_only_when_spelled_the_same() {
        let known = Hostname::parse("h.example").unwrap();
        for text in ["h.example", "h.example:8443", "H.example"] {
            assert_eq!(Authority::parse_knowing(text, Some(&known)), Authority::parse(text));
        }
        assert!(Authority::parse_knowing("h.example.", Some(&known)).is_err());
        assert_eq!(Authority::parse_knowing("x", Some(&known)), Authority::parse("x"));
    }

    proptest! {
        #[test]
        fn what_is_displayed_parses_to_the_same(text in "[a-zA-Z0-9.:\\[\\]_-]{0,30}") {
            if let Ok(authority) = Authority::parse(&text) {
                prop_assert_eq!(Authority::parse(&authority.to_string()), Ok(authority));
            }
        }
    }
}
