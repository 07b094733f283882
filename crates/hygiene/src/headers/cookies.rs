//! Our cookies, which never reach an upstream: who holds one is signed in.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::cookies::items;

/// Whether a cookie of this name is ours: `__Host-STEM` or `__Secure-STEM`, either with `-anything` behind it,
/// or `STEM` alone. Case is ignored, as browsers do for the two prefixes.
pub(super) fn is_ours(name: &[u8], stem: &str) -> bool {
    for prefix in [&b"__Host-"[..], b"__Secure-"] {
        if let Some((start, rest)) = name.split_at_checked(prefix.len())
            && start.eq_ignore_ascii_case(prefix)
        {
            return match rest.split_at_checked(stem.len()) {
                Some((start, suffix)) => {
                    start.eq_ignore_ascii_case(stem.as_bytes()) && (suffix.is_empty() || suffix.starts_with(b"-"))
                }
                None => false,
            };
        }
    }
    name.eq_ignore_ascii_case(stem.as_bytes())
}

/// What a reader takes for the name of `name=value`. Without a name, the value may be read as a whole cookie
/// by the next one to parse it, so its own start is looked at.
pub(super) fn name_of(item: &[u8]) -> &[u8] {
    let nameless = item.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b'=').count();
    let item = item.get(nameless..).unwrap_or_default();
    item.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii()
}

/// Removes our cookies, of which `stem` is the configured name, and joins what is left of all `Cookie` lines
/// into one with `"; "` (RFC 9113 §8.2.3). Without anything left, the header goes.
pub fn strip_cookies(headers: &mut HeaderMap, stem: &str) {
    let mut lines = headers.get_all(COOKIE).iter();
    let Some(first) = lines.next() else {
        return;
    };
    let several = lines.next().is_some();
    let (mut ours, mut left) = (false, Vec::new());
    for item in headers.get_all(COOKIE).iter().flat_map(|line| items(line.as_bytes())) {
        if is_ours(name_of(item), stem) {
            ours = true;
        } else {
            if left.is_empty() {
                left.reserve_exact(first.len());
            } else {
                left.extend_from_slice(b"; ");
            }
            left.extend_from_slice(item);
        }
    }
    if !several && !ours {
        return;
    }
    // What came out of header values makes up a header value; were it otherwise, no cookie would pass.
    match HeaderValue::try_from(left) {
        Ok(line) if !line.is_empty() => {
            headers.insert(COOKIE, line);
        }
        _ => {
            headers.remove(COOKIE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stripped(lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        strip_cookies(&mut headers, "doorward");
        headers.get_all(COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn ours_go_and_the_rest_is_one_line() {
        for (lines, left) in [
            (&["a=1; __Host-doorward=secret; b=2"][..], &["a=1; b=2"][..]),
            (&["__Host-doorward=secret"], &[]),
            (&["__Host-doorward-attempt-x1=s; __Secure-doorward=t; __Secure-doorward-y=u; doorward=v; a=1"], &["a=1"]),
            (&["a=1", "__Host-doorward=secret", "b=2"], &["a=1; b=2"]),
            (&["a=1", "b=2"], &["a=1; b=2"]),
            (&["a=1;b=2"], &["a=1;b=2"]),
            (&["__host-DOORWARD=secret; a=1"], &["a=1"]),
            (&["  __Host-doorward  =secret; a=1"], &["a=1"]),
            (&["=__Host-doorward=secret; a=1"], &["a=1"]),
            (&["= __Host-doorward=secret"], &[]),
            (&["==__Host-doorward=secret"], &[]),
            (&["__Host-doorward; a=1"], &["a=1"]),
            (
                &["__Host-doorwards=1; doorward-theme=dark; x__Host-doorward=1"],
                &["__Host-doorwards=1; doorward-theme=dark; x__Host-doorward=1"],
            ),
            (&["__Host-door=1"], &["__Host-door=1"]),
            (&["; ;", ""], &[]),
            (&[], &[]),
        ] {
            assert_eq!(stripped(lines), left, "{lines:?}");
        }
    }

    #[test]
    fn bytes_beyond_ascii_pass_untouched() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_bytes(b"a=\xff; __Host-doorward=secret; b=2").unwrap());
        strip_cookies(&mut headers, "doorward");
        assert_eq!(headers[COOKIE].as_bytes(), b"a=\xff; b=2");
    }

    proptest! {
        #[test]
        fn no_reader_finds_our_cookie_afterwards(
            lines in proptest::collection::vec("([a-c]=[0-9]|__Host-doorward(-x)?=secret|doorward=secret|[;= ])*", 0..4),
        ) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let left = stripped(&lines);
            prop_assert!(left.len() <= 1);
            for item in left.iter().flat_map(|line| line.split(';')) {
                prop_assert!(!item.trim().trim_start_matches(['=', ' ']).starts_with("__Host-doorward"), "{:?}", item);
            }
        }
    }
}
