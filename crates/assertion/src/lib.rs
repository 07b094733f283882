//! The signed statement about the visitor, for upstreams.
//!
//! An upstream that wants proof of who is asking verifies the assertion (a JWT, RFC 7519) with the keys published
//! as a JWKS; one that trusts its network reads the plain headers.
//!
//! Refuses: stating an e-mail address nobody vouches for, outliving the session, and header values that an
//! upstream could read as two.

mod error;
mod headers;
mod keys;
mod signer;

pub use error::SignError;
pub use headers::identity_headers;
pub use keys::{JWKS_CACHE_CONTROL, SigningKeys};
pub use signer::Signer;
