//! The claims of an identity, looked up the way policies name them.

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

    /// The values at a path as strings: each element of a list, else the one value. Numbers and booleans
    /// are written as JSON writes them; objects and nulls count as nothing.
    pub fn strings_at(&self, path: &str) -> Vec<String> {
        match self.at_path(path) {
            Some(Value::Array(items)) => items.iter().filter_map(as_text).collect(),
            Some(value) => as_text(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
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
}
