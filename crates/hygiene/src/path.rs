//! The path of a request, in the one reading that policy, routing and the upstream share.
//!
//! Refuses, and never repairs: `.` and `..` segments in any spelling, encoded backslashes and control characters, broken
//! percent triplets, what is not UTF-8 once decoded, raw bytes outside printable ASCII, and more than 16 KiB.
//!
//! An escaped slash (`%2F`) is refused too, but for requests that a route may want to have with it: such a path has a
//! reading in which it is three characters of a name, and another in which it is a slash, and neither climbs.

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
    /// Only when a slash was escaped.
    unescaped: Option<Box<Unescaped>>,
}

/// The reading in which `%2F` is a slash.
#[derive(Debug, Clone)]
struct Unescaped {
    decoded: Box<str>,
    loose: Option<Box<str>>,
}

impl NormalPath {
    /// Checks a path without a query, as it stands in a request line.
    ///
    /// # Errors
    /// [`InvalidPath`] names the first thing in it that could be read two ways.
    pub fn parse(raw: &str) -> Result<Self, InvalidPath> {
        Self::read(PathAndQuery::try_from(raw), raw, Slashes::Plain)
    }

    /// As [`NormalPath::parse`], for a path that may have escaped slashes. Whoever asks for one has to look at all of its
    /// [`readings`](NormalPath::readings), and has to refuse it where [`escapes_slashes`](NormalPath::escapes_slashes) and
    /// nobody wants that.
    ///
    /// # Errors
    /// The same, but for [`InvalidPath::EncodedSlash`] of a `%2F`.
    pub fn parse_with_escaped_slashes(raw: &str) -> Result<Self, InvalidPath> {
        Self::read(PathAndQuery::try_from(raw), raw, Slashes::Escaped)
    }

    /// A path that came out of this one: with escaped slashes only if this has some too.
    ///
    /// # Errors
    /// As [`NormalPath::parse`].
    pub fn parse_alike(&self, raw: &str) -> Result<Self, InvalidPath> {
        let slashes = if self.escapes_slashes() { Slashes::Escaped } else { Slashes::Plain };
        Self::read(PathAndQuery::try_from(raw), raw, slashes)
    }

    /// As [`NormalPath::parse_with_escaped_slashes`], without copying what was sent.
    pub(crate) fn of(target: &PathAndQuery) -> Result<Self, InvalidPath> {
        // An empty path in front of a query reads as "/" but is not sent as one.
        if !target.as_str().starts_with('/') {
            return Err(InvalidPath::Start);
        }
        Self::read(Ok::<_, InvalidPath>(target.clone()), target.path(), Slashes::Escaped)
    }

    fn read<E>(sent: Result<PathAndQuery, E>, raw: &str, slashes: Slashes) -> Result<Self, InvalidPath> {
        let readings = read(raw, slashes)?;
        let raw = sent.map_err(|_| InvalidPath::Characters)?;
        let Readings { decoded, loose, unescaped } = readings;
        Ok(Self { raw, decoded, loose, unescaped })
    }

    /// Exactly what the client sent and the upstream gets.
    pub fn raw(&self) -> &str {
        self.raw.path()
    }

    /// Percent-decoded once: what routes and rules match on. An escaped slash stays `%2F`.
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

    /// Every reading that somebody may take, [`NormalPath::decoded`] first. A rule that protects a path has to hold for
    /// all of them.
    pub fn readings(&self) -> impl Iterator<Item = &str> {
        let unescaped = self.unescaped.as_deref();
        let others = [
            self.loose(),
            unescaped.map(|unescaped| &*unescaped.decoded),
            unescaped.and_then(|unescaped| unescaped.loose.as_deref()),
        ];
        std::iter::once(self.decoded()).chain(others.into_iter().flatten())
    }

    /// Whether a slash was sent as `%2F`.
    pub fn escapes_slashes(&self) -> bool {
        self.unescaped.is_some()
    }

    /// What would have been sent without escaping slashes; none when nothing was escaped.
    pub fn with_plain_slashes(&self) -> Option<String> {
        self.escapes_slashes().then(|| self.raw().replace("%2F", "/").replace("%2f", "/"))
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

/// What may stand in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slashes {
    Plain,
    /// `%2F` as well.
    Escaped,
}

/// Each form only where it says something new.
struct Readings {
    decoded: Option<Box<str>>,
    loose: Option<Box<str>>,
    unescaped: Option<Box<Unescaped>>,
}

fn read(raw: &str, slashes: Slashes) -> Result<Readings, InvalidPath> {
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
    if !has_triplets {
        return Ok(Readings { decoded: None, loose: looser(raw)?, unescaped: None });
    }
    match decode(raw, None) {
        Ok(decoded) => Ok(Readings { loose: looser(&decoded)?, decoded: Some(decoded), unescaped: None }),
        Err(InvalidPath::EncodedSlash) if slashes == Slashes::Escaped => {
            let (kept, plain) = (decode(raw, Some(b"%2F"))?, decode(raw, Some(b"/"))?);
            let unescaped = Unescaped { loose: looser(&plain)?, decoded: plain };
            Ok(Readings { loose: looser(&kept)?, decoded: Some(kept), unescaped: Some(Box::new(unescaped)) })
        }
        Err(invalid) => Err(invalid),
    }
}

/// The loose form of a decoded path where it differs, if no segment of it climbs.
fn looser(plain: &str) -> Result<Option<Box<str>>, InvalidPath> {
    if plain.split('/').any(|segment| matches!(without_parameters(segment), "." | "..")) {
        return Err(InvalidPath::DotSegment);
    }
    Ok((plain.contains(';') || plain.contains("//")).then(|| loosen(plain)))
}

/// Decodes once; `slash` takes the place of an escaped slash, where one may stand.
fn decode(raw: &str, slash: Option<&[u8]>) -> Result<Box<str>, InvalidPath> {
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
            b'/' => decoded.extend_from_slice(slash.ok_or(InvalidPath::EncodedSlash)?),
            b'\\' => return Err(InvalidPath::EncodedSlash),
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
