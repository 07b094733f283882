//! Which certificate answers which name.
//!
//! Configured certificates answer the names in their subjectAltName; a local authority, made once and kept, issues
//! one for every other host.
//!
//! Refuses: answering a name that is not ours, a certificate whose key is another's or that is not the first of its
//! chain, and replacing a file that is there but cannot be understood.

mod authority;
#[allow(dead_code, reason = "ordering from an authority uses it")]
mod dns;
mod error;
mod leaf;
mod pem_file;
mod table;

pub use authority::LocalAuthority;
#[doc(hidden)]
pub use dns::fuzzing;
pub use dns::{BadAnswer, DnsError, Refusal};
pub use error::CertificatesError;
pub use table::{Certificates, Sources};
