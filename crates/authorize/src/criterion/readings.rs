//! What a client may say in several ways, or several times: who knows which of them the application takes?
//!
//! Each reading is asked. Where they do not agree, nobody can say whether the criterion holds.

use doorward_hygiene::NormalPath;
use http::{HeaderMap, HeaderName, Method};
use percent_encoding::percent_decode;
use smallvec::SmallVec;

/// What all readings say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readings {
    /// The same. Without any reading, that it does not hold.
    Agree(bool),
    /// Some hold, some do not, or one cannot be read at all.
    Differ,
}

impl Readings {
    fn of(mut answers: impl Iterator<Item = Option<bool>>) -> Self {
        match answers.next() {
            None => Self::Agree(false),
            Some(Some(first)) if answers.all(|other| other == Some(first)) => Self::Agree(first),
            Some(_) => Self::Differ,
        }
    }
}

/// The path, and the other readings that some applications take.
pub(super) fn of_path(path: &NormalPath, holds: impl Fn(&str) -> bool) -> Readings {
    Readings::of(path.readings().map(|path| Some(holds(path))))
}

/// The method, and in capitals: `delete` is another method than `DELETE` (RFC 9110 §9.1), but not to every application.
pub(super) fn of_method(method: &Method, holds: impl Fn(&str) -> bool) -> Readings {
    let said = method.as_str();
    if !said.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Readings::Agree(holds(said));
    }
    Readings::of([holds(said), holds(&said.to_ascii_uppercase())].into_iter().map(Some))
}

/// Every line of a header.
pub(super) fn of_header(headers: &HeaderMap, name: &HeaderName, holds: impl Fn(&str) -> bool) -> Readings {
    Readings::of(headers.get_all(name).iter().map(|value| std::str::from_utf8(value.as_bytes()).ok().map(&holds)))
}

/// Every value of a parameter of the query (URL standard, "application/x-www-form-urlencoded parsing"). Some
/// applications take `;` for `&`: that is another reading.
pub(super) fn of_query(query: Option<&str>, name: &str, holds: impl Fn(&str) -> bool) -> Readings {
    let query = query.unwrap_or_default();
    let strict = of_pairs(query.split('&'), name, &holds);
    if !query.contains(';') || strict == of_pairs(query.split(['&', ';']), name, &holds) {
        strict
    } else {
        Readings::Differ
    }
}

fn of_pairs<'a>(pairs: impl Iterator<Item = &'a str>, name: &str, holds: &impl Fn(&str) -> bool) -> Readings {
    let values = pairs.filter(|pair| !pair.is_empty()).filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(key, |key| key == Some(name)).then_some(value)
    });
    Readings::of(values.map(|value| decoded(value, |value| value.map(holds))))
}

/// Every value of a parameter, for showing.
pub(super) fn values_of_query(query: Option<&str>, name: &str) -> Vec<String> {
    let mut values = Vec::new();
    for pair in query.unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decoded(key, |key| key == Some(name)) {
            decoded(value, |value| values.push(value.unwrap_or("(not UTF-8)").to_owned()));
        }
    }
    values
}

