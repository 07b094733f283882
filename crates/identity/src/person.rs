//! The identity itself.

use std::collections::HashSet;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize, Serializer};

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

/// The groups a person is in, as the provider names them, compared exactly, each once and in the order given.
///
/// Some people are in thousands: one is found by bisection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Groups {
    names: Vec<String>,
    /// The places of the names, in the order of the alphabet.
    sorted: Box<[usize]>,
}

impl Groups {
    /// The groups named, each once, in the order given.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        let mut seen = HashSet::with_capacity(names.len());
        let firsts: Vec<bool> = names.iter().map(|name| seen.insert(name.as_str())).collect();
        let mut firsts = firsts.into_iter();
        names.retain(|_| firsts.next().unwrap_or_default());
        let mut sorted: Vec<(&str, usize)> =
            names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        sorted.sort_unstable();
        let sorted = sorted.into_iter().map(|(_, place)| place).collect();
        Self { names, sorted }
    }

    /// Whether the person is in this one.
    pub fn contains(&self, name: &str) -> bool {
        let named = |place: &usize| self.names.get(*place).map(String::as_str);
        self.sorted.binary_search_by(|place| named(place).cmp(&Some(name))).is_ok()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Every group.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// As a slice, for showing.
    pub fn as_slice(&self) -> &[String] {
        &self.names
    }
}

impl From<Vec<String>> for Groups {
    fn from(names: Vec<String>) -> Self {
        Self::new(names)
    }
}

impl Serialize for Groups {
    /// A list of names.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.names.serialize(to)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn groups(names: &[&str]) -> Groups {
        Groups::new(names.iter().map(|&name| name.to_owned()))
    }

    #[test]
    fn groups_keep_their_order_and_are_named_once() {
        let groups = groups(&["staff", "admins", "staff", "", "Admins"]);
        assert_eq!(groups.as_slice(), ["staff", "admins", "", "Admins"]);
        assert_eq!(groups.len(), 4);
        for (name, member) in [("staff", true), ("Admins", true), ("", true), ("ADMINS", false), ("staf", false)] {
            assert_eq!(groups.contains(name), member, "{name}");
        }
        assert!(!Groups::default().contains("") && Groups::default().is_empty());
    }

    #[test]
    fn groups_are_stored_as_a_list() {
        let stored = serde_json::to_string(&groups(&["staff", "admins"])).unwrap();
        assert_eq!(stored, r#"["staff","admins"]"#);
        assert_eq!(serde_json::from_str::<Groups>(&stored).unwrap(), groups(&["staff", "admins"]));
        let twice: Groups = serde_json::from_str(r#"["a","a"]"#).unwrap();
        assert_eq!(twice.as_slice(), ["a"]);
    }

    proptest! {
        #[test]
        fn a_group_is_found_exactly_when_it_is_listed(names in prop::collection::vec("[a-cA\u{e9}]{0,2}", 0..12), asked in "[a-cA\u{e9}]{0,2}") {
            prop_assert_eq!(Groups::new(names.clone()).contains(&asked), names.contains(&asked));
        }
    }
}
