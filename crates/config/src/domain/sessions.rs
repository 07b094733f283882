//! Sessions, their cookie, and where they are kept.

use std::time::Duration;

use doorward_hygiene::Hostname;
use rustls_pki_types::CertificateDer;

use crate::Secret;

/// How long a sign-in lasts, what carries it, and where it is kept.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// The cookie.
    pub cookie: Cookie,
    /// From sign-in to its end, whatever happens between (`cookie_expire`). Never zero.
    pub lifetime: Duration,
    /// For how long nobody may have used it before it ends (`session_idle_timeout`); none when that does not matter.
    /// Never zero.
    pub idle_timeout: Option<Duration>,
    /// How long sessions that are known go on while the store cannot be asked (`session_store_grace`). Zero ends them
    /// with the first question that goes unanswered.
    pub store_grace: Duration,
    /// Where they are kept.
    pub store: StoreSettings,
    /// Authorities trusted besides the system's for connections to the store (`certificate_authority`).
    pub authorities: Vec<CertificateDer<'static>>,
    /// The keys of 32 bytes each, the newest first, none twice: those of `cookie_secret`, then those of
    /// `shared_secret`. The first seals; each opens. Empty when none is configured: one is then made and kept under the
    /// data directory.
    pub secrets: Vec<Secret>,
}

/// Where sessions are kept (`databroker_storage_type`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// In a file under the data directory, for one process.
    File,
    /// In the memory of the process, and gone with it.
    Memory,
    /// With Redis or Valkey.
    Redis(StoreAddress),
    /// With PostgreSQL.
    Postgres(StoreAddress),
}

/// How to reach a store and sign in to it: a URL that may hold a password, so never shown. Its scheme is known to be
/// one of the store's; the rest is for the store to take apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAddress(Secret);

impl StoreAddress {
    /// The address with this URL.
    pub fn new(url: &str) -> Self {
        Self(Secret::new(url))
    }

    /// The URL, for the one place that needs it.
    pub fn expose(&self) -> &str {
        // Made from a `str`, so it always is one.
        self.0.expose_str().unwrap_or_default()
    }
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
