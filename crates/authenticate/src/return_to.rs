//! Where a person goes after signing in: a path of the very host they started on.
//!
//! Refuses: everything a browser might read as another host or as a script. `//host`, `/\host`, schemes,
//! userinfo, control characters and their encodings, dot segments, fragments, and whatever is too long.

use std::fmt;

/// The longest path with its query, in bytes; it travels in a cookie.
const LONGEST: usize = 2048;

/// A path with its query, safe as a `Location` on the host it was asked for on.
#[derive(Clone, PartialEq, Eq)]
pub struct ReturnTo(Box<str>);

impl ReturnTo {
    /// The front page.
    pub fn root() -> Self {
        Self("/".into())
    }

    /// Parses a `return` parameter.
    ///
    /// # Errors
    /// [`InvalidReturn`] unless the text starts with exactly one `/`, is printable ASCII without `\`, `#`,
    /// `"`, `<`, `>` and spaces, has no dot segment in any spelling, no encoded control character, slash or
    /// backslash in its path, and is at most 2 KiB long.
    pub fn parse(text: &str) -> Result<Self, InvalidReturn> {
        if text.len() > LONGEST {
            return Err(InvalidReturn::TooLong);
        }
        if !text.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>')) {
            return Err(InvalidReturn::Characters);
        }
        let (path, _) = text.split_once('?').unwrap_or((text, ""));
        let Some(rest) = path.strip_prefix('/') else {
            return Err(InvalidReturn::NoPath);
        };
        if rest.starts_with('/') {
            return Err(InvalidReturn::OtherHost);
        }
        let folded = path.to_ascii_lowercase();
        if folded.split('%').skip(1).any(is_treacherous_escape) {
            return Err(InvalidReturn::Characters);
        }
        let undotted = folded.replace("%2e", ".");
        if undotted.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | ".."))) {
            return Err(InvalidReturn::DotSegment);
        }
        Ok(Self(text.into()))
    }

    /// What a request asked for; the front page when it is nothing one can return to.
    ///
    /// Browsers leave a backslash in a query as it is; there it is escaped instead of refused.
    pub fn of_request(path_and_query: &str) -> Self {
        let text = match path_and_query.split_once('?') {
            Some((path, query)) if query.contains('\\') => &format!("{path}?{}", query.replace('\\', "%5C")),
            _ => path_and_query,
        };
        Self::parse(text).unwrap_or_else(|_| Self::root())
    }

    /// The path with its query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `rest` is what follows a `%`, in lower case: control characters, `/`, `\` and broken triplets.
fn is_treacherous_escape(rest: &str) -> bool {
    let Some(byte) = rest.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
        return true;
    };
    byte.is_ascii_control() || byte == b'/' || byte == b'\\'
}

impl fmt::Debug for ReturnTo {
    /// Not the query: it may hold what is nobody else's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReturnTo({})", self.0.split('?').next().unwrap_or_default())
    }
}

/// Why a text is no path to return to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReturn {
    /// It does not start with `/`.
    #[error("the way back has to be a path that starts with `/`")]
    NoPath,
    /// It starts with `//`, which is another host.
    #[error("the way back has to be a path of this host")]
    OtherHost,
    /// Spaces, control characters, backslashes and the like, plain or encoded.
    #[error("the way back has characters that no path has")]
    Characters,
    /// `.` or `..` as a segment.
    #[error("the way back has `.` or `..` in it")]
    DotSegment,
    /// Over 2 KiB.
    #[error("the way back is longer than 2048 bytes")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::Url;

    #[test]
    fn paths_of_this_host_pass() {
        for text in [
            "/",
            "/a/b",
            "/?folder=/home/coder/project",
            "/a?next=https://other.example/x",
            "/a//b",
            "/static/x.js?v=1&w=%2F%00",
            "/@user/repo",
            "/a:b",
            "/.well-known/x",
            "/caf%C3%A9",
            "/a;b=c",
            "/javascript:alert(1)",
        ] {
            assert_eq!(ReturnTo::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn attacks_are_refused() {
        for text in [
            "",
            "evil.example",
            "//evil.example",
            "///evil.example",
            "////evil.example/x",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "http://evil.example",
            "https://evil.example/",
            "https:evil.example",
            "https:/evil.example",
            "HTTPS://evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            " //evil.example",
            "/ /evil.example",
            "\t//evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\nLocation: https://evil.example",
            "/\0/evil.example",
            "/%09/evil.example",
            "/%0d%0aSet-Cookie:x=y",
            "/%2fevil.example",
            "/%2Fevil.example",
            "/%5cevil.example",
            "/%5Cevil.example",
            "/%00",
            "/%7f",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/%2E%2e//evil.example",
            "/..;x//evil.example",
            "@evil.example/",
            "user:pass@evil.example",
            "?next=//evil.example",
            "#//evil.example",
            "/#@evil.example",
            "/%",
            "/%zz",
            "/%u002fevil",
            "/\u{2f}\u{ff0f}evil.example",
            "\u{feff}//evil.example",
            "/\u{202e}evil",
            "/\"><script>",
        ] {
            assert!(ReturnTo::parse(text).is_err(), "{text:?} passed");
        }
        assert_eq!(ReturnTo::parse(&format!("/{}", "a".repeat(2048))), Err(InvalidReturn::TooLong));
    }

    #[test]
    fn what_was_asked_for_is_remembered_or_the_front_page_is() {
        assert_eq!(ReturnTo::of_request("/a?b=c").as_str(), "/a?b=c");
        assert_eq!(ReturnTo::of_request("/a?b=\\\\x").as_str(), "/a?b=%5C%5Cx");
        assert_eq!(ReturnTo::of_request("//evil.example").as_str(), "/");
        assert_eq!(ReturnTo::of_request(&format!("/{}", "a".repeat(4000))).as_str(), "/");
    }

    proptest! {
        #[test]
        fn no_browser_leaves_the_host(text in "[/\\\\.%a-f0-9@:?#;\\t a-z]{0,40}") {
            if let Ok(path) = ReturnTo::parse(&text) {
                let here = Url::parse("https://code.example:8443/deep/er").unwrap();
                let there = here.join(path.as_str()).unwrap();
                prop_assert_eq!(there.origin(), here.origin());
                prop_assert!(there.username().is_empty());
            }
        }
    }
}
