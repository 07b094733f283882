//! Refusals as clients of gRPC understand them: status 200, no body, and what happened in `grpc-status`.
//!
//! Says no more than a page would: names, addresses and reasons are for the log.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::ProxyBody;
use crate::error::ForwardError;
use crate::refusal::Refusal;

const GRPC: &[u8] = b"application/grpc";
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The status codes of gRPC that are said here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Cancelled = 1,
    DeadlineExceeded = 4,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Whether a request is one of gRPC: `application/grpc`, perhaps with a suffix. gRPC-Web is not: it is HTTP like any other.
pub(crate) fn asks(headers: &HeaderMap) -> bool {
    let Some(line) = headers.get(CONTENT_TYPE) else { return false };
    let line = line.as_bytes();
    let (kind, rest) = line.split_at_checked(GRPC.len()).unwrap_or_default();
    kind.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// The answer to a visitor who is not signed in: no page could be followed.
pub(crate) fn sign_in() -> Response<ProxyBody> {
    answer(Code::Unauthenticated, "Sign in first.")
}

/// The answer to a refusal that would have this status and this title on a page.
pub(super) fn refusal(refusal: &Refusal, status: StatusCode, title: &str) -> Response<ProxyBody> {
    let code = match refusal {
        // Nothing has been done: whoever may try again may do so.
        Refusal::Forward(error) if matches!(**error, ForwardError::Unreachable { .. }) => Code::Unavailable,
        _ => of_status(status),
    };
    answer(code, title)
}

/// As gRPC's own mapping has it (doc/http-grpc-status-mapping.md), and a little finer.
fn of_status(status: StatusCode) -> Code {
    match status {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::REQUEST_TIMEOUT => Code::Cancelled,
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Code::ResourceExhausted
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        StatusCode::GATEWAY_TIMEOUT => Code::DeadlineExceeded,
        _ => Code::Internal,
    }
}

fn answer(code: Code, message: &str) -> Response<ProxyBody> {
    let mut response = Response::new(ProxyBody::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(STATUS, HeaderValue::from(code as u16));
    if let Ok(message) = HeaderValue::try_from(encoded(message)) {
        headers.insert(MESSAGE, message);
    }
    response
}

/// Percent-encoded where gRPC wants it: all but what is printable in ASCII, and `%`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..=0x1f | 0x7f.. => {
                encoded.push('%');
                for digit in [byte >> 4, byte & 15] {
                    encoded.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
            printable => encoded.push(char::from(printable)),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_told_from_what_looks_like_it() {
        for (kind, expected) in [
            ("application/grpc", true),
            ("Application/gRPC+proto", true),
            ("application/grpc; charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/grp", false),
            ("text/html", false),
        ] {
            let headers = [(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())].into_iter().collect();
            assert_eq!(asks(&headers), expected, "{kind}");
        }
        assert!(!asks(&HeaderMap::new()));
    }

    #[test]
    fn messages_are_encoded() {
        assert_eq!(encoded("100 % ünal\n\u{7f}"), "100 %25 %C3%BCnal%0A%7F");
    }
}
