//! Requests that sign in not for themselves but for the connection they come on: NTLM, and Negotiate as Windows does it
//! (RFC 4559 §6).
//!
//! Refuses to let anybody else have such a connection: an upstream would take the next visitor's request for the first's.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// Their schemes. What else Microsoft's servers take is wrapped in one of these.
const SCHEMES: [&[u8]; 3] = [b"ntlm", b"negotiate", b"kerberos"];

/// Whether a request's connection may be its visitor's from then on.
pub(super) fn to_connection(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|line| {
        let line = line.as_bytes().trim_ascii_start();
        SCHEMES.iter().any(|scheme| {
            let (start, rest) = line.split_at_checked(scheme.len()).unwrap_or_default();
            start.eq_ignore_ascii_case(scheme) && rest.first().is_none_or(u8::is_ascii_whitespace)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemes_of_connections_are_told_from_those_of_requests() {
        let is = |line: &str| to_connection(&HeaderMap::from_iter([(AUTHORIZATION, line.parse().unwrap())]));
        for line in ["NTLM TlRMTVNTUAAB", "negotiate YII=", "Negotiate", "Kerberos x", "nTLm\tx"] {
            assert!(is(line), "{line}");
        }
        for line in ["Basic eA==", "Bearer negotiate", "NTLMx y", "Negotiates y", "", "N"] {
            assert!(!is(line), "{line}");
        }
        assert!(!to_connection(&HeaderMap::new()));
    }
}
