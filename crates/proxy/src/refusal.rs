//! Every way in which a request gets no answer of an application.

use std::sync::Arc;

use doorward_authorize::{Grounds, Reason};
use doorward_config::RateKey;
use doorward_hygiene::Unclean;
use doorward_identity::Presented;
use doorward_sessions::StoreUnavailable;

use crate::error::ForwardError;
use crate::identify::NotIdentified;
use crate::route_table::NotFound;

/// Why a request is answered by us instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Its head has no one meaning.
    #[error(transparent)]
    Unclean(#[from] Unclean),
    /// Its host is not ours.
    #[error("the host is not served here")]
    UnknownHost,
    /// No route of its host has its path.
    #[error("no route has this path")]
    NoRoute,
    /// Two readings of its path lead to two routes.
    #[error("two readings of the path lead to two routes")]
    AmbiguousPath,
    /// It came over https already, and something before us took that off.
    #[error("sent to https, a request that came over https would come back just the same")]
    TlsTakenOff,
    /// Nobody can say whether its ticket is good.
    #[error(transparent)]
    StoreDown(StoreUnavailable),
    /// Its address has brought too many session cookies that nobody knows.
    #[error("too many session cookies that nobody knows came from its address")]
    TooManyUnknownSessions {
        /// In seconds; never zero.
        retry_after: u64,
    },
    /// There are as many requests under way as may be.
    #[error("as many requests are under way as `limits.requests` allows")]
    Overloaded,
    /// There are as many of its address under way as may be.
    #[error("as many requests of its address are under way as `limits.requests_per_address` allows")]
    TooManyOfAddress,
    /// It comes faster than a `rate_limit` allows.
    #[error("faster than the `rate_limit` by {} allows", kind(*.by))]
    RateLimited {
        /// Which.
        by: RateKey,
        /// In seconds; never zero.
        retry_after: u64,
    },
    /// The visitor has as many WebSockets open as may be.
    #[error("as many WebSockets are open as `limits.tunnels_per_session` allows")]
    TooManyTunnels,
    /// Policy says no.
    #[error("denied: {}", .0.grounds.reasons)]
    Denied(Box<Denial>),
    /// The client showed no certificate that will do.
    #[error("{}", lacks_certificate(.0))]
    ClientCertificate(Presented),
    /// A WebSocket asked for by a page of another site.
    #[error("a WebSocket asked for by a page of another origin")]
    CrossOrigin,
    /// A WebSocket on a route that has none.
    #[error("a WebSocket on a route without allow_websockets")]
    NoWebSockets,
    /// A WebSocket asked for over HTTP/2, and what answers is a page.
    #[error("a WebSocket asked for where there is none")]
    NoWebSocket,
    /// The upstream gave no answer that could be passed on.
    #[error(transparent)]
    Forward(Box<ForwardError>),
}

/// A denial, and what the visitor is told of it.
#[derive(Debug)]
pub(crate) struct Denial {
    pub(crate) grounds: Grounds,
    /// What would have been needed, where the route tells.
    pub(crate) needed: Option<String>,
    /// Whom to ask.
    pub(crate) support_contact: Option<Arc<str>>,
}

impl Denial {
    /// Whether the same person might be let in after signing in once more, where the route tells.
    pub(crate) fn sign_in_again(&self) -> bool {
        let reasons = self.grounds.reasons;
        self.needed.is_some()
            && (reasons.has(Reason::AuthenticationAgeUnauthorized) || reasons.has(Reason::AuthenticationAgeOk))
    }
}

impl Refusal {
    /// Why, for the access line; none where policy's reasons stand there.
    pub(crate) fn word(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unclean(unclean) => unclean.code(),
            Self::UnknownHost => "unknown-host",
            Self::NoRoute => "no-route",
            Self::AmbiguousPath => "ambiguous-path",
            Self::TlsTakenOff => "tls-taken-off",
            Self::StoreDown(_) => "session-store-unavailable",
            Self::TooManyUnknownSessions { .. } => "too-many-unknown-sessions",
            Self::Overloaded => "overloaded",
            Self::TooManyOfAddress => "too-many-requests",
            Self::RateLimited { .. } => "rate-limited",
            Self::TooManyTunnels => "too-many-tunnels",
            Self::Denied(_) => return None,
            Self::ClientCertificate(Presented::Nothing) => "client-certificate-required",
            Self::ClientCertificate(_) => "invalid-client-certificate",
            Self::CrossOrigin => "cross-origin",
            Self::NoWebSockets => "websockets-not-allowed",
            Self::NoWebSocket => "no-websocket",
            Self::Forward(error) => error.word(),
        })
    }
}

/// What is counted by, as the configuration calls it.
pub(crate) fn kind(by: RateKey) -> &'static str {
    match by {
        RateKey::Address => "address",
        RateKey::Identity => "identity",
        RateKey::Route => "route",
    }
}

fn lacks_certificate(presented: &Presented) -> String {
    match presented {
        Presented::Refused { certificate, reason } => {
            format!(
                "the client certificate {} ({}) was not accepted: {reason}",
                certificate.subject, certificate.fingerprint
            )
        }
        Presented::Nothing | Presented::Accepted(_) => "no client certificate was shown".into(),
    }
}

impl From<NotIdentified> for Refusal {
    fn from(why: NotIdentified) -> Self {
        match why {
            NotIdentified::StoreDown(error) => Self::StoreDown(error),
            NotIdentified::TooManyUnknown { retry_after } => Self::TooManyUnknownSessions { retry_after },
        }
    }
}

impl From<ForwardError> for Refusal {
    fn from(error: ForwardError) -> Self {
        Self::Forward(Box::new(error))
    }
}

impl From<NotFound> for Refusal {
    fn from(why: NotFound) -> Self {
        match why {
            NotFound::Host => Self::UnknownHost,
            NotFound::Path => Self::NoRoute,
            NotFound::Ambiguous => Self::AmbiguousPath,
        }
    }
}
