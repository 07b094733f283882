//! What the parser complains of, in plain words.
//!
//! Never quotes the text: what cannot be read may be a secret.

use serde_yaml::granit_parser::{ErrorKind, Marker, ScanError};

/// What is wrong and how to mend it.
pub(super) fn explain(kind: &ErrorKind) -> (String, &'static str) {
    let (what, mend) = match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            ("here is a tab, but YAML is indented by spaces", "Replace the tab by spaces.")
        }
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quoted value that begins above or here does not end", "Put the closing quote where it belongs.")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "more text follows the closing quote",
            "Put the whole value between the quotes. Inside '…' a quote is written '' and inside \"…\" it is written \\\".",
        ),
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidUnicodeEscape => (
            "a backslash inside \"…\" is followed by something it cannot precede",
            "Write the value between single quotes, where a backslash is only a backslash.",
        ),
        ErrorKind::UnexpectedCharacter { .. } => {
            ("a value cannot begin with this character", "Put the value in quotes.")
        }
        ErrorKind::SimpleKeyExpected => (
            "this line is neither `key: value` nor part of the value above",
            "A key is followed by a colon and a space: `key: value`.",
        ),
        ErrorKind::InvalidSimpleKey | ErrorKind::MappingKeyNotAllowed => {
            ("a key cannot stand here", "Give each key a line of its own, indented like its neighbours.")
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a `: ` cannot stand here",
            "Put a value that holds `: ` in quotes; check that a `[` or `{` above is closed, \
             and that the line is indented like its neighbours.",
        ),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedNodeContent => {
            ("this line does not fit those above it", "Indent it like its neighbours; items of a list begin with `- `.")
        }
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::MismatchedFlowCollectionEnd { .. } => (
            "the brackets here do not match",
            "Every `[` needs its `]` and every `{` its `}`, with commas between the items.",
        ),
        ErrorKind::UnknownAnchor => (
            "this alias refers to nothing",
            "Give an earlier value the name (`&name`), or put a value that begins with `*` in quotes.",
        ),
        ErrorKind::RecursionLimitExceeded => {
            ("this is nested too deeply", "A configuration is at most 64 levels deep.")
        }
        ErrorKind::MultipleDocumentsUnsupported | ErrorKind::InvalidDocumentEnd | ErrorKind::ExpectedDocumentStart => {
            ("here begins a second document, but a configuration is one", "Keep one document in the file.")
        }
        ErrorKind::BomInsideDocument => {
            ("here is a byte order mark in the middle of the text", "Remove the invisible character.")
        }
        ErrorKind::Custom(_) | ErrorKind::InputDecoding { .. } | ErrorKind::InputIo { .. } => {
            ("the text cannot be read from here on", "Look at this line and the one above.")
        }
        other => return (format!("this is not YAML: {other}"), "Look at this line and the one above."),
    };
    (what.to_owned(), mend)
}

/// The start of a line that is most likely to blame: `key:value` is one word to YAML, and what follows it then
/// does not fit.
pub(super) fn missing_space(text: &str, error: &ScanError) -> Option<Marker> {
    if !matches!(error.kind(), ErrorKind::SimpleKeyExpected | ErrorKind::MappingValueNotAllowed) {
        return None;
    }
    let at = error.marker().line();
    let mut lines = text.lines().enumerate().take(at).skip(at.saturating_sub(2));
    lines.find_map(|(index, line)| {
        let word = line.trim_start();
        let (key, behind) = word.trim_start_matches("- ").split_once(':')?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let glued = is_key && !behind.is_empty() && !behind.starts_with([' ', '\t']);
        glued.then(|| Marker::new(0, index + 1, line.len() - word.len()))
    })
}
