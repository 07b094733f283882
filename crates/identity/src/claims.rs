//! The claims of an identity, looked up the way policies name them.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How many names a claim path may have: `a/b/c/d/e`.
const DEEPEST: usize = 5;

/// What the provider said of a person, by claim name, as JSON.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Claims from a JSON object.
    pub fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// The value under exactly this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Every claim, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value a policy's `claim/PATH` means: the claim of exactly that name if there is one, else the
    /// path followed through objects, names separated by `/` or `.`, at most five of them.
    pub fn at_path(&self, path: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(path) {
            return Some(value);
        }
        let mut names = path.split(['/', '.']);
        let mut value = self.0.get(names.next()?)?;
        for (depth, name) in names.enumerate() {
            if depth + 2 > DEEPEST {
                return None;
            }
            value = value.as_object()?.get(name)?;
        }
        Some(value)
    }

    /// The values at a path as texts: each element of a list, else the one value. Numbers and booleans are written as
    /// JSON writes them; objects and nulls count as nothing. Nothing is put on the heap.
    pub fn texts_at(&self, path: &str) -> impl Iterator<Item = ClaimText<'_>> + Clone {
        let values = match self.at_path(path) {
            Some(Value::Array(items)) => items.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        values.iter().filter_map(ClaimText::of)
    }

    /// The same, to keep.
    pub fn strings_at(&self, path: &str) -> Vec<String> {
        self.texts_at(path).map(|text| text.as_ref().to_owned()).collect()
    }
}

/// The text of one value of a claim.
#[derive(Debug, Clone, Copy)]
pub struct ClaimText<'a>(Kind<'a>);

#[derive(Debug, Clone, Copy)]
enum Kind<'a> {
    Said(&'a str),
    Written(Written),
}

impl<'a> ClaimText<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        Some(Self(match value {
            Value::String(text) => Kind::Said(text),
            Value::Bool(true) => Kind::Said("true"),
            Value::Bool(false) => Kind::Said("false"),
            Value::Number(number) => {
                let mut written = Written::default();
                write!(written, "{number}").ok()?;
                Kind::Written(written)
            }
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        }))
    }
}

impl AsRef<str> for ClaimText<'_> {
    fn as_ref(&self) -> &str {
        match &self.0 {
            Kind::Said(text) => text,
            Kind::Written(written) => written.as_str(),
        }
    }
}

/// A number as text, without the heap. The longest that JSON's writer writes, `-2.2250738585072014e-308`, fits.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    bytes: [u8; 32],
    length: usize,
}

impl Written {
    fn as_str(&self) -> &str {
        // Whole texts were written, so it is UTF-8.
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Write for Written {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_exact_name_wins_over_a_path() {
        let claims = claims(r#"{"https://x.test/roles": ["admin"], "a": {"b": {"c": 3}}, "a.b": "flat"}"#);
        assert_eq!(claims.strings_at("https://x.test/roles"), ["admin"]);
        assert_eq!(claims.strings_at("a.b"), ["flat"]);
        assert_eq!(claims.strings_at("a/b/c"), ["3"]);
        assert!(claims.strings_at("a/b").is_empty(), "an object is no value");
        assert!(claims.strings_at("nothing/here").is_empty());
    }

    #[test]
    fn paths_end_at_five_names() {
        let claims = claims(r#"{"a":{"b":{"c":{"d":{"e":"5","f":{"g":"6"}}}}}}"#);
        assert_eq!(claims.strings_at("a/b/c/d/e"), ["5"]);
        assert!(claims.strings_at("a/b/c/d/f/g").is_empty());
    }

    #[test]
    fn numbers_are_written_as_json_writes_them() {
        let json = r#"{"n": [0, -1, 18446744073709551615, -9223372036854775808, 1.5, 1e300, -2.2250738585072014e-308,
            0.1, -0.0, true, false, null, {}, [], "text"]}"#;
        let claims = claims(json);
        let Some(Value::Array(items)) = claims.get("n") else { panic!("a list") };
        let mut expected: Vec<String> = items.iter().take(11).map(ToString::to_string).collect();
        expected.push("text".into());
        assert_eq!(claims.strings_at("n"), expected);
    }
}
