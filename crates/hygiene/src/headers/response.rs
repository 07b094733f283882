//! What an upstream's answer may not say to a browser in our name.

use http::header::{ALT_SVC, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::cookies::{is_ours, name_of};
use super::strip_hop_by_hop;

/// Headers by which we speak to a browser, spelled as [`super::is_reserved`] reads them.
const OURS: [&str; 2] = ["x-doorward-", "x-pomerium-"];

/// Removes from an upstream's answer: hop-by-hop headers, cookies of our names (of which `stem` is the
/// configured one), headers of ours, and `Alt-Svc`, which would send the browser past us.
pub fn strip_response(headers: &mut HeaderMap, stem: &str) {
    strip_hop_by_hop(headers);
    headers.remove(ALT_SVC);
    let forged: Vec<HeaderName> = headers.keys().filter(|name| is_of_ours(name)).cloned().collect();
    for name in forged {
        headers.remove(name);
    }
    if headers.get_all(SET_COOKIE).iter().any(|cookie| is_ours(name_of(cookie.as_bytes()), stem)) {
        let theirs: Vec<HeaderValue> = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter(|cookie| !is_ours(name_of(cookie.as_bytes()), stem))
            .cloned()
            .collect();
        headers.remove(SET_COOKIE);
        for cookie in theirs {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

fn is_of_ours(name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    name.starts_with(b"x")
        && OURS.iter().any(|ours| {
            name.len() >= ours.len()
                && ours
                    .bytes()
                    .zip(name)
                    .all(|(ours, byte)| ours == *byte || (ours == b'-' && matches!(byte, b'_' | b'.')))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers: HeaderMap = lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        strip_response(&mut headers, "doorward");
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    }

    fn kept(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn an_upstream_cannot_set_our_cookies() {
        for cookie in [
            "__Host-doorward=evil; Path=/; Secure",
            " __Host-doorward = evil",
            "__host-Doorward=evil",
            "__Secure-doorward-attempt-1=evil; Domain=example.com",
            "doorward=evil",
            "=__Host-doorward=evil",
            "__Host-doorward",
            "__Host-doorward=; Max-Age=0",
        ] {
            let left = stripped(&[("set-cookie", "a=1"), ("set-cookie", cookie)]);
            // The first part up to `;` decides, as it does for browsers.
            assert_eq!(left, kept("set-cookie", "a=1"), "{cookie:?}");
        }
        let both = stripped(&[("set-cookie", "a=1"), ("set-cookie", "b=__Host-doorward=x; Path=/doorward")]);
        assert_eq!(both.len(), 2);
    }

    #[test]
    fn an_upstream_cannot_speak_for_us_or_send_the_browser_past_us() {
        for (name, value) in [
            ("x-doorward-intercepted-response", "true"),
            ("x_doorward_user", "alice"),
            ("x-pomerium-intercepted-response", "true"),
            ("alt-svc", "h3=\":8443\""),
            ("connection", "close"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
        ] {
            assert_eq!(stripped(&[(name, value), ("etag", "x")]), kept("etag", "x"), "{name}");
        }
        assert_eq!(stripped(&[("x-doorwa", "1")]), kept("x-doorwa", "1"));
    }
}
