//! What can go wrong between a permit and an answer, by whose fault it is.

use std::sync::Arc;
use std::time::Duration;

use crate::upstreams::{DialError, Threshold, said};

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The visitor's side.
    Client,
    /// The application.
    Upstream,
    /// Ours.
    Us,
}

/// Why a request that was allowed got no answer from its upstream. The display is for the log: it names the
/// upstream and the reason, which a visitor is not told.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection came about.
    #[error("{upstream} cannot be reached: {source}")]
    Unreachable {
        /// Which.
        upstream: Arc<str>,
        /// Why.
        source: DialError,
    },
    /// It took the connection and closed it before anything was sent.
    #[error("{upstream} closed a new connection at once")]
    ClosedAtOnce {
        /// Which.
        upstream: Arc<str>,
    },
    /// It did not answer in time.
    #[error("{upstream} sent no answer within {} s; the route's `timeout` sets how long is waited", after.as_secs_f32())]
    NoAnswer {
        /// Which.
        upstream: Arc<str>,
        /// The limit.
        after: Duration,
    },
    /// It closed the connection in the middle, or what it sent is no HTTP.
    #[error("{upstream} {what}: {source}")]
    BrokeOff {
        /// Which.
        upstream: Arc<str>,
        /// What it did.
        what: &'static str,
        /// What the protocol library says.
        source: hyper::Error,
    },
    /// Its answer is HTTP and still cannot be passed on.
    #[error("{upstream} sent an answer that cannot be passed on: {reason}")]
    Misbehaved {
        /// Which.
        upstream: Arc<str>,
        /// Why.
        reason: &'static str,
    },
    /// It has as much to do as it is given at once.
    #[error("{upstream} has as much to do as `{}` of circuit_breaker_thresholds allows", threshold.key())]
    Overloaded {
        /// Which.
        upstream: Arc<str>,
        /// Of what it has enough.
        threshold: Threshold,
    },
    /// None of its addresses is well.
    #[error("{upstream} is not asked: by their health checks and answers none of its addresses is well")]
    Unhealthy {
        /// Which.
        upstream: Arc<str>,
    },
    /// The visitor stopped sending in the middle of a body.
    #[error("the client sent nothing more of its request's body for {} s", after.as_secs_f32())]
    ClientStalled {
        /// The limit.
        after: Duration,
    },
    /// The visitor's body is longer than the route takes.
    #[error("the request's body is longer than {most} bytes, the route's `max_request_bytes`")]
    TooLarge {
        /// How long it may be.
        most: u64,
    },
    /// The visitor's connection broke in the middle of a body.
    #[error("the client went away in the middle of its request: {0}")]
    ClientGone(#[source] hyper::Error),
    /// The route's rewriting makes nothing of this path that could be sent.
    #[error("the route's regex_rewrite_pattern and its substitution make no path of the request's: {reason}")]
    NoPath {
        /// Why.
        reason: String,
    },
    /// A mistake of ours.
    #[error("{0}; this is a mistake in Doorward")]
    Internal(&'static str),
}

impl ForwardError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Unreachable { .. }
            | Self::ClosedAtOnce { .. }
            | Self::NoAnswer { .. }
            | Self::BrokeOff { .. }
            | Self::Misbehaved { .. }
            | Self::Overloaded { .. }
            | Self::Unhealthy { .. } => Blame::Upstream,
            Self::ClientStalled { .. } | Self::TooLarge { .. } | Self::ClientGone(_) => Blame::Client,
            Self::NoPath { .. } | Self::Internal(_) => Blame::Us,
        }
    }

    /// The upstream it happened with, as the configuration names it.
    pub fn upstream(&self) -> Option<&Arc<str>> {
        match self {
            Self::Unreachable { upstream, .. }
            | Self::ClosedAtOnce { upstream }
            | Self::NoAnswer { upstream, .. }
            | Self::BrokeOff { upstream, .. }
            | Self::Misbehaved { upstream, .. }
            | Self::Overloaded { upstream, .. }
            | Self::Unhealthy { upstream } => Some(upstream),
            Self::ClientStalled { .. }
            | Self::TooLarge { .. }
            | Self::ClientGone(_)
            | Self::NoPath { .. }
            | Self::Internal(_) => None,
        }
    }

    /// What it is, in kebab case, for the access line.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "upstream-unreachable",
            Self::ClosedAtOnce { .. } | Self::BrokeOff { .. } => "upstream-broke-off",
            Self::NoAnswer { .. } => "upstream-timed-out",
            Self::Misbehaved { .. } => "upstream-misbehaved",
            Self::Overloaded { .. } => "upstream-overloaded",
            Self::Unhealthy { .. } => "upstream-unhealthy",
            Self::ClientStalled { .. } => "client-stalled",
            Self::TooLarge { .. } => "request-too-large",
            Self::ClientGone(_) => "client-gone",
            Self::NoPath { .. } => "no-rewritten-path",
            Self::Internal(_) => "internal-error",
        }
    }

    /// Sorts out what the protocol library says of an exchange.
    pub(crate) fn of_exchange(upstream: Arc<str>, source: hyper::Error) -> Self {
        // The library calls "user" whoever feeds it the body: that is the visitor.
        if source.is_user() {
            return Self::ClientGone(source);
        }
        if let Some(error) = said(&source) {
            // A reset of ours: because the body that the visitor was sending broke off.
            if error.is_reset() && !error.is_remote() && !error.is_library() {
                return Self::ClientGone(source);
            }
            return Self::BrokeOff { upstream, what: http2_end(error), source };
        }
        let what = if source.is_parse_too_large() {
            "answered with a head of more than 64 KiB or 100 lines"
        } else if source.is_parse() {
            "answered with something that is no HTTP/1.1"
        } else if source.is_incomplete_message() {
            "closed the connection before it answered"
        } else {
            "broke off"
        };
        Self::BrokeOff { upstream, what, source }
    }
}

