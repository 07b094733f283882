//! What kind of answer a client wants when the answer is ours, and whether it is a page being opened.

use http::header::{ACCEPT, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
const X_MOZ: HeaderName = HeaderName::from_static("x-moz");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What an error answer should be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// A page: only for who names `text/html` or `application/xhtml+xml`.
    Html,
    /// JSON: also for who accepts anything, or nothing we have.
    Json,
    /// Plain text: for who names it and prefers it.
    Text,
}

impl Accepts {
    /// Reads all `Accept` lines of a request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self::of_lines(headers.get_all(ACCEPT))
    }

    /// Reads these `Accept` lines (RFC 9110 §12.5.1). Wildcards are not taken for a wish: every `fetch()` sends
    /// `*/*`, and wants no page.
    pub fn of_lines<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let (mut html, mut json, mut text) = (0, 0, 0);
        for range in lines.into_iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')) {
            let mut parts = range.split(';');
            let kind = parts.next().unwrap_or_default().trim();
            let weight = weight(parts);
            let best = if is(kind, "text/html") || is(kind, "application/xhtml+xml") {
                &mut html
            } else if is(kind, "application/json") || is(kind, "application/problem+json") {
                &mut json
            } else if is(kind, "text/plain") {
                &mut text
            } else {
                continue;
            };
            *best = weight.max(*best);
        }
        if html > 0 && html >= json && html >= text {
            Self::Html
        } else if text > json {
            Self::Text
        } else {
            Self::Json
        }
    }
}

fn is(kind: &str, name: &str) -> bool {
    kind.eq_ignore_ascii_case(name)
}

/// A quality value in thousandths (RFC 9110 §12.4.2); one that cannot be read counts as not acceptable.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let Some(value) = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        is(name.trim(), "q").then(|| value.trim())
    }) else {
        return 1000;
    };
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return 0;
    }
    let thousandths = fraction.bytes().zip([100, 10, 1]).map(|(digit, worth)| u16::from(digit - b'0') * worth).sum();
    match (whole, thousandths) {
        ("0", thousandths) => thousandths,
        ("1", 0) => 1000,
        _ => 0,
    }
}

/// Whether a browser is opening a page in a tab, so that a redirect to sign in leads somewhere.
///
/// With `Sec-Fetch-*` (Fetch Metadata) the browser says so itself, and scripts cannot forge it; a frame
/// inside a page, a script's request and a prefetch are none. Without, `Accept` has to name `text/html`.
pub(crate) fn is_page_load(parts: &Parts) -> bool {
    let headers = &parts.headers;
    if !matches!(parts.method, Method::GET | Method::HEAD) || headers.contains_key(UPGRADE) {
        return false;
    }
    // Only this value: Android's web views name their application here when they open a page.
    if headers.get_all(X_REQUESTED_WITH).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"XMLHttpRequest")) {
        return false;
    }
    // The standard one, and those that Safari and older browsers send.
    if [SEC_PURPOSE, PURPOSE, X_MOZ]
        .iter()
        .any(|name| headers.get_all(name).iter().any(|value| value.as_bytes().starts_with(b"prefetch")))
    {
        return false;
    }
    let mode = only(headers, &SEC_FETCH_MODE);
    let destination = only(headers, &SEC_FETCH_DEST);
    match (mode, destination) {
        (None, None) => names_html(headers),
        (mode, destination) => {
            mode.is_none_or(|mode| mode == "navigate")
                && destination.is_none_or(|destination| destination == "document")
        }
    }
}

/// The value of a header that may stand there once; twice reads as a value that nothing expects.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    static TWICE: HeaderValue = HeaderValue::from_static("");
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(_), Some(_)) => Some(&TWICE),
        (line, _) => line,
    }
}

fn names_html(headers: &HeaderMap) -> bool {
    Accepts::of(headers) == Accepts::Html
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn accepts(lines: &[&str]) -> Accepts {
        let lines: Vec<_> = lines.iter().map(|line| ("accept", *line)).collect();
        Accepts::of(&parts("GET", &lines).headers)
    }

    const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

    #[test]
    fn html_is_for_who_names_it() {
        for (lines, expected) in [
            (&[CHROME][..], Accepts::Html),
            (&["TEXT/HTML"], Accepts::Html),
            (&["application/json", "text/html"], Accepts::Html),
            (&["text/html;level=1;q=0.4, application/json;q=0.4"], Accepts::Html),
            (&["text/html;q=0.4, application/json"], Accepts::Json),
            (&["text/html;q=0"], Accepts::Json),
            (&["text/html; q=0.0"], Accepts::Json),
            (&["*/*"], Accepts::Json),
            (&["text/*"], Accepts::Json),
            (&["image/webp,*/*;q=0.8"], Accepts::Json),
            (&[], Accepts::Json),
            (&[""], Accepts::Json),
            (&["text/plain"], Accepts::Text),
            (&["text/plain, application/json"], Accepts::Json),
            (&["application/json, text/plain, */*"], Accepts::Json),
            (&["text/plain;q=0.5, application/json;q=0.2"], Accepts::Text),
            (&["text/html;q=0.1, text/plain;q=0.9"], Accepts::Text),
            (&["text/html;q=nonsense"], Accepts::Json),
            (&["text/html;q=1.5"], Accepts::Json),
            (&["text/html;q=-1"], Accepts::Json),
            (&["text/html;q=0.9999"], Accepts::Json),
            (&["text/html;Q=1.000"], Accepts::Html),
            (&["text/html;q="], Accepts::Json),
        ] {
            assert_eq!(accepts(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_navigation_is_a_page_load_and_nothing_else_is() {
        let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("accept", CHROME)];
        for (method, headers, expected) in [
            ("GET", &navigation[..], true),
            ("HEAD", &navigation, true),
            ("POST", &navigation, false),
            ("OPTIONS", &navigation, false),
            ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe"), ("accept", CHROME)], false),
            ("GET", &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), ("accept", CHROME)], false),
            ("GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], false),
            ("GET", &[("sec-fetch-mode", "websocket"), ("sec-fetch-dest", "websocket")], false),
            ("GET", &[("sec-fetch-mode", "navigate")], true),
            ("GET", &[("sec-fetch-dest", "document")], true),
            ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "cors")], false),
            ("GET", &[("accept", CHROME)], true),
            ("GET", &[("accept", "*/*")], false),
            ("GET", &[], false),
            ("GET", &[("accept", CHROME), ("x-requested-with", "xmlhttprequest")], false),
            ("GET", &[("accept", CHROME), ("x-requested-with", "com.example.app")], true),
            ("GET", &[("accept", CHROME), ("upgrade", "websocket")], false),
        ] {
            assert_eq!(is_page_load(&parts(method, headers)), expected, "{method} {headers:?}");
        }
        let mut prefetch = navigation.to_vec();
        prefetch.push(("sec-purpose", "prefetch;prerender"));
        assert!(!is_page_load(&parts("GET", &prefetch)));
    }
}
