//! Headers that concern one connection only and may not pass a proxy (RFC 9110 §7.6.1).

use http::header::{CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName};

use super::tokens;

const MANY: usize = 12;
/// Known by name, whether or not a `Connection` line lists them.
const ALWAYS: [HeaderName; MANY] = [
    CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authentication-info"),
    HeaderName::from_static("http2-settings"),
    // Not a real request header; CGI-like upstreams turn it into HTTP_PROXY ("httpoxy").
    HeaderName::from_static("proxy"),
];

/// Removes every header that concerns one connection only: those known as such, and those that any line of
/// `Connection` names. Serves requests, responses and trailers alike; doing it twice changes nothing.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        // A token that is no header name can name no header.
        // Those that go anyway need no name made of them: `keep-alive` is what such a line most often says.
        let goes = |token: &[u8]| ALWAYS.iter().any(|name| token.eq_ignore_ascii_case(name.as_str().as_bytes()));
        let named: Vec<HeaderName> = tokens(headers, &CONNECTION)
            .filter(|token| !goes(token))
            .filter_map(|token| HeaderName::from_bytes(token).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    // Each name is looked at once, which takes less than asking the map for each that may not be there: it seldom has any.
    let mut found = [false; MANY];
    for name in headers.keys() {
        if let Some(found) = place(name.as_str()).and_then(|place| found.get_mut(place)) {
            *found = true;
        }
    }
    for (name, _) in ALWAYS.iter().zip(found).filter(|(_, found)| *found) {
        headers.remove(name);
    }
}

/// Where a name stands among those of [`ALWAYS`].
fn place(name: &str) -> Option<usize> {
    Some(match name {
        "connection" => 0,
        "te" => 1,
        "trailer" => 2,
        "transfer-encoding" => 3,
        "upgrade" => 4,
        "proxy-authenticate" => 5,
        "proxy-authorization" => 6,
        "keep-alive" => 7,
        "proxy-connection" => 8,
        "proxy-authentication-info" => 9,
        "http2-settings" => 10,
        "proxy" => 11,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn map(lines: &[(&str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn every_known_name_is_found_where_it_stands() {
        for (index, name) in ALWAYS.iter().enumerate() {
            assert_eq!(place(name.as_str()), Some(index), "{name}");
        }
        assert_eq!(place("host"), None);
    }

    #[test]
    fn all_connection_lines_count() {
        let mut headers = map(&[
            ("connection", "close, X-First"),
            ("connection", " x-SECOND ,, bad name"),
            ("x-first", "1"),
            ("x-second", "2"),
            ("x-second", "again"),
            ("x-third", "3"),
            ("host", "h"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("x-third", "3"), ("host", "h")]));
    }

    #[test]
    fn the_known_ones_go_unnamed() {
        let mut headers = map(&[
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("proxy-authorization", "Basic x"),
            ("proxy-authenticate", "Basic"),
            ("proxy-connection", "keep-alive"),
            ("http2-settings", "x"),
            ("proxy", "http://evil/"),
            ("authorization", "Bearer x"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("authorization", "Bearer x")]));
    }

    proptest! {
        #[test]
        fn nothing_that_a_connection_line_names_survives(
            lines in proptest::collection::vec(proptest::collection::vec("[xX]-[abAB]{1,2}|[ ,]|close", 0..4), 0..4),
            others in proptest::collection::vec("x-[ab]{1,2}", 0..8),
        ) {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(CONNECTION, HeaderValue::from_str(&line.join(",")).unwrap());
            }
            for name in &others {
                headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("v"));
            }
            let before = headers.clone();
            strip_hop_by_hop(&mut headers);
            for token in lines.iter().flatten() {
                if let Ok(name) = token.parse::<HeaderName>() {
                    prop_assert!(!headers.contains_key(name));
                }
            }
            prop_assert!(!headers.contains_key(CONNECTION));
            for (name, value) in &before {
                let named = lines.iter().flatten().any(|token| token.eq_ignore_ascii_case(name.as_str()));
                prop_assert!(named || name == CONNECTION || headers.get(name) == Some(value));
            }
            let once = headers.clone();
            strip_hop_by_hop(&mut headers);
            prop_assert_eq!(headers, once);
        }
    }
}
