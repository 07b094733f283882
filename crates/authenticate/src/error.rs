//! What can go wrong in signing in, by whose fault it is.

use std::path::PathBuf;
use std::time::Duration;

use doorward_private_files::PrivateFileError;
use doorward_sessions::{SessionsError, StoreUnavailable};

use crate::Cause;

/// Why a sign-in, a sign-out or a look at the accounts did not come about.
///
/// What a provider or visitor said is in none of the messages unless shortened and without control characters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    // --- the visitor's -----------------------------------------------------------
    /// The request makes no sense.
    #[error("the request is malformed: {0}")]
    BadRequest(&'static str),
    /// The browser brought no attempt that fits: it took too long, came from elsewhere, or was used before.
    #[error("no sign-in was begun in this browser that this answer belongs to")]
    AttemptLost,
    /// Signing in again and again would change nothing, or this one was in vain, for this cause.
    #[error("signing in is in vain: {}", .0.word())]
    InVain(Cause),
    /// Another site sent the form.
    #[error("another site sent this form")]
    CrossSite,
    /// Too many failures.
    #[error("too many failed tries; another one is allowed in {} s", retry_after.as_secs())]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },

    /// Too many sign-ins were begun from the address.
    #[error("too many sign-ins were begun; another one may be in {} s", retry_after.as_secs())]
    TooManyBegun {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many session cookies that nobody knows came from the address.
    #[error("too many session cookies that nobody knows came from this address")]
    TooManyUnknown {
        /// When to try again.
        retry_after: Duration,
    },

    /// Whoever signed in may not: whoever runs this site has blocked the address.
    #[error("this person is blocked")]
    Blocked {
        /// Whom they may ask.
        support_contact: Option<String>,
    },

    // --- the provider's ----------------------------------------------------------
    /// It cannot be reached, or not in time.
    #[error("the identity provider cannot be reached: {0}")]
    ProviderUnreachable(String),
    /// It answered, and did not sign the person in.
    #[error("the identity provider refused: {code}{}{text}", if text.is_empty() { "" } else { ": " })]
    ProviderRefused {
        /// Its error code.
        code: String,
        /// What it says about it.
        text: String,
    },
    /// Its clock and ours differ by more than may be.
    #[error("the identity provider's clock is {} s {} ours", by.as_secs(), if *ahead { "ahead of" } else { "behind" })]
    ClocksDiffer {
        /// By how much.
        by: Duration,
        /// Whether its clock is ahead.
        ahead: bool,
    },
    /// It was asked to sign the person in anew, and did not, or does not say when it did.
    #[error("the identity provider did not sign the person in anew: {}", .said.map_or_else(
        || "it does not say when it did (`auth_time`)".to_owned(),
        |ago| format!("by its word it last did {} s ago", ago.as_secs())))]
    NotAnew {
        /// How long ago it says it did, if it says so.
        said: Option<Duration>,
    },
    /// It answered something that cannot be trusted.
    #[error("the identity provider's answer is not acceptable: {0}")]
    Untrusted(String),

    // --- the operator's ----------------------------------------------------------
    /// The provider's settings cannot work.
    #[error("the identity provider's settings cannot work: {0}")]
    Settings(String),
    /// The accounts file cannot be used.
    #[error(transparent)]
    AccountsFile(#[from] PrivateFileError),
    /// The accounts file is not as it was written.
    #[error("{} is damaged: {why}", path.display())]
    AccountsDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The session store cannot be reached.
    #[error("the session store is unavailable")]
    Store(#[from] StoreUnavailable),

    // --- ours --------------------------------------------------------------------
    /// Every place to check a password is taken.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// The session could not be made.
    #[error("the session could not be made")]
    Sessions(#[source] SessionsError),
    /// The system has no randomness, or a key was refused.
    #[error("a cryptographic operation failed")]
    Cryptography,
    /// A task died.
    #[error("an internal task failed")]
    Task,
}

/// Why nobody can say whose request it is. Neither says anything about the visitor.
#[derive(Debug, thiserror::Error)]
pub enum NotRecognised {
    /// The session store cannot be reached.
    #[error(transparent)]
    Store(#[from] StoreUnavailable),
    /// So many session cookies that nobody knows came from the address that no more are looked up just now.
    #[error("too many session cookies that nobody knows came from this address")]
    TooManyUnknown {
        /// When to try again.
        retry_after: Duration,
    },
}

impl From<NotRecognised> for AuthenticateError {
    fn from(why: NotRecognised) -> Self {
        match why {
            NotRecognised::Store(error) => Self::Store(error),
            NotRecognised::TooManyUnknown { retry_after } => Self::TooManyUnknown { retry_after },
        }
    }
}

impl AuthenticateError {
    /// Why it was refused, in kebab case, where that was for a limit.
    pub(crate) fn limit(&self) -> Option<&'static str> {
        match self {
            Self::TooMany { .. } => Some("too-many-failed-sign-ins"),
            Self::TooManyBegun { .. } => Some("too-many-sign-ins"),
            Self::TooManyUnknown { .. } => Some("too-many-unknown-sessions"),
            Self::Busy => Some("too-many-passwords"),
            _ => None,
        }
    }
}

/// An answer that refuses something for a limit carries this among its extensions: the reason, in kebab case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedFor(pub &'static str);
