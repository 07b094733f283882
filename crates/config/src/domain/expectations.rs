//! What is expected of policies: who asks what, and what is to be decided.
//!
//! Refuses: a URL that no request can be for, since nothing could be expected of it but a 400.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use doorward_authorize::{Reason, Verdict};
use doorward_hygiene::{InvalidOrigin, InvalidPath, NormalPath, Origin};
use doorward_identity::{Claims, Email, Groups};
use http::{HeaderMap, Method, Uri};
use rustls_pki_types::CertificateDer;

use crate::problem::Place;

/// A file of tests.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// The configuration it is about, if it names one; relative to the working directory.
    pub config: Option<PathBuf>,
    /// The tests, in the order of the file.
    pub tests: Vec<Expectation>,
}

/// One test.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// What to call it.
    pub name: Option<String>,
    /// Who asks what.
    pub question: Question,
    /// What is to be decided.
    pub expect: Verdict,
    /// A reason that has to be among those of the decision.
    pub reason: Option<&'static str>,
    /// Where it stands.
    pub place: Place,
}

/// A request, and who makes it.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who; none for somebody who has not signed in.
    pub who: Option<Person>,
    /// What for.
    pub url: RequestUrl,
    /// The method.
    pub method: Method,
    /// Where it comes from.
    pub ip: IpAddr,
    /// Its headers.
    pub headers: HeaderMap,
    /// Whether it asks to become a WebSocket.
    pub websocket: bool,
    /// When it comes; none for now.
    pub time: Option<SystemTime>,
    /// The certificate its client shows, and those that lead to its authority; empty for none.
    pub certificate: Vec<CertificateDer<'static>>,
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// The e-mail address.
    pub email: Email,
    /// Whether the provider vouches for it.
    pub verified: bool,
    /// The provider's own name for them; empty for none.
    pub user: String,
    /// The groups the provider says they are in.
    pub groups: Groups,
    /// What else it says.
    pub claims: Claims,
    /// Its issuer; none for the one that is configured.
    pub identity_provider: Option<String>,
    /// How long ago they signed in.
    pub authentication_age: Duration,
}

impl Person {
    /// Somebody of whom nothing is known but a verified address, just signed in.
    pub fn new(email: Email) -> Self {
        Self {
            email,
            verified: true,
            user: String::new(),
            groups: Groups::default(),
            claims: Claims::default(),
            identity_provider: None,
            authentication_age: Duration::ZERO,
        }
    }
}

/// A whole URL, taken apart as a request for it would be.
#[derive(Debug, Clone)]
pub struct RequestUrl {
    /// As it was written.
    pub text: String,
    /// Its scheme, host and port.
    pub origin: Origin,
    /// Its path.
    pub path: NormalPath,
    /// Its query, without the `?`.
    pub query: Option<String>,
}

impl RequestUrl {
    /// Parses `https://host/path?query`.
    ///
    /// # Errors
    /// [`InvalidRequestUrl`] when it is no whole URL, or its path is one that is refused whoever asks.
    pub fn parse(text: &str) -> Result<Self, InvalidRequestUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidRequestUrl::NotWhole)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(InvalidRequestUrl::NotWhole);
        };
        let origin = Origin::parse(&format!("{scheme}://{authority}"))?;
        // Whether a slash may be escaped is for the route to say.
        let path = NormalPath::parse_with_escaped_slashes(uri.path())?;
        Ok(Self { text: text.to_owned(), origin, path, query: uri.query().map(str::to_owned) })
    }
}

/// Why a text is no URL that could be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRequestUrl {
    /// It is none, or has no scheme or no host.
    #[error("this is no whole URL, as in https://code.example.com/path")]
    NotWhole,
    /// Its scheme, host or port.
    #[error(transparent)]
    Origin(#[from] InvalidOrigin),
    /// Its path.
    #[error("such a path is refused (400), whoever asks: {0}")]
    Path(#[from] InvalidPath),
}

/// The reasons that stand for a decision which no policy was asked for.
pub const REASONS_WITHOUT_A_POLICY: [&str; 5] =
    ["no-route", "ambiguous-path", "escaped-slash", "own-endpoint", "websockets-not-allowed"];

/// Every reason that a decision can have, by its word.
pub(crate) fn known_reasons() -> Vec<&'static str> {
    Reason::ALL.into_iter().map(Reason::as_str).chain(REASONS_WITHOUT_A_POLICY).collect()
}

/// A point in time, as RFC 3339 writes it: `2026-11-21T09:30:00+01:00`.
pub fn point_in_time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_as_a_request_is() {
        let url = RequestUrl::parse("https://Code.Example.com/a%20b?x=1#y").unwrap();
        assert_eq!(url.origin.to_string(), "https://code.example.com");
        assert_eq!((url.path.decoded(), url.query.as_deref()), ("/a b", Some("x=1")));
        assert_eq!(RequestUrl::parse("https://a.example:8443").unwrap().path.raw(), "/");
        for text in ["", "a.example", "/path", "ftp://a.example/", "https://", "https://u:p@a.example/"] {
            assert!(!matches!(RequestUrl::parse(text), Ok(_) | Err(InvalidRequestUrl::Path(_))), "{text}");
        }
        for text in ["https://a.example/../x", "https://a.example/a%2f..", "https://a.example/%zz"] {
            assert!(matches!(RequestUrl::parse(text), Err(InvalidRequestUrl::Path(_))), "{text}");
        }
    }

    #[test]
    fn points_in_time_need_an_offset() {
        assert_eq!(point_in_time("2026-11-21T09:30:00+01:00"), point_in_time("2026-11-21T08:30:00Z"));
        assert!(point_in_time("2026-11-21T08:30:00Z").is_some());
        for text in ["", "now", "2026-11-21", "2026-11-21T08:30:00", "2026-13-21T08:30:00Z"] {
            assert_eq!(point_in_time(text), None, "{text}");
        }
    }
}
