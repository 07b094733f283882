//! How paths and headers are rewritten by patterns: `regex_rewrite_*`, `host_path_regex_rewrite_*`,
//! `rewrite_response_headers`.

use http::{HeaderName, HeaderValue};
use regex::Regex;

/// A pattern, and what stands in the place of every part of a path that it matches.
#[derive(Debug, Clone)]
pub struct RegexRewrite {
    /// Told on the decoded path, and not anchored: it may match several parts, one after the other.
    pub pattern: Regex,
    /// What takes the place of each. No group in it is one that the pattern does not have.
    pub substitution: Vec<SubstitutionPart>,
}

/// A part of a substitution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubstitutionPart {
    /// Characters that stand for themselves, as they are sent.
    Text(String),
    /// `\N`: what this group of the pattern has matched, or nothing; `\0` is the whole match.
    Group(usize),
}

impl PartialEq for RegexRewrite {
    fn eq(&self, other: &Self) -> bool {
        self.pattern.as_str() == other.pattern.as_str() && self.substitution == other.substitution
    }
}

impl Eq for RegexRewrite {}

/// A prefix of a header's value in answers, and what takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeaderRewrite {
    /// The header. Never one of ours or of the connection's.
    pub header: HeaderName,
    /// How values begin that are rewritten; never empty.
    pub prefix: String,
    /// What they begin with then; perhaps empty. With the rest of a value it makes a value.
    pub value: HeaderValue,
}
