//! Why a request was refused before anybody decided on it, and what status says so.

use http::header::{ALLOW, CONNECTION, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::authority::InvalidAuthority;
use crate::path::InvalidPath;

/// What `Allow` says when a method is refused here; routes may allow less.
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Why a request head was refused. The client's fault, every variant; each displays as a plain sentence that
/// repeats nothing of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unclean {
    /// CONNECT and TRACE.
    #[error("This method is not served here.")]
    Method,
    /// `OPTIONS *` and every target that names no path.
    #[error("The request does not name a path.")]
    Target,
    /// An absolute target of a scheme other than `http` and `https`.
    #[error("The request names an unknown scheme.")]
    Scheme,
    /// No `Host` and no `:authority`.
    #[error("The request does not say which host it is for.")]
    NoHost,
    /// Several `Host` lines.
    #[error("The request names its host more than once.")]
    SeveralHosts,
    /// A host that is none.
    #[error("The request's host is not valid: {0}.")]
    Host(#[source] InvalidAuthority),
    /// `Host` against `:authority` or an absolute target.
    #[error("The request names two different hosts.")]
    HostsDisagree,
    /// The host is not the one this connection was opened for (RFC 9110 §15.5.20).
    #[error("This connection was opened for another host.")]
    Misdirected,
    /// The path could be read two ways.
    #[error("The request's path is not valid: {0}.")]
    Path(#[source] InvalidPath),
    /// A body framed in two ways, or in a way its version does not have.
    #[error("The request's body is framed in two ways.")]
    Framing,
    /// An extended CONNECT for something other than a WebSocket (RFC 8441 §4).
    #[error("Only WebSockets can be asked for by CONNECT here.")]
    ConnectProtocol,
    /// A WebSocket handshake that is not whole.
    #[error("The WebSocket handshake is not valid: {0}.")]
    WebSocket(&'static str),
    /// A WebSocket version other than 13.
    #[error("Only version 13 of the WebSocket protocol is spoken here.")]
    WebSocketVersion,
    /// Over 128 header lines.
    #[error("The request has too many headers.")]
    TooManyHeaders,
}

impl Unclean {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Path(InvalidPath::TooLong) => StatusCode::URI_TOO_LONG,
            Self::WebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::ConnectProtocol => StatusCode::NOT_IMPLEMENTED,
            Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Target
            | Self::Scheme
            | Self::NoHost
            | Self::SeveralHosts
            | Self::Host(_)
            | Self::HostsDisagree
            | Self::Path(_)
            | Self::Framing
            | Self::WebSocket(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// The value of `Allow`, which a 405 has to carry (RFC 9110 §15.5.6).
    pub fn allow(&self) -> Option<&'static str> {
        matches!(self, Self::Method).then_some(ALLOWED)
    }

    /// A short name for logs and for JSON answers, in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Method => "method-not-allowed",
            Self::Target => "bad-target",
            Self::Scheme => "bad-scheme",
            Self::NoHost => "no-host",
            Self::SeveralHosts => "several-hosts",
            Self::Host(_) => "bad-host",
            Self::HostsDisagree => "hosts-disagree",
            Self::Misdirected => "misdirected",
            Self::Path(_) => "bad-path",
            Self::Framing => "bad-framing",
            Self::ConnectProtocol => "bad-connect-protocol",
            Self::WebSocket(_) => "bad-websocket-handshake",
            Self::WebSocketVersion => "bad-websocket-version",
            Self::TooManyHeaders => "too-many-headers",
        }
    }

    /// Adds what the status obliges the answer to carry: `Allow` with 405, the version we speak with 426
    /// (RFC 6455 §4.4; RFC 9110 §15.5.22).
    pub fn amend(&self, headers: &mut HeaderMap) {
        if let Some(allow) = self.allow() {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if matches!(self, Self::WebSocketVersion) {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_what_their_status_obliges_them_to() {
        let amended = |unclean: Unclean| {
            let mut headers = HeaderMap::new();
            unclean.amend(&mut headers);
            headers
        };
        assert!(amended(Unclean::Method)[ALLOW].to_str().unwrap().starts_with("GET, HEAD"));
        assert_eq!(amended(Unclean::WebSocketVersion)[SEC_WEBSOCKET_VERSION], "13");
        assert_eq!(amended(Unclean::WebSocketVersion)[UPGRADE], "websocket");
        assert!(amended(Unclean::Misdirected).is_empty());
    }

    #[test]
    fn statuses_say_what_is_wrong() {
        for (unclean, status) in [
            (Unclean::Method, 405),
            (Unclean::NoHost, 400),
            (Unclean::Path(InvalidPath::DotSegment), 400),
            (Unclean::Path(InvalidPath::TooLong), 414),
            (Unclean::Misdirected, 421),
            (Unclean::WebSocketVersion, 426),
            (Unclean::TooManyHeaders, 431),
        ] {
            assert_eq!(unclean.status().as_u16(), status, "{unclean}");
        }
        assert_eq!(
            Unclean::Path(InvalidPath::DotSegment).to_string(),
            "The request's path is not valid: the path contains a `.` or `..` segment."
        );
    }
}
