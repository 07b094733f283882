//! Reading the cookies of a request, without caring who set them.
//!
//! Refuses nothing: an item that is no `name=value` in UTF-8 is passed over, because one application's odd
//! cookie may not sign anybody out of another.

use http::HeaderMap;
use http::header::COOKIE;

/// The most cookies looked at in one request; browsers keep fewer for a host.
const MOST: usize = 256;

/// `(name, value)` of every cookie, over all `Cookie` lines: HTTP/2 may send one line a cookie
/// (RFC 9113 §8.2.3). Names may come up several times; values are not unquoted.
pub(crate) fn of(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.get_all(COOKIE).iter().flat_map(|line| items(line.as_bytes())).take(MOST).filter_map(|item| {
        let (name, value) = item.split_at_checked(item.iter().position(|byte| *byte == b'=')?)?;
        let (name, value) = (name.trim_ascii_end(), value.get(1..)?.trim_ascii_start());
        (!name.is_empty()).then_some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
    })
}

/// The items of one `Cookie` line, trimmed, empty ones left out.
pub(crate) fn items(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn cookies(lines: &[&[u8]]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        of(&headers).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn all_lines_are_read_in_order() {
        assert_eq!(cookies(&[b"a=1; b=2", b"a=3"]), pairs(&[("a", "1"), ("b", "2"), ("a", "3")]));
        assert_eq!(cookies(&[b" a = 1 ;;b=x=y; c="]), pairs(&[("a", "1"), ("b", "x=y"), ("c", "")]));
        assert_eq!(cookies(&[]), pairs(&[]));
    }

    #[test]
    fn an_odd_cookie_hides_no_other() {
        assert_eq!(cookies(&[b"odd=\xff\xfe; a=1"]), pairs(&[("a", "1")]));
        assert_eq!(cookies(&["name=caf\u{e9}".as_bytes()]), pairs(&[("name", "caf\u{e9}")]));
        assert_eq!(cookies(&[b"noname; =x; ; a=1;"]), pairs(&[("a", "1")]));
        assert_eq!(cookies(&[b"q=\"v\"; a=1"]), pairs(&[("q", "\"v\""), ("a", "1")]));
    }

    #[test]
    fn their_number_is_limited() {
        assert_eq!(cookies(&["a=1;".repeat(10_000).as_bytes()]).len(), MOST);
    }
}
