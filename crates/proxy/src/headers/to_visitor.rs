//! The head of an upstream's answer, as a visitor may see it.
//!
//! Refuses an answer whose body would mean something else once it has passed: one in a transfer coding other than
//! `chunked`. Takes off what would speak in our name, and what would let a shared cache hand one visitor's answer to
//! another.

use doorward_hygiene::headers::strip_response;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version};

use super::to_upstream::announced;
use crate::served_route::ServedRoute;

/// Cache rules addressed to shared caches alone (RFC 9213 and its forerunner), which overrule `Cache-Control`.
const FOR_SHARED_CACHES: [HeaderName; 2] =
    [HeaderName::from_static("cdn-cache-control"), HeaderName::from_static("surrogate-control")];

/// What the framing of an answer says about its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// The connection may be used again.
    Clear,
    /// It gave two lengths; one of them was believed, and nothing more from there (RFC 9112 §6.1).
    Doubtful,
}

/// Cleans an answer's head.
///
/// # Errors
/// A reason for the log when the answer cannot be passed on.
pub(crate) fn clean(parts: &mut Parts, route: &ServedRoute, cookie_stem: &str) -> Result<Framing, &'static str> {
    let framing = check_framing(&mut parts.headers)?;
    let trailers = parts.headers.get(TRAILER).and_then(announced);
    let chunked = parts.headers.contains_key(TRANSFER_ENCODING) || parts.version == Version::HTTP_2;
    strip_response(&mut parts.headers, cookie_stem);
    if chunked && let Some(trailers) = trailers {
        parts.headers.insert(TRAILER, trailers);
    }
    if !route.public {
        keep_out_of_shared_caches(&mut parts.headers);
    }
    for (name, value) in &route.settings.set_response_headers {
        parts.headers.insert(name, value.clone());
    }
    // Whatever the upstream speaks, we speak our own version.
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    Ok(framing)
}

fn check_framing(headers: &mut HeaderMap) -> Result<Framing, &'static str> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(Framing::Clear),
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => {
            Ok(if headers.remove(CONTENT_LENGTH).is_some() { Framing::Doubtful } else { Framing::Clear })
        }
        _ => Err("its body is in a transfer coding other than chunked"),
    }
}

/// Makes what is `public`, or has a life in shared caches, `private`: policy let this visitor see it, not everybody.
fn keep_out_of_shared_caches(headers: &mut HeaderMap) {
    for name in &FOR_SHARED_CACHES {
        headers.remove(name);
    }
    let lines = || headers.get_all(CACHE_CONTROL).iter();
    if !lines().any(|line| names(line, "public") || names(line, "s-maxage")) {
        return;
    }
    let mut rules = vec!["private"];
    rules.extend(
        lines()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|rule| !rule.is_empty() && !["public", "private", "s-maxage"].iter().any(|name| is(rule, name))),
    );
    let line = HeaderValue::try_from(rules.join(", ")).unwrap_or(HeaderValue::from_static("private"));
    headers.insert(CACHE_CONTROL, line);
}

fn names(line: &HeaderValue, name: &str) -> bool {
    // One that cannot be read counts as saying it.
    line.to_str().map_or(true, |line| line.split(',').any(|rule| is(rule.trim(), name)))
}

fn is(rule: &str, name: &str) -> bool {
    rule.split('=').next().is_some_and(|word| word.trim().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cached(lines: &[&str]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
        }
        keep_out_of_shared_caches(&mut headers);
        headers.get_all(CACHE_CONTROL).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_was_public_becomes_private_and_keeps_its_age() {
        for (lines, expected) in [
            (&["public, max-age=31536000"][..], &["private, max-age=31536000"][..]),
            (&["Public"], &["private"]),
            (&["max-age=60, s-maxage=600"], &["private, max-age=60"]),
            (&["max-age=60", "public", "immutable"], &["private, max-age=60, immutable"]),
            (&["public, private, no-store"], &["private, no-store"]),
            (&["private, max-age=5"], &["private, max-age=5"]),
            (&["no-cache"], &["no-cache"]),
            (&["max-age=5", "no-transform"], &["max-age=5", "no-transform"]),
            (&[], &[]),
        ] {
            assert_eq!(cached(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn only_chunked_passes_and_two_lengths_end_the_connection() {
        let framing = |lines: &[(&'static str, &'static str)]| {
            let mut headers: HeaderMap = lines
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let framing = check_framing(&mut headers);
            (framing, headers.contains_key(CONTENT_LENGTH))
        };
        assert_eq!(framing(&[("content-length", "3")]), (Ok(Framing::Clear), true));
        assert_eq!(framing(&[("transfer-encoding", "Chunked")]), (Ok(Framing::Clear), false));
        assert_eq!(
            framing(&[("transfer-encoding", "chunked"), ("content-length", "3")]),
            (Ok(Framing::Doubtful), false)
        );
        assert!(framing(&[("transfer-encoding", "gzip, chunked")]).0.is_err());
        assert!(framing(&[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")]).0.is_err());
    }
}
