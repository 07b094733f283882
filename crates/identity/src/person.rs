//! The identity itself.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::{Claims, VerifiedEmail};

/// The stable name of a person: who says so, and what they call them. An e-mail address never is.
///
/// OpenID Connect Core §5.7: only `iss` and `sub` together identify a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The provider's issuer identifier, or `doorward` for built-in accounts.
    pub issuer: String,
    /// The provider's name for the person.
    pub id: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.id, self.issuer)
    }
}

/// The groups a person is in, as the provider names them, compared exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Groups(Vec<String>);

impl Groups {
    /// The groups named, each once, in the order given.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut groups = Vec::new();
        for name in names {
            if !groups.contains(&name) {
                groups.push(name);
            }
        }
        Self(groups)
    }

    /// Every group.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// As a slice, for matchers.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// What an identity provider said of a person at one sign-in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Who, stably.
    pub subject: Subject,
    /// The address, and whether it is vouched for.
    pub email: VerifiedEmail,
    /// A name to greet them by.
    pub name: Option<String>,
    /// The groups they are in.
    pub groups: Groups,
    /// Everything else the provider said.
    pub claims: Claims,
    /// When the person really signed in at the provider.
    pub authenticated_at: SystemTime,
}

impl Identity {
    /// What to call this person in a log line or on a page: the address, else the subject.
    pub fn label(&self) -> &str {
        self.email.for_display().map_or(self.subject.id.as_str(), |email| email.as_str())
    }
}