/// How an exchange in HTTP/2 ended before its answer (RFC 9113 §7).
fn http2_end(error: &h2::Error) -> &'static str {
    use h2::Reason;
    let Some(reason) = error.reason() else { return "closed the connection before it answered" };
    // Not its words but the library's, about what it sent. One answer that cannot even be skipped ends the connection of all.
    if error.is_library() {
        return match (error.is_go_away(), reason) {
            (true, Reason::ENHANCE_YOUR_CALM) => {
                "answered this request, or another on the same connection, with a head of a megabyte and more"
            }
            (true, _) => "sent something that is no HTTP/2, to this request or another on the same connection",
            (false, _) => "answered with something that is no HTTP/2, or with a head of a megabyte and more",
        };
    }
    match (error.is_go_away(), reason) {
        (_, Reason::REFUSED_STREAM) => "took no more requests (REFUSED_STREAM)",
        (_, Reason::ENHANCE_YOUR_CALM) => "says that it is asked too much (ENHANCE_YOUR_CALM)",
        (_, Reason::HTTP_1_1_REQUIRED) => "wants HTTP/1.1 for this request (HTTP_1_1_REQUIRED)",
        (_, Reason::PROTOCOL_ERROR) => "broke off over a breach of HTTP/2 (PROTOCOL_ERROR)",
        (_, Reason::INTERNAL_ERROR) => "broke off over an error of its own (INTERNAL_ERROR)",
        (false, Reason::CANCEL) => "cancelled the request (CANCEL)",
        (true, _) => "closed the connection before it answered (GOAWAY)",
        (false, _) => "reset the request",
    }
}

/// Why a configuration cannot be put into service.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The name an upstream's certificate must have is none.
    #[error("the upstream {upstream} has no name that a certificate can have; set tls_server_name")]
    ServerName {
        /// Which.
        upstream: String,
    },
    /// The certificate we are to show cannot be used.
    #[error("the client certificate for the upstream {upstream} cannot be used: {source}")]
    ClientCertificate {
        /// Which.
        upstream: String,
        /// What the TLS library says.
        source: rustls::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS to upstreams cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}
