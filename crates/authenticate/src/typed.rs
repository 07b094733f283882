//! Secret text that somebody typed into a form or followed in a link.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A password or an invitation, erased when dropped and without `Debug` of its content.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Typed(Zeroizing<String>);

impl From<String> for Typed {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Deref for Typed {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(..)")
    }
}
