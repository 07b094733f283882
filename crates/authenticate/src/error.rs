//! What can go wrong in signing in, by whose fault it is.

use std::path::PathBuf;
use std::time::Duration;

use doorward_private_files::PrivateFileError;
use doorward_sessions::{SessionsError, StoreUnavailable};

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
    /// Another site sent the form.
    #[error("another site sent this form")]
    CrossSite,
    /// Too many failures.
    #[error("too many failed tries; another one is allowed in {} s", retry_after.as_secs())]
    TooMany {
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
    /// The session has ended here, but the store still has it.
    #[error("a session has ended, and the store could not be told")]
    EndNotRecorded(#[source] StoreUnavailable),

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
