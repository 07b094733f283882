//! One host, or every host one label below a name.
//!
//! Refuses: a `*` anywhere but as the whole first label, and one in front of nothing, a single label or an address.

use std::fmt;

use crate::hostname::{Hostname, InvalidHostname};
use crate::origin::{InvalidOrigin, Origin, Scheme};

/// `code.example.com`, or `*.dev.example.com` for every host exactly one label below `dev.example.com`: what one
/// certificate can name (RFC 6125 §6.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// This host alone.
    Exact(Hostname),
    /// Every host one label below this one.
    Below(Hostname),
}

impl HostPattern {
    /// Parses a host, or `*.` and a name of at least two labels.
    ///
    /// # Errors
    /// [`InvalidHostPattern`].
    pub fn parse(text: &str) -> Result<Self, InvalidHostPattern> {
        let Some(parent) = text.strip_prefix("*.") else {
            if text.contains('*') {
                return Err(InvalidHostPattern::Asterisk);
            }
            return Ok(Self::Exact(Hostname::parse(text)?));
        };
        if parent.contains('*') {
            return Err(InvalidHostPattern::Asterisk);
        }
        let parent = Hostname::parse(parent)?;
        if parent.is_ip() || !(parent.as_str().contains('.') || parent.as_str() == "localhost") {
            return Err(InvalidHostPattern::TooWide);
        }
        Ok(Self::Below(parent))
    }

    /// Whether this host is meant.
    pub fn matches(&self, host: &Hostname) -> bool {
        match self {
            Self::Exact(exact) => exact == host,
            Self::Below(parent) => parent_of(host) == Some(parent.as_str()),
        }
    }

    /// The host, when it is one alone.
    pub fn exact(&self) -> Option<&Hostname> {
        match self {
            Self::Exact(host) => Some(host),
            Self::Below(_) => None,
        }
    }
}

/// What is left of a name without its first label; none of an address or a single label.
pub fn parent_of(host: &Hostname) -> Option<&str> {
    if host.is_ip() { None } else { host.as_str().split_once('.').map(|(_, parent)| parent) }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

impl From<Hostname> for HostPattern {
    fn from(host: Hostname) -> Self {
        Self::Exact(host)
    }
}

/// Why a text is no host pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHostPattern {
    /// The host is none.
    #[error(transparent)]
    Host(#[from] InvalidHostname),
    /// A `*` where it means nothing.
    #[error("`*` stands for one whole label, the first: `*.dev.example.com`")]
    Asterisk,
    /// Every host below a top-level domain.
    #[error("`*.` needs a name of at least two labels behind it, or `localhost`: `*.dev.example.com`")]
    TooWide,
}

/// The origins a route is for: of one host, or of every host one label below a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginPattern {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// The hosts.
    pub host: HostPattern,
    /// The port.
    pub port: u16,
}

impl OriginPattern {
    /// Whether this origin is meant.
    pub fn covers(&self, origin: &Origin) -> bool {
        self.scheme == origin.scheme && self.port == origin.port && self.host.matches(&origin.host)
    }

    /// The origin, when it is one alone.
    pub fn exact(&self) -> Option<Origin> {
        let host = self.host.exact()?.clone();
        Some(Origin { scheme: self.scheme, host, port: self.port })
    }

    /// The origin of one host of those meant.
    pub fn of_host(&self, host: &Hostname) -> Option<Origin> {
        self.host.matches(host).then(|| Origin { scheme: self.scheme, host: host.clone(), port: self.port })
    }

    /// `host`, or `host:port` when the port is not the scheme's own.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Parses as [`Origin::parse`] does, with a [`HostPattern`] for the host.
    ///
    /// # Errors
    /// [`InvalidOriginPattern`].
    pub fn parse(text: &str) -> Result<Self, InvalidOriginPattern> {
        let Some(starred) = text.split_once("://*.").map(|(scheme, rest)| format!("{scheme}://{rest}")) else {
            if text.contains('*') {
                return Err(InvalidHostPattern::Asterisk.into());
            }
            return Ok(Origin::parse(text)?.into());
        };
        if starred.contains('*') {
            return Err(InvalidHostPattern::Asterisk.into());
        }
        let origin = Origin::parse(&starred)?;
        let host = HostPattern::parse(&format!("*.{}", origin.host))?;
        Ok(Self { scheme: origin.scheme, host, port: origin.port })
    }
}

impl From<Origin> for OriginPattern {
    fn from(origin: Origin) -> Self {
        Self { scheme: origin.scheme, host: HostPattern::Exact(origin.host), port: origin.port }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

/// Why a text is no pattern of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOriginPattern {
    /// It is no origin.
    #[error(transparent)]
    Origin(#[from] InvalidOrigin),
    /// Its host is no pattern.
    #[error(transparent)]
    Host(#[from] InvalidHostPattern),
}

impl From<crate::authority::InvalidAuthority> for InvalidOriginPattern {
    fn from(error: crate::authority::InvalidAuthority) -> Self {
        Self::Origin(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Hostname {
        Hostname::parse(name).unwrap()
    }

    #[test]
    fn an_asterisk_is_one_label() {
        let pattern = HostPattern::parse("*.Dev.Example.com").unwrap();
        assert_eq!(pattern.to_string(), "*.dev.example.com");
        assert!(pattern.matches(&host("anna.dev.example.com")));
        for other in ["dev.example.com", "a.b.dev.example.com", "anna.example.com", "1.2.3.4"] {
            assert!(!pattern.matches(&host(other)), "{other}");
        }
        assert_eq!(pattern.exact(), None);
        assert!(HostPattern::parse("*.localhost").unwrap().matches(&host("code.localhost")));
    }

    #[test]
    fn what_no_certificate_can_name_is_refused() {
        for text in ["*", "*.", "*.com", "a.*.com", "*a.example.com", "*.*.example.com", "*.10.0.0.1", "*.[::1]", ""] {
            assert!(HostPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_with_an_asterisk_covers_its_port_alone() {
        let pattern = OriginPattern::parse("https://*.dev.example.com:8443/").unwrap();
        assert_eq!(pattern.to_string(), "https://*.dev.example.com:8443");
        assert!(pattern.covers(&Origin::parse("https://a.dev.example.com:8443").unwrap()));
        for other in ["https://a.dev.example.com", "http://a.dev.example.com:8443", "https://dev.example.com:8443"] {
            assert!(!pattern.covers(&Origin::parse(other).unwrap()), "{other}");
        }
        assert_eq!(pattern.exact(), None);
        assert_eq!(OriginPattern::parse("https://a.example.com").unwrap().exact().unwrap().port, 443);
        assert!(OriginPattern::parse("https://*.dev.example.com/x").is_err());
        assert!(OriginPattern::parse("https://*").is_err());
        let twice = OriginPattern::parse("https://*.*.example.com").unwrap_err();
        assert_eq!(twice, InvalidHostPattern::Asterisk.into());
    }
}
