//! Which paths a route is for: `prefix`, `path` or `regex`.

use regex::RegexBuilder;

use super::Compiler;
use crate::domain::route::PathRule;
use crate::raw::At;
use crate::raw::route::RawRoute;

/// The most memory a compiled expression may take, in bytes.
const LARGEST_REGEX: usize = 1 << 20;

/// Paths that are answered by Doorward itself on every host.
const OURS: [&str; 2] = ["/.doorward", "/.well-known/doorward"];

impl Compiler<'_> {
    pub(super) fn path_rule(&mut self, raw: &RawRoute) -> Option<PathRule> {
        let given: Vec<(&str, &At<String>)> =
            [("prefix", raw.prefix.as_ref()), ("path", raw.path.as_ref()), ("regex", raw.regex.as_ref())]
                .into_iter()
                .filter_map(|(key, text)| Some((key, text?)))
                .collect();
        match given.as_slice() {
            [] => Some(PathRule::Prefix("/".into())),
            [("regex", text)] => self.regex(text).map(PathRule::Regex),
            [(key, text)] => {
                let path = self.path_text(key, text)?;
                self.not_ours(key, text);
                Some(if *key == "path" { PathRule::Exact(path) } else { PathRule::Prefix(path) })
            }
            [_, (key, second), ..] => {
                let keys: Vec<_> = given.iter().map(|(key, _)| format!("`{key}`")).collect();
                self.problems.error(
                    &second.place,
                    format!("a route has one of `prefix`, `path` and `regex`, but here are {}", keys.join(" and ")),
                    format!("Remove `{key}`, or make two routes."),
                );
                None
            }
        }
    }

    /// Which of several expressions comes first; a higher number does.
    pub(super) fn regex_priority(&mut self, raw: &RawRoute) -> i64 {
        let Some(text) = &raw.regex_priority_order else { return 0 };
        let Ok(priority) = text.value.parse() else {
            self.problems.error(
                &text.place,
                "`regex_priority_order` is a whole number",
                "Write it with digits alone; the route with the highest comes first.",
            );
            return 0;
        };
        if raw.regex.is_none() {
            self.problems.hint(
                &text.place,
                "`regex_priority_order` has no effect without `regex`",
                "Remove it: an exact `path` comes before every `regex`, and those before every `prefix`.",
            );
        }
        priority
    }

    /// A path as rules have it: decoded, and such as a request can have.
    fn path_text(&mut self, key: &str, text: &At<String>) -> Option<String> {
        let Some((what, mend)) = wrong_with_path(&text.value) else { return Some(text.value.clone()) };
        self.problems.error(&text.place, format!("`{key}` is a path, but {what}"), mend);
        None
    }

    fn not_ours(&mut self, key: &str, text: &At<String>) {
        let trimmed = text.value.trim_end_matches('/');
        if let Some(ours) = OURS.iter().find(|ours| doorward_hygiene::starts_with_segments(trimmed, ours)) {
            self.problems.error(
                &text.place,
                format!("`{key}` lies below `{ours}`, which Doorward answers itself on every host"),
                "Choose another path.",
            );
        }
    }

    fn regex(&mut self, text: &At<String>) -> Option<regex::Regex> {
        match anchored(&text.value) {
            Ok(regex) => Some(regex),
            Err(error) => {
                self.problems.error(
                    &text.place,
                    format!("`regex` is no regular expression: {}", in_one_line(&error)),
                    "The syntax is RE2's: no look-around and no back references. The whole path has to match.",
                );
                None
            }
        }
    }
}

/// The expression that matches the whole of what this one matches.
pub(super) fn anchored(pattern: &str) -> Result<regex::Regex, regex::Error> {
    // Compiled alone first: a pattern such as `a)|(b` is wrong by itself, but would be right, and no
    // longer anchored, between the brackets of the anchored one.
    expression(pattern).and_then(|_| expression(&format!(r"\A(?:{pattern})\z")))
}

/// An expression as it is written, within the bounds on what one may cost.
pub(super) fn expression(pattern: &str) -> Result<regex::Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(LARGEST_REGEX).nest_limit(64).build()
}

pub(super) fn in_one_line(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it takes more than 1 MiB when compiled".into(),
        error => {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.strip_prefix("error: ").unwrap_or(last).to_owned()
        }
    }
}

fn wrong_with_path(path: &str) -> Option<(&'static str, &'static str)> {
    if !path.starts_with('/') {
        return Some(("this does not begin with `/`", "Begin it with `/`."));
    }
    if path.contains(['?', '#']) {
        return Some(("this has a query or fragment", "Write the path alone."));
    }
    if path.contains('%') {
        return Some((
            "this has a percent escape, and paths are compared decoded",
            "Write the character itself, as in `/a b` for `/a%20b`.",
        ));
    }
    if path.chars().any(|c| c.is_control() || c == '\\') {
        return Some(("this has a backslash or control character, which no request may have", "Remove it."));
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some(("this has a `.` or `..` segment, which no request may have", "Write the path out."));
    }
    None
}
