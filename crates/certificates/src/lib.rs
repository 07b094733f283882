//! Which certificate answers which name.
//!
//! Configured certificates answer the names in their subjectAltName; a local authority, made once and kept, issues
//! one for every other host.
//!
//! Refuses: answering a name that is not ours, a certificate whose key is another's or that is not the first of its
//! chain, and replacing a file that is there but cannot be understood.

mod authority;
mod clients;
mod error;
mod leaf;
mod pem_file;
mod table;

pub use authority::LocalAuthority;
pub use clients::{ClientTrust, ClientTrusts, InvalidClientTrust};
pub use error::CertificatesError;
pub use table::{Certificates, Sources};
