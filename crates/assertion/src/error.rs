//! What can go wrong with assertions.

use std::path::PathBuf;

use doorward_private_files::PrivateFileError;

/// Why there is no key, or no assertion.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The session is over; nothing can be asserted about it any more.
    #[error("the session is over")]
    SessionOver,
    /// The system's clock is before 1970, or the cipher refused to work.
    #[error("the system's cryptography or clock failed")]
    System,
    /// The token could not be signed.
    #[error("the assertion could not be signed")]
    Token(#[from] jsonwebtoken::errors::Error),
    /// What was given as a key is none that signs with ES256.
    #[error("this is no key on the curve P-256")]
    NoKey,
    /// A record holds no ring of keys.
    #[error("the record holds no ring of signing keys")]
    RecordDamaged,
    /// The key file does not hold keys we can use.
    #[error(
        "{} does not hold P-256 signing keys and was left as it is: restore it from a backup, or delete it (upstreams then learn the new key from the JWKS)",
        .path.display()
    )]
    KeyDamaged {
        /// The key file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}
