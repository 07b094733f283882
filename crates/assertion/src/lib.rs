//! The signed statement about the visitor, for upstreams.
//!
//! An upstream that wants proof of who is asking verifies the assertion (a JWT, RFC 7519) with the keys published
//! as a JWKS; one that trusts its network reads the plain headers.
//!
//! Refuses: stating an e-mail address nobody vouches for, outliving the session, header values that an upstream could
//! read as two, and signing with a key that nobody could know yet.

mod claims;
mod encoding;
mod error;
mod headers;
mod key;
mod keyring;
mod keyring_file;
mod keys;
mod published;
mod signer;
mod statement;
mod terms;

pub use claims::Told;
pub use error::SignError;
pub use keyring::{Keyring, LONGEST_RECORD, PUBLISH_AHEAD, ROTATE_EVERY};
pub use keyring_file::KeyringFile;
pub use keys::SigningKeys;
pub use published::{JWKS_CACHE_CONTROL, Published};
pub use signer::{Introduction, Signer, Visit};
pub use terms::Terms;