/// Gives the decoded text; none when it is no UTF-8. No heap allocation for texts of usual length.
fn decoded<R>(text: &str, take: impl FnOnce(Option<&str>) -> R) -> R {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return take(Some(text));
    }
    let spaced: SmallVec<[u8; 256]> = text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    let bytes: SmallVec<[u8; 256]> = percent_decode(&spaced).collect();
    take(std::str::from_utf8(&bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_parameter_given_twice_is_unclear_when_it_matters() {
        let is_one = |value: &str| value == "1";
        for (query, expected) in [
            (None, Readings::Agree(false)),
            (Some(""), Readings::Agree(false)),
            (Some("a=1"), Readings::Agree(true)),
            (Some("b=1"), Readings::Agree(false)),
            (Some("a=1&a=1"), Readings::Agree(true)),
            (Some("a=1&a=2"), Readings::Differ),
            (Some("%61=%31"), Readings::Agree(true)),
            (Some("a=2&%61=1"), Readings::Differ),
            (Some("a=%ff"), Readings::Differ),
            (Some("a"), Readings::Agree(false)),
            // Read as two parameters, or as one.
            (Some("b=2;a=1"), Readings::Differ),
            (Some("a=1;b=2"), Readings::Differ),
            (Some("b=2;c=1"), Readings::Agree(false)),
            (Some("b=2;c&a=1"), Readings::Agree(true)),
        ] {
            assert_eq!(of_query(query, "a", is_one), expected, "{query:?}");
        }
        assert_eq!(of_query(Some("a=x+y%2B"), "a", |value| value == "x y+"), Readings::Agree(true));
    }

    #[test]
    fn so_is_a_header_and_a_path() {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("x-env");
        let is_prod = |value: &str| value == "prod";
        assert_eq!(of_header(&headers, &name, is_prod), Readings::Agree(false));
        headers.append(&name, HeaderValue::from_static("prod"));
        assert_eq!(of_header(&headers, &name, is_prod), Readings::Agree(true));
        headers.append(&name, HeaderValue::from_static("test"));
        assert_eq!(of_header(&headers, &name, is_prod), Readings::Differ);
        let path = NormalPath::parse("/public//admin").unwrap();
        assert_eq!(of_path(&path, |path| path.starts_with("/public/admin")), Readings::Differ);
        assert_eq!(of_path(&path, |path| path.starts_with("/public")), Readings::Agree(true));
    }

    #[test]
    fn a_method_in_small_letters_is_unclear_when_it_matters() {
        let is_delete = |method: &str| method == "DELETE";
        for (method, expected) in [
            ("DELETE", Readings::Agree(true)),
            ("delete", Readings::Differ),
            ("Delete", Readings::Differ),
            ("get", Readings::Agree(false)),
            ("M-SEARCH", Readings::Agree(false)),
        ] {
            assert_eq!(of_method(&method.parse().unwrap(), is_delete), expected, "{method}");
        }
    }

    #[test]
    fn parameters_are_decoded_once_and_names_as_values_are() {
        let is = |wanted: &'static str| move |value: &str| value == wanted;
        for (query, name, wanted, expected) in [
            ("a=%2531", "a", "%31", Readings::Agree(true)),
            ("a=%31%zz%4", "a", "1%zz%4", Readings::Agree(true)),
            ("a=b=c", "a", "b=c", Readings::Agree(true)),
            ("a=%26b=c", "a", "&b=c", Readings::Agree(true)),
            ("a=1;b=2", "b", "2", Readings::Differ),
            ("=1", "", "1", Readings::Agree(true)),
            ("&&a=1&", "a", "1", Readings::Agree(true)),
            ("a+b=1", "a b", "1", Readings::Agree(true)),
            ("a%20b=1", "a b", "1", Readings::Agree(true)),
            ("a%2Bb=1", "a+b", "1", Readings::Agree(true)),
            ("A=1", "a", "1", Readings::Agree(false)),
            ("a[]=1", "a", "1", Readings::Agree(false)),
            ("%ff=1", "a", "1", Readings::Agree(false)),
            ("a=%00", "a", "\0", Readings::Agree(true)),
            ("a=%E2%84%AA", "a", "k", Readings::Agree(false)),
            ("a=%E2%84%AA", "a", "\u{212a}", Readings::Agree(true)),
            ("a=1&a", "a", "1", Readings::Differ),
            ("a&a=", "a", "", Readings::Agree(true)),
            ("a=1&a=%ff", "a", "1", Readings::Differ),
            ("a=2&a=%ff", "a", "1", Readings::Differ),
            // Overlong UTF-8 is none.
            ("a=%C0%AF", "a", "/", Readings::Differ),
        ] {
            assert_eq!(of_query(Some(query), name, is(wanted)), expected, "{query}");
        }
    }

    #[test]
    fn long_values_are_read_to_their_end() {
        let long = format!("{}x", "%41".repeat(2000));
        let read = of_query(Some(&format!("a={long}")), "a", |value| value.len() == 2001 && value.ends_with("Ax"));
        assert_eq!(read, Readings::Agree(true));
    }

    #[test]
    fn a_header_that_is_no_text_is_unclear() {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("x-env");
        headers.append(&name, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(of_header(&headers, &name, |_| true), Readings::Differ);
        assert_eq!(of_header(&headers, &name, |_| false), Readings::Differ);
        headers.insert(&name, HeaderValue::from_bytes("\u{e9}".as_bytes()).unwrap());
        assert_eq!(of_header(&headers, &name, |value| value == "\u{e9}"), Readings::Agree(true));
        headers.insert(&name, HeaderValue::from_static("a, b"));
        assert_eq!(of_header(&headers, &name, |value| value == "a"), Readings::Agree(false), "one line is one value");
    }

    #[test]
    fn segments_with_parameters_have_two_readings() {
        for (path, expected) in [
            ("/a;x=1/b", Readings::Differ),
            ("/a/b;x", Readings::Differ),
            ("/a/b//", Readings::Agree(false)),
            ("/a/b", Readings::Agree(true)),
            ("/A/b", Readings::Agree(false)),
            ("/%61/b", Readings::Agree(true)),
            ("/x;y", Readings::Agree(false)),
        ] {
            let path = NormalPath::parse(path).unwrap();
            assert_eq!(of_path(&path, |path| path == "/a/b"), expected, "{path:?}");
        }
    }
}
