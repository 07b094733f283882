//! The headers a policy may look at: those that reach the upstream.
//!
//! Refuses what a visitor could decide by and the upstream would never see: headers of one connection only, whatever a
//! `Connection` line names (RFC 9110 §7.6.1), and every name that is ours to say.

use std::borrow::Cow;

use doorward_authorize::{Criterion, Policy};
use doorward_hygiene::headers::{strip_hop_by_hop, strip_reserved};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONNECTION, ORIGIN, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What the policies of a route look at among the headers.
#[derive(Debug, Default)]
pub(crate) struct ReadHeaders {
    names: Vec<HeaderName>,
    /// Whether one of them never reaches an upstream.
    one_is_dropped: bool,
}

impl ReadHeaders {
    pub(crate) fn of<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        let mut names = Vec::new();
        for criterion in policies.flat_map(Policy::criteria) {
            match criterion {
                Criterion::HttpHeader { name, .. } => names.push(name.clone()),
                Criterion::UserAgent(_) => names.push(USER_AGENT),
                Criterion::CorsPreflight => names.extend([ORIGIN, ACCESS_CONTROL_REQUEST_METHOD]),
                _ => {}
            }
        }
        let one_is_dropped = names.iter().any(is_dropped);
        Self { names, one_is_dropped }
    }

    /// The headers as policies see them. They are copied only where a visitor tries to be clever.
    pub(crate) fn seen<'a>(&self, headers: &'a HeaderMap) -> Cow<'a, HeaderMap> {
        if self.names.is_empty() || !(self.one_is_dropped || self.is_named_by_connection(headers)) {
            Cow::Borrowed(headers)
        } else {
            Cow::Owned(passed_on(headers))
        }
    }

    fn is_named_by_connection(&self, headers: &HeaderMap) -> bool {
        let words = headers.get_all(CONNECTION).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        words
            .map(<[u8]>::trim_ascii)
            .any(|word| self.names.iter().any(|name| name.as_str().as_bytes().eq_ignore_ascii_case(word)))
    }
}

/// What is left of a visitor's headers on the way to an upstream: what policies look at.
#[must_use]
pub fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    strip_hop_by_hop(&mut headers);
    strip_reserved(&mut headers);
    headers
}

fn is_dropped(name: &HeaderName) -> bool {
    let mut alone = HeaderMap::new();
    alone.insert(name, HeaderValue::from_static("1"));
    passed_on(&alone).is_empty()
}
