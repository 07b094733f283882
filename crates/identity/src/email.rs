//! An e-mail address, compared without regard to case.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest address accepted, in bytes (RFC 5321 §4.5.3.1.3 less the angle brackets).
const LONGEST: usize = 254;

/// An e-mail address, kept in ASCII lower case so that equality ignores case.
///
/// The domain of an address is case-insensitive (RFC 5321 §2.4); in practice so is the local part, and a
/// policy that told `Alice@` from `alice@` would lock people out. Only ASCII is folded: Unicode case
/// folding would make different addresses equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email {
    text: Box<str>,
    at: usize,
}

impl Email {
    /// Parses `local@domain`.
    ///
    /// # Errors
    /// [`InvalidEmail`] when there is not exactly one `@` with something on both sides, the text is longer
    /// than 254 bytes, or it holds white space or control characters.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > LONGEST {
            return Err(InvalidEmail::TooLong);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(InvalidEmail::Characters);
        }
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::NoAt)?;
        if local.is_empty() || domain.is_empty() {
            return Err(InvalidEmail::EmptyPart);
        }
        // A second `@` would let two readers see two domains; quoted local parts are not worth that.
        if domain.contains('@') {
            return Err(InvalidEmail::SeveralAts);
        }
        Ok(Self { at: local.len(), text: text.to_ascii_lowercase().into() })
    }

    /// The whole address in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands behind the `@`, in lower case.
    pub fn domain(&self) -> &str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }

    /// What stands before the `@`, in lower case.
    pub fn local_part(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({})", self.text)
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.text.into()
    }
}

/// Why a text is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// No `@` at all.
    #[error("an e-mail address needs an `@`")]
    NoAt,
    /// More than one `@`.
    #[error("an e-mail address has one `@`, not several")]
    SeveralAts,
    /// Nothing before or nothing behind the `@`.
    #[error("an e-mail address needs a name before the `@` and a domain behind it")]
    EmptyPart,
    /// White space or control characters.
    #[error("an e-mail address has no spaces or control characters")]
    Characters,
    /// Over 254 bytes.
    #[error("an e-mail address is at most 254 bytes long")]
    TooLong,
}

/// A person's address and whether the provider vouches for it.
///
/// An e-mail or domain rule can only ever match [`VerifiedEmail::Verified`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedEmail {
    /// The provider vouches for it.
    Verified(Email),
    /// The provider said `email_verified: false` (OpenID Connect Core §5.1), or cannot be trusted to know.
    Unverified(Email),
    /// The provider named none.
    Absent,
}

impl VerifiedEmail {
    /// The address, if the provider vouches for it.
    pub fn verified(&self) -> Option<&Email> {
        match self {
            Self::Verified(email) => Some(email),
            Self::Unverified(_) | Self::Absent => None,
        }
    }

    /// The address for showing to its owner and in logs, never for deciding.
    pub fn for_display(&self) -> Option<&Email> {
        match self {
            Self::Verified(email) | Self::Unverified(email) => Some(email),
            Self::Absent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_is_folded_and_the_parts_are_found() {
        let email = Email::parse("Alice.B@Example.COM").unwrap();
        assert_eq!(email.as_str(), "alice.b@example.com");
        assert_eq!(email.domain(), "example.com");
        assert_eq!(email.local_part(), "alice.b");
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (text, why) in [
            ("alice", InvalidEmail::NoAt),
            ("@example.com", InvalidEmail::EmptyPart),
            ("alice@", InvalidEmail::EmptyPart),
            ("a@x@y", InvalidEmail::SeveralAts),
            ("a b@example.com", InvalidEmail::Characters),
            ("a@example.com\r\nX: y", InvalidEmail::Characters),
        ] {
            assert_eq!(Email::parse(text), Err(why), "{text:?}");
        }
        assert_eq!(Email::parse(&format!("{}@example.com", "a".repeat(300))), Err(InvalidEmail::TooLong));
    }

    #[test]
    fn the_kelvin_sign_is_not_a_k() {
        assert_ne!(Email::parse("\u{212a}@example.com").unwrap(), Email::parse("k@example.com").unwrap());
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_is_idempotent(text in ".{0,300}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }
    }
}
