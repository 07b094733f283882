//! How a route rewrites paths on the way to its upstream, and headers on the way back.
//!
//! Refuses a substitution that could make no path of anything, and headers that are Doorward's own or the connection's.

use doorward_hygiene::NormalPath;
use http::HeaderValue;

use super::Compiler;
use super::headers::is_set_by_us;
use super::path_rule::{expression, in_one_line};
use crate::domain::rewriting::{RegexRewrite, ResponseHeaderRewrite, SubstitutionPart};
use crate::domain::route::PathRule;
use crate::raw::At;
use crate::raw::rewriting::{RawHeaderRewrite, RawRegexRewrite, RawRewriting};

/// The key of the pattern, that of the substitution, and how the two are written.
pub(super) type Keys = (&'static str, &'static str);

const PATH: Keys = ("regex_rewrite_pattern", "regex_rewrite_substitution");

impl Compiler<'_> {
    /// What replaces the route's prefix: the key, or else the path in `to` unless another key says what is sent.
    pub(super) fn prefix_rewrite(
        &mut self,
        raw: &RawRewriting,
        path: Option<&PathRule>,
        base_path: Option<At<String>>,
    ) -> Option<String> {
        let (key, text) = match (&raw.prefix, base_path) {
            (Some(text), _) => ("prefix_rewrite", text.clone()),
            (None, Some(base)) if raw.path.place().is_none() => ("to", base),
            _ => return None,
        };
        if matches!(path, Some(PathRule::Regex(_))) {
            let what = if key == "to" { "`to` has a path" } else { "`prefix_rewrite` is given" };
            self.problems.error(
                &text.place,
                format!("{what}, but with `regex` there is no prefix that it could replace"),
                "Remove it, use `prefix` or `path` instead of `regex`, or rewrite with `regex_rewrite_pattern`.",
            );
            return None;
        }
        // It is sent as it stands here, so it has to be such as a request may have.
        if NormalPath::parse(&text.value).is_ok() {
            return Some(text.value);
        }
        self.problems.error(
            &text.place,
            "`prefix_rewrite` is no path that can be sent",
            "Begin it with `/`, percent-encode what is not visible ASCII, and leave out `.` and `..` segments.",
        );
        None
    }

    /// The rewriting of the path by a pattern.
    pub(super) fn path_rewrite(&mut self, raw: &RawRewriting) -> Option<RegexRewrite> {
        if let (Some(prefix), Some(_)) = (&raw.prefix, raw.path.place()) {
            self.problems.error(
                &prefix.place,
                "a route has one of `prefix_rewrite` and `regex_rewrite_pattern`, but here are both",
                "Remove one of them.",
            );
            return None;
        }
        let rewrite = self.regex_rewrite(PATH, &raw.path)?;
        let text = raw.path.substitution.as_ref()?;
        if !makes_a_path(&rewrite) {
            self.problems.error(
                &text.place,
                "`regex_rewrite_substitution` makes no path that can be sent",
                "Begin the path with `/`, percent-encode what is not visible ASCII, and leave out `.` and `..` segments.",
            );
            return None;
        }
        Some(rewrite)
    }

    /// A pattern with its substitution; both or neither.
    pub(super) fn regex_rewrite(&mut self, keys: Keys, raw: &RawRegexRewrite) -> Option<RegexRewrite> {
        let (pattern, substitution) = match (&raw.pattern, &raw.substitution) {
            (None, None) => return None,
            (Some(pattern), Some(substitution)) => (pattern, substitution),
            (Some(given), None) => return self.incomplete(keys.0, keys.1, given),
            (None, Some(given)) => return self.incomplete(keys.1, keys.0, given),
        };
        let compiled = match expression(&pattern.value) {
            Ok(compiled) => compiled,
            Err(error) => {
                self.problems.error(
                    &pattern.place,
                    format!("`{}` is no regular expression: {}", keys.0, in_one_line(&error)),
                    "The syntax is RE2's: no look-around and no back references. It need not match the whole path.",
                );
                return None;
            }
        };
        match parts(&substitution.value, compiled.captures_len()) {
            Ok(parts) => {
                self.dollars(keys.1, substitution);
                Some(RegexRewrite { pattern: compiled, substitution: parts })
            }
            Err(what) => {
                self.problems.error(
                    &substitution.place,
                    format!("`{}` {what}", keys.1),
                    format!(
                        r"`\1` to `\9` are the groups of `{}`, `\0` is all that it matched, and `\\` a backslash.",
                        keys.0
                    ),
                );
                None
            }
        }
    }

    fn incomplete(&mut self, key: &str, other: &str, given: &At<String>) -> Option<RegexRewrite> {
        self.problems.error(&given.place, format!("`{key}` is given without `{other}`"), format!("Add `{other}`."));
        None
    }

    /// `$1` is another language's.
    fn dollars(&mut self, key: &str, text: &At<String>) {
        let mut pairs = text.value.bytes().zip(text.value.bytes().skip(1));
        if pairs.any(|(first, second)| first == b'$' && second.is_ascii_digit()) {
            self.problems.warning(
                &text.place,
                format!("`{key}` has a `$` with a number, which stands for itself"),
                r"Groups are written `\1`.",
            );
        }
    }

    pub(super) fn response_header_rewrites(&mut self, raw: &RawRewriting) -> Vec<ResponseHeaderRewrite> {
        let items = raw.response_headers.iter().flat_map(|items| &items.value);
        items.filter_map(|item| self.response_header_rewrite(item)).collect()
    }

    fn response_header_rewrite(&mut self, raw: &RawHeaderRewrite) -> Option<ResponseHeaderRewrite> {
        let key = "rewrite_response_headers";
        let (Some(name), Some(prefix), Some(value)) = (&raw.header, &raw.prefix, &raw.value) else {
            self.problems.error(
                &raw.place,
                format!("an item of `{key}` lacks `header`, `prefix` or `value`"),
                "Write `- {header: Location, prefix: \"http://app.internal/\", value: \"https://app.example.com/\"}`.",
            );
            return None;
        };
        let header = self.header_name(key, name)?;
        if is_set_by_us(&header) {
            self.reserved(key, name);
            return None;
        }
        // What is left of a value begins in its middle, where spaces may stand: nothing is trimmed here.
        let (prefix_ok, value_ok) = (HeaderValue::from_str(&prefix.value), HeaderValue::from_str(&value.value));
        if let (Ok(_), Ok(content)) = (prefix_ok, value_ok) {
            return Some(ResponseHeaderRewrite { header, prefix: prefix.value.clone(), value: content });
        }
        self.problems.error(
            &raw.place,
            format!("`{key}` has a `prefix` or `value` with a character that no header can carry"),
            "Use visible ASCII characters on one line.",
        );
        None
    }
}

