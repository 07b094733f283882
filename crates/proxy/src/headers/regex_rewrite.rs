//! Paths and hosts rewritten by a pattern.
//!
//! The pattern is matched on the decoded path, as routes and policies are, so that no way of encoding a character gets
//! past it; what it leaves and what its groups take over stays encoded as it was sent. Refuses a result that could be
//! read in more ways than the request's path: policy has seen that one alone.

use doorward_config::{RegexRewrite, SubstitutionPart};
use doorward_hygiene::{Authority, InvalidPath, NormalPath};
use http::uri::PathAndQuery;
use regex::Captures;

/// The most parts of one path that are replaced: looking for the next may take a walk over all that is left.
const MOST_MATCHES: usize = 64;
/// The longest result, in bytes: no longer path is accepted from a visitor either.
const LONGEST: usize = 16 * 1024;

/// Why a path could not be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoRewrite {
    /// It matches too often.
    #[error("the pattern matches more than {MOST_MATCHES} parts of the path")]
    TooManyMatches,
    /// What comes out is none.
    #[error("{0}")]
    Path(InvalidPath),
    /// Two slashes in a row, or a `;`, where the request had none.
    #[error("the result has an empty segment or `;parameters`, which the request's path has not")]
    Loose,
}

/// The path with every match replaced, and the query as it was; none when nothing matches.
///
/// # Errors
/// When what comes out is no path with the one reading that the request's had.
pub(crate) fn rewritten_path(
    rewrite: &RegexRewrite,
    path: &NormalPath,
    query: Option<&str>,
) -> Result<Option<PathAndQuery>, NoRewrite> {
    let Some(mut target) = replaced(rewrite, path.decoded(), &Sent::of(path))? else { return Ok(None) };
    let result = path.parse_alike(&target).map_err(NoRewrite::Path)?;
    if result.loose().is_some() && path.loose().is_none() {
        return Err(NoRewrite::Loose);
    }
    if let Some(query) = query {
        target.push('?');
        target.push_str(query);
    }
    PathAndQuery::try_from(target).map(Some).map_err(|_| NoRewrite::Path(InvalidPath::Characters))
}

/// The host that the path names; none when it names none.
pub(crate) fn host_of_path(rewrite: &RegexRewrite, path: &NormalPath) -> Option<Authority> {
    let host = replaced(rewrite, path.decoded(), &Sent::Same(path.decoded())).ok()??;
    Authority::parse(&host).ok()
}

fn replaced(rewrite: &RegexRewrite, plain: &str, sent: &Sent<'_>) -> Result<Option<String>, NoRewrite> {
    let mut result = String::new();
    let (mut done, mut matches) = (0, 0);
    for groups in rewrite.pattern.captures_iter(plain) {
        matches += 1;
        if matches > MOST_MATCHES {
            return Err(NoRewrite::TooManyMatches);
        }
        let Some(whole) = groups.get(0) else { continue };
        result.push_str(sent.between(done, whole.start()));
        substitute(&rewrite.substitution, &groups, sent, &mut result);
        done = whole.end();
        if result.len() > LONGEST {
            return Err(NoRewrite::Path(InvalidPath::TooLong));
        }
    }
    if matches == 0 {
        return Ok(None);
    }
    result.push_str(sent.between(done, plain.len()));
    Ok(Some(result))
}

fn substitute(parts: &[SubstitutionPart], groups: &Captures<'_>, sent: &Sent<'_>, to: &mut String) {
    for part in parts {
        match part {
            SubstitutionPart::Text(text) => to.push_str(text),
            SubstitutionPart::Group(group) => {
                if let Some(group) = groups.get(*group) {
                    to.push_str(sent.between(group.start(), group.end()));
                }
            }
        }
    }
}

/// The path as it was sent, cut where its decoded form is.
enum Sent<'a> {
    /// Decoding changed nothing.
    Same(&'a str),
    /// Where each byte of the decoded form, and its end, stand in what was sent.
    Encoded(&'a str, Vec<usize>),
}

impl<'a> Sent<'a> {
    fn of(path: &'a NormalPath) -> Self {
        let raw = path.raw();
        if !raw.contains('%') {
            return Self::Same(raw);
        }
        let mut offsets = Vec::with_capacity(path.decoded().len() + 1);
        let mut at = 0;
        while at < raw.len() {
            offsets.push(at);
            at += sent_bytes(raw, at);
        }
        offsets.push(at);
        Self::Encoded(raw, offsets)
    }

    fn between(&self, from: usize, to: usize) -> &'a str {
        match self {
            Self::Same(raw) => raw.get(from..to),
            Self::Encoded(raw, offsets) => match (offsets.get(from), offsets.get(to)) {
                (Some(from), Some(to)) => raw.get(*from..*to),
                _ => None,
            },
        }
        .unwrap_or_default()
    }
}

/// How many bytes were sent for the byte of the decoded path that begins at `at`. An escaped slash that was kept stands
/// for three bytes, itself.
pub(super) fn sent_bytes(raw: &str, at: usize) -> usize {
    match raw.as_bytes().get(at..) {
        Some([b'%', b'2', b'f' | b'F', ..]) => 1,
        // A path that passed inspection has two digits behind every percent sign.
        Some([b'%', ..]) => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
