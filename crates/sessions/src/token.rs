//! What an identity provider issued, kept out of sight.

use std::fmt;

use zeroize::Zeroizing;

/// A secret text an identity provider issued, without `Debug` of its content, erased when dropped.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What the identity provider issued at sign-in (OpenID Connect Core §3.1.3.3). Built-in accounts have none.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// For `id_token_hint` at sign-out.
    pub id_token: Option<Token>,
    /// For the provider's own endpoints.
    pub access_token: Option<Token>,
    /// For getting new ones.
    pub refresh_token: Option<Token>,
}
