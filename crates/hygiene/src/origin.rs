//! Scheme, host and port: where a URL lives, and where a request says that it comes from (RFC 6454).
//!
//! Refuses: a path, query, userinfo or fragment behind the port, and every scheme but `http` and `https`.

use std::fmt;

use http::HeaderMap;
use http::header::ORIGIN;

use crate::authority::{Authority, InvalidAuthority};
use crate::hostname::Hostname;

/// The two schemes there are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Cleartext.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `https://host:port`; the port is always known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// The host.
    pub host: Hostname,
    /// The port, the scheme's own when none was written.
    pub port: u16,
}

impl Origin {
    /// Parses `https://host`, `https://host:port`, either with one `/` behind it.
    ///
    /// # Errors
    /// [`InvalidOrigin`] when the scheme is another, the host or port is none, or more than a `/` follows.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin::Scheme)?;
        let scheme = if scheme.eq_ignore_ascii_case("https") {
            Scheme::Https
        } else if scheme.eq_ignore_ascii_case("http") {
            Scheme::Http
        } else {
            return Err(InvalidOrigin::Scheme);
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(InvalidOrigin::Trailing);
        }
        let authority = Authority::parse(authority)?;
        let port = authority.port_for(scheme);
        Ok(Self { scheme, host: authority.host, port })
    }

    /// `host`, or `host:port` when the port is not the scheme's own: what a browser sends as `Host`.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Why a text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// No scheme, or one that is neither `http` nor `https`.
    #[error("a URL here starts with `https://` or `http://`")]
    Scheme,
    /// The host or port is none.
    #[error(transparent)]
    Authority(#[from] InvalidAuthority),
    /// A path, query or fragment.
    #[error("only a host and a port may follow the scheme: no path, query or fragment")]
    Trailing,
}

/// What the `Origin` header says about who caused a request, compared with the host it was sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestOrigin {
    /// No such header: a navigation, or no browser.
    Absent,
    /// A page of the very host and port that the request is for.
    Same,
    /// A page of another origin, named here as it displays.
    Other(String),
    /// `null`, several headers, or something that is no web origin.
    Opaque,
}

impl RequestOrigin {
    /// Reads the header of a request for `authority`.
    ///
    /// Over TLS only an `https` page is the same origin. On a cleartext listener the scheme the browser saw is
    /// not known (a balancer may end TLS in front of us), so host and port alone decide.
    pub(crate) fn of(headers: &HeaderMap, authority: &Authority, over_tls: bool) -> Self {
        let mut lines = headers.get_all(ORIGIN).iter();
        let Some(line) = lines.next() else {
            return Self::Absent;
        };
        if lines.next().is_some() {
            return Self::Opaque;
        }
        let Some(origin) = line.to_str().ok().and_then(|text| Origin::parse(text).ok()) else {
            return Self::Opaque;
        };
        let same_scheme = !over_tls || origin.scheme == Scheme::Https;
        if same_scheme && origin.host == authority.host && origin.port == authority.port_for(origin.scheme) {
            Self::Same
        } else {
            Self::Other(origin.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn default_ports_are_filled_in_and_left_out_again() {
        for (text, display, authority, port) in [
            ("https://Code.Example", "https://code.example", "code.example", 443),
            ("HTTPS://code.example:443/", "https://code.example", "code.example", 443),
            ("https://code.example:8443/", "https://code.example:8443", "code.example:8443", 8443),
            ("http://code.example:443", "http://code.example:443", "code.example:443", 443),
            ("http://[::1]:80", "http://[::1]", "[::1]", 80),
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!(origin.to_string(), display);
            assert_eq!(origin.authority(), authority);
            assert_eq!(origin.port, port);
            assert_eq!(Origin::parse(display), Ok(origin));
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        for text in ["code.example", "//code.example", "ftp://h", "null", "", "javascript://h", " https://h"] {
            assert_eq!(Origin::parse(text), Err(InvalidOrigin::Scheme), "{text:?}");
        }
        for text in ["https://h/x", "https://h//", "https://h?x", "https://h/#", "https://h\\x"] {
            assert_eq!(Origin::parse(text), Err(InvalidOrigin::Trailing), "{text:?}");
        }
        for text in ["https://", "https:///", "https://u@h", "https://h:0", "https://h:x", "https://*.h"] {
            assert!(matches!(Origin::parse(text), Err(InvalidOrigin::Authority(_))), "{text:?}");
        }
    }

    fn seen(origin: &[&str], authority: &str, over_tls: bool) -> RequestOrigin {
        let mut headers = HeaderMap::new();
        for line in origin {
            headers.append(ORIGIN, HeaderValue::from_str(line).unwrap());
        }
        RequestOrigin::of(&headers, &Authority::parse(authority).unwrap(), over_tls)
    }

    #[test]
    fn the_origin_of_a_request_is_compared_by_scheme_host_and_port() {
        let other = |text: &str| RequestOrigin::Other(text.to_owned());
        for (origin, authority, over_tls, expected) in [
            (&[][..], "h", true, RequestOrigin::Absent),
            (&["https://h"], "h", true, RequestOrigin::Same),
            (&["https://H"], "h:443", true, RequestOrigin::Same),
            (&["https://h:443"], "h", true, RequestOrigin::Same),
            (&["https://h:8443"], "h:8443", true, RequestOrigin::Same),
            (&["https://h:8443"], "h", true, other("https://h:8443")),
            (&["https://h"], "h:8443", true, other("https://h")),
            (&["http://h"], "h", true, other("http://h")),
            (&["http://h:443"], "h", true, other("http://h:443")),
            (&["http://h"], "h", false, RequestOrigin::Same),
            (&["https://h"], "h", false, RequestOrigin::Same),
            (&["https://x.h"], "h", true, other("https://x.h")),
            (&["https://h.evil.example"], "h", true, other("https://h.evil.example")),
            (&["null"], "h", true, RequestOrigin::Opaque),
            (&[""], "h", true, RequestOrigin::Opaque),
            (&["https://h/path"], "h", true, RequestOrigin::Opaque),
            (&["https://h https://evil"], "h", true, RequestOrigin::Opaque),
            (&["https://h", "https://evil"], "h", true, RequestOrigin::Opaque),
            (&["https://h", "https://h"], "h", true, RequestOrigin::Opaque),
            (&["vscode-webview://h"], "h", true, RequestOrigin::Opaque),
        ] {
            assert_eq!(seen(origin, authority, over_tls), expected, "{origin:?} for {authority}");
        }
    }
}
