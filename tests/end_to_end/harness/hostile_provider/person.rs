//! Whom the provider vouches for.

use serde_json::{Map, Value, json};

/// A person and what is claimed of them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) claims: Map<String, Value>,
}

impl Default for Person {
    fn default() -> Self {
        Self::new("alice@example.com")
    }
}

impl Person {
    /// Somebody with this verified address; the part before the `@` makes the subject.
    pub(crate) fn new(email: &str) -> Self {
        let name = email.split('@').next().unwrap();
        let claims = json!({ "sub": format!("sub-{name}"), "email": email, "email_verified": true, "name": name });
        Self { claims: claims.as_object().unwrap().clone() }
    }

    pub(crate) fn unverified(self) -> Self {
        self.claim("email_verified", json!(false))
    }

    pub(crate) fn in_groups(self, groups: &[&str]) -> Self {
        self.claim("groups", json!(groups))
    }

    pub(crate) fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.into(), value);
        self
    }
}