/// A substitution taken apart. `groups` is how many there are, the whole match included.
fn parts(text: &str, groups: usize) -> Result<Vec<SubstitutionPart>, String> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            literal.push(c);
            continue;
        }
        match chars.next() {
            Some('\\') => literal.push('\\'),
            Some(digit) => {
                let group = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
                let group = group.ok_or("has a backslash with no digit behind it")?;
                if group >= groups {
                    return Err(format!(r"names the group `\{group}`, which the pattern does not have"));
                }
                if !literal.is_empty() {
                    parts.push(SubstitutionPart::Text(std::mem::take(&mut literal)));
                }
                parts.push(SubstitutionPart::Group(group));
            }
            None => return Err("ends in a backslash".into()),
        }
    }
    if !literal.is_empty() {
        parts.push(SubstitutionPart::Text(literal));
    }
    Ok(parts)
}

/// Whether what it makes can be a path, as far as that can be told without one. The groups are taken for a name.
fn makes_a_path(rewrite: &RegexRewrite) -> bool {
    let pattern = rewrite.pattern.as_str();
    let from_the_start = pattern.starts_with('^') || pattern.starts_with(r"\A");
    let first = rewrite.substitution.first();
    if from_the_start && matches!(first, Some(SubstitutionPart::Text(text)) if !text.starts_with('/')) {
        return false;
    }
    let mut sample = String::from("/");
    for part in &rewrite.substitution {
        match part {
            SubstitutionPart::Text(text) if sample == "/" => sample.push_str(text.strip_prefix('/').unwrap_or(text)),
            SubstitutionPart::Text(text) => sample.push_str(text),
            SubstitutionPart::Group(_) => sample.push('x'),
        }
    }
    NormalPath::parse(&sample).is_ok()
}
