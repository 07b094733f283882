//! What a record is called.
//!
//! Refuses: every name that could be a path, or that two names could share.

use std::fmt;

/// The longest name that still is a file name with its endings.
const LONGEST: usize = 200;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// An account with an authority, and how that authority has fared.
    Account,
    /// A certificate with its key.
    Certificate,
    /// What was tried for a name, and when it will be tried again.
    Attempt,
    /// The answer to a challenge that is pending.
    Challenge,
    /// Somebody asks for a renewal.
    Request,
}

impl RecordKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Account, Self::Certificate, Self::Attempt, Self::Challenge, Self::Request];

    /// The folder, or the part of a key, it stands for.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Certificate => "certificates",
            Self::Attempt => "attempts",
            Self::Challenge => "challenges",
            Self::Request => "requests",
        }
    }
}

/// The name of one record: letters in lower case, digits, `.`, `-`, `_`, `+` and `~`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    kind: RecordKind,
    name: String,
}

impl RecordKey {
    /// A record of this kind and name.
    ///
    /// # Errors
    /// [`InvalidRecordName`].
    pub fn new(kind: RecordKind, name: &str) -> Result<Self, InvalidRecordName> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'~')
        };
        let good = !name.is_empty() && name.len() <= LONGEST && !name.starts_with('.') && name.bytes().all(allowed);
        if good { Ok(Self { kind, name: name.to_owned() }) } else { Err(InvalidRecordName) }
    }

    /// What the record is about.
    pub fn kind(&self) -> RecordKind {
        self.kind
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

/// The name cannot be a record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record's name has 1 to {LONGEST} lower-case letters, digits, `.`, `-`, `_`, `+`, `~`, and no `.` first")]
pub struct InvalidRecordName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_a_path_is_no_name() {
        let long = "a".repeat(LONGEST + 1);
        for name in ["", ".", "..", "../a", "a/b", "a\\b", ".hidden", "A", "a b", "a\0", "ä", "*.a", &long] {
            assert_eq!(RecordKey::new(RecordKind::Attempt, name), Err(InvalidRecordName), "{name}");
        }
        assert_eq!(RecordKey::new(RecordKind::Attempt, "+.a.example").unwrap().to_string(), "attempts/+.a.example");
    }
}
