//! What of a request's form is taken: Envoy's words for it.

use doorward_hygiene::Underscored;

use super::Compiler;
use crate::domain::requests::EscapedSlashes;
use crate::raw::At;

impl Compiler<'_> {
    /// Names of headers with a `_` in them; refused when nothing is said.
    pub(super) fn underscored(&mut self, given: Option<&At<String>>) -> Underscored {
        let words =
            [("REJECT_REQUEST", Underscored::Refuse), ("DROP_HEADER", Underscored::Drop), ("ALLOW", Underscored::Pass)];
        self.word("headers_with_underscores_action", given, &words).unwrap_or_default()
    }

    /// Paths with escaped slashes.
    pub(super) fn escaped_slashes(&mut self, given: Option<&At<String>>) -> Option<EscapedSlashes> {
        let words = [
            ("REJECT_REQUEST", EscapedSlashes::Reject),
            ("KEEP_UNCHANGED", EscapedSlashes::Keep),
            ("UNESCAPE_AND_REDIRECT", EscapedSlashes::Redirect),
            ("UNESCAPE_AND_FORWARD", EscapedSlashes::Unescape),
        ];
        self.word("path_with_escaped_slashes_action", given, &words)
    }

    fn word<T: Copy>(&mut self, key: &str, given: Option<&At<String>>, words: &[(&str, T)]) -> Option<T> {
        let text = given?;
        let known = words.iter().find(|(word, _)| text.value.eq_ignore_ascii_case(word));
        if known.is_none() {
            let all: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.problems.error(
                &text.place,
                format!("`{key}` has a value that means nothing"),
                format!("It is one of {}.", all.join(", ")),
            );
        }
        known.map(|(_, meant)| *meant)
    }
}
