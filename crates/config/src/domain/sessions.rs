//! Sessions and their cookie.

use std::time::Duration;

use doorward_hygiene::Hostname;

use crate::Secret;

/// How long a sign-in lasts and what carries it.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// The cookie.
    pub cookie: Cookie,
    /// From sign-in to its end, whatever happens between (`cookie_expire`). Never zero.
    pub lifetime: Duration,
    /// 32 bytes, if configured; else one is made and kept under the data directory.
    pub cookie_secret: Option<Secret>,
    /// 32 bytes, if configured; else one is made and kept under the data directory.
    pub shared_secret: Option<Secret>,
}

/// What the cookie is called and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// The name without its `__Host-` or `__Secure-`: an RFC 6265 token.
    pub stem: String,
    /// The domain it is sent to with all below it; none keeps it to its own host. Every route's host and
    /// the sign-in host are within it.
    pub domain: Option<Hostname>,
    /// Whether it goes along with requests from other sites.
    pub same_site: SameSite,
}

/// The `SameSite` attribute of a cookie (RFC 6265bis §4.1.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// Never from other sites.
    Strict,
    /// From other sites only on a top-level visit.
    Lax,
    /// Always.
    None,
}

impl SameSite {
    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}
