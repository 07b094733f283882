//! The claims of a visitor, as applications are told them: as JSON in the signed statement, as text in headers.
//!
//! Refuses: an e-mail address nobody vouches for, under whichever name; values that could be read as two headers or as
//! two items of a list; and ones too long for an application to take.

use doorward_identity::{Email, Identity};
use serde_json::Value;

use crate::Terms;
use crate::encoding::encode;

/// The longest value told, in bytes. A header upstreams refuse would lock the person out; one cut short would say
/// something else than the provider did.
const LONGEST: usize = 8 * 1024;

/// A visitor, and what may be told of them.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Who.
    pub who: &'a Identity,
    /// The public name of their session.
    pub session_id: &'a str,
    /// On which terms.
    pub terms: &'a Terms,
}

impl Told<'_> {
    /// The claim as the value of a header, or `None` when there is nothing to say: the provider said nothing of it, or
    /// only null or an empty list, or more than 8 KiB.
    ///
    /// What is not visible ASCII is percent-encoded as UTF-8 (RFC 3986 §2.1), and so is `%` itself. The items of a list
    /// are separated by commas, and a comma within one is encoded: decoding after splitting gives back exactly what the
    /// provider said. Objects are written as compact JSON, and then encoded likewise. `sub`, `user`, `email`, `name` and
    /// `sid` are never lists, and keep their commas.
    pub fn text(&self, claim: &str) -> Option<String> {
        let text = match claim {
            "sub" | "user" => encode(&self.who.subject.id, b""),
            "sid" => encode(self.session_id, b""),
            "email" => encode(self.email()?, b""),
            "name" => encode(self.who.name.as_deref()?, b""),
            "groups" => joined(self.terms.groups(&self.who.groups).map(|group| encode(group, b","))),
            other => match self.who.claims.at_path(other)? {
                Value::Array(items) => joined(items.iter().filter_map(item)),
                value => item(value)?,
            },
        };
        (!text.is_empty() && text.len() <= LONGEST).then_some(text)
    }

    /// The claim as JSON, as the provider said it; for the signed statement. `None` as for [`Self::text`].
    pub(crate) fn json(&self, claim: &str) -> Option<Value> {
        let value = self.who.claims.at_path(claim).filter(|value| !value.is_null())?;
        let length = serde_json::to_vec(value).ok()?.len();
        (length <= LONGEST).then(|| value.clone())
    }

    /// The address, if the provider vouches for it.
    pub(crate) fn email(&self) -> Option<&str> {
        self.who.email.verified().map(Email::as_str)
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

fn item(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(encode(text, b",")),
        other => Some(encode(&other.to_string(), b",")),
    }
}

#[cfg(test)]
mod tests;
