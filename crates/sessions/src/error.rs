//! What can go wrong with sessions, by whose fault it is.

use std::error::Error;
use std::path::PathBuf;

use doorward_private_files::PrivateFileError;

/// The store did not answer. Says nothing about any session: never treat it as "signed out".
#[derive(Debug, thiserror::Error)]
#[error("the session store is unavailable")]
pub struct StoreUnavailable {
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl StoreUnavailable {
    /// The store's own error, kept as the source.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

impl From<SessionsError> for StoreUnavailable {
    /// For those to whom every reason is one: nothing was found out about the session.
    fn from(error: SessionsError) -> Self {
        match error {
            SessionsError::StoreUnavailable(error) => error,
            error => Self::new(error),
        }
    }
}

/// Why a session could not be begun, granted or handed over, or a store not opened.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    /// The store did not answer.
    #[error(transparent)]
    StoreUnavailable(#[from] StoreUnavailable),
    /// The session is over; nothing more can be granted from it.
    #[error("the session is over")]
    Over,
    /// Whoever signed in may not: their address is blocked.
    #[error("this person is blocked")]
    Blocked,
    /// The identity and tokens of a session, or the text to seal, are longer than the limit, in bytes.
    #[error("{length} bytes are too many to keep sealed (the limit is {limit})")]
    TooLong {
        /// What was asked for.
        length: usize,
        /// What is allowed.
        limit: usize,
    },
    /// The system gave no random bytes, or the cipher refused to work.
    #[error("the system's cryptography failed")]
    Cryptography,
    /// Another process holds the store file.
    #[error("another doorward is using {}: stop it, or give this one its own data_dir", .path.display())]
    StoreInUse {
        /// The store file.
        path: PathBuf,
    },
    /// The store file is not one, or is damaged.
    #[error(
        "{} is damaged and was left as it is: restore it from a backup, or delete it (everybody signs in again)",
        .path.display()
    )]
    StoreDamaged {
        /// The store file.
        path: PathBuf,
        /// What the storage engine found.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The address of a shared store is not one. Never shows the address: passwords are in it.
    #[error("the session store's address cannot be used: {problem}")]
    StoreAddress {
        /// What is wrong with it, and how to mend it.
        problem: String,
    },
    /// The shared store was reached and does not let us work: waiting would not help.
    #[error("{store} refuses to be the session store: {source}")]
    StoreRefused {
        /// Which kind of server.
        store: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store, or a record in it, was sealed with a secret that is not among ours.
    #[error(
        "the session store was sealed with another secret: put that secret behind the new one in `cookie_secret` (every \
         replica needs the same), or begin with an empty store (everybody signs in again, and who was blocked is \
         forgotten)"
    )]
    SealedOtherwise,
    /// The file of the server's secret does not hold one.
    #[error(
        "{} does not hold a server secret and was left as it is: restore it from a backup, or delete it (everybody signs in again)",
        .path.display()
    )]
    SecretDamaged {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}
