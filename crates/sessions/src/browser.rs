//! Which of a person's sessions are in one browser.

use std::fmt;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

use crate::SessionsError;

/// One browser of a person, as far as sign-ins tell: a sign-in that brings a ticket of the same person is in the same
/// browser as that ticket's session. No secret, and never shown to the browser.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BrowserId([u8; 16]);

impl BrowserId {
    pub(crate) fn random() -> Result<Self, SessionsError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| SessionsError::Cryptography)?;
        Ok(Self(id))
    }
}

impl fmt::Debug for BrowserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserId(..)")
    }
}
