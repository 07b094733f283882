//! The path of a request, in the one reading that policy, routing and the upstream share.
//!
//! Refuses, and never repairs: `.` and `..` segments in any spelling, encoded slashes, backslashes and control
//! characters, broken percent triplets, what is not UTF-8 once decoded, raw bytes outside printable ASCII,
//! and more than 16 KiB.

use bytes::Bytes;
use http::uri::PathAndQuery;

#[cfg(test)]
mod tests;

/// The longest path, in bytes as sent.
const LONGEST: usize = 16 * 1024;

/// A path that has one meaning: what rules match on is what the upstream gets, decoded once.
#[derive(Debug, Clone)]
pub struct NormalPath {
    /// Shares the request's own buffer; its query is not looked at.
    raw: PathAndQuery,
    /// Only when decoding changed something.
    decoded: Option<Box<str>>,
    /// Only when it differs from the decoded form.
    loose: Option<Box<str>>,
}

impl NormalPath {
    /// Checks a path without a query, as it stands in a request line.
    ///
    /// # Errors
    /// [`InvalidPath`] names the first thing in it that could be read two ways.
    pub fn parse(raw: &str) -> Result<Self, InvalidPath> {
        let (decoded, loose) = read(raw)?;
        let raw = PathAndQuery::try_from(raw).map_err(|_| InvalidPath::Characters)?;
        Ok(Self { raw, decoded, loose })
    }

    /// As [`NormalPath::parse`], without copying what was sent.
    pub(crate) fn of(target: &PathAndQuery) -> Result<Self, InvalidPath> {
        // An empty path in front of a query reads as "/" but is not sent as one.
        if !target.as_str().starts_with('/') {
            return Err(InvalidPath::Start);
        }
        let (decoded, loose) = read(target.path())?;
        Ok(Self { raw: target.clone(), decoded, loose })
    }

    /// Exactly what the client sent and the upstream gets.
    pub fn raw(&self) -> &str {
        self.raw.path()
    }

    /// The same in memory of its own, for keeping it long after the request whose buffer it shares.
    #[must_use]
    pub fn detached(&self) -> Self {
        // What was parsed once parses again.
        let raw = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(self.raw().as_bytes()));
        Self { raw: raw.unwrap_or_else(|_| self.raw.clone()), ..self.clone() }
    }

    /// Percent-decoded once: what routes and rules match on.
    pub fn decoded(&self) -> &str {
        self.decoded.as_deref().unwrap_or_else(|| self.raw())
    }

    /// A second reading that some upstreams take, when it differs from [`NormalPath::decoded`]: `;parameters`
    /// cut off every segment, and runs of slashes merged into one.
    ///
    /// A rule that protects a path has to hold for both readings.
    pub fn loose(&self) -> Option<&str> {
        self.loose.as_deref()
    }
}

impl PartialEq for NormalPath {
    fn eq(&self, other: &Self) -> bool {
        self.raw() == other.raw()
    }
}

impl Eq for NormalPath {}

/// Whether `path` is `prefix` or lies below it, by whole segments.
///
/// `/admin` covers `/admin` and `/admin/x`, not `/administrator`; a prefix that ends in `/` covers only what
/// lies below it; `/` covers every path.
pub fn starts_with_segments(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// A decoded form and a loose form, each only where it says something new.
type Readings = (Option<Box<str>>, Option<Box<str>>);

fn read(raw: &str) -> Result<Readings, InvalidPath> {
    if !raw.starts_with('/') {
        return Err(InvalidPath::Start);
    }
    if raw.len() > LONGEST {
        return Err(InvalidPath::TooLong);
    }
    let mut has_triplets = false;
    for byte in raw.bytes() {
        match byte {
            b'%' => has_triplets = true,
            b'\\' => return Err(InvalidPath::Backslash),
            b'?' | b'#' => return Err(InvalidPath::NotOnlyPath),
            0x21..=0x7e => {}
            _ => return Err(InvalidPath::Characters),
        }
    }
    let decoded = if has_triplets { Some(decode(raw)?) } else { None };
    let plain = decoded.as_deref().unwrap_or(raw);
    if plain.split('/').any(|segment| matches!(without_parameters(segment), "." | "..")) {
        return Err(InvalidPath::DotSegment);
    }
    let loose = (plain.contains(';') || plain.contains("//")).then(|| loosen(plain));
    Ok((decoded, loose))
}

fn decode(raw: &str) -> Result<Box<str>, InvalidPath> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next().and_then(hex_digit), bytes.next().and_then(hex_digit)) else {
            return Err(InvalidPath::Percent);
        };
        match high << 4 | low {
            b'/' | b'\\' => return Err(InvalidPath::EncodedSlash),
            0..=0x1f | 0x7f => return Err(InvalidPath::EncodedControl),
            meant => decoded.push(meant),
        }
    }
    let decoded = String::from_utf8(decoded).map_err(|_| InvalidPath::NotUtf8)?;
    // The second control block of Unicode (C1) is two bytes in UTF-8, so it is looked for only now.
    if decoded.chars().any(char::is_control) {
        return Err(InvalidPath::EncodedControl);
    }
    Ok(decoded.into())
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn without_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(bare, _)| bare)
}

fn loosen(plain: &str) -> Box<str> {
    let mut loose = String::with_capacity(plain.len());
    for segment in plain.split('/').skip(1) {
        if !loose.ends_with('/') {
            loose.push('/');
        }
        loose.push_str(without_parameters(segment));
    }
    loose.into()
}

/// What in a path could be read two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// Does not start with `/`.
    #[error("the path does not start with a slash")]
    Start,
    /// Over 16 KiB.
    #[error("the path is longer than 16 KiB")]
    TooLong,
    /// White space, control characters, or bytes beyond ASCII, not encoded.
    #[error("the path has a character that has to be percent-encoded")]
    Characters,
    /// A query or fragment where only a path may be.
    #[error("the path contains a query or a fragment")]
    NotOnlyPath,
    /// A backslash, which some servers take for a slash.
    #[error("the path contains a backslash")]
    Backslash,
    /// `%` without two hexadecimal digits behind it.
    #[error("the path contains a broken percent-encoding")]
    Percent,
    /// `%2f` or `%5c`.
    #[error("the path contains an encoded slash or backslash")]
    EncodedSlash,
    /// `%00` and the like.
    #[error("the path contains an encoded control character")]
    EncodedControl,
    /// Not UTF-8 once decoded.
    #[error("the path is not UTF-8")]
    NotUtf8,
    /// `.` or `..`, however spelled.
    #[error("the path contains a `.` or `..` segment")]
    DotSegment,
}
