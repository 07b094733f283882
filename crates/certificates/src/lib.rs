//! Which certificate answers which name.
//!
//! Configured certificates answer the names in their subjectAltName; a local authority, made once and kept, issues
//! one for every other host.
//!
//! Refuses: answering a name that is not ours, a certificate whose key is another's or that is not the first of its
//! chain, and replacing a file that is there but cannot be understood.

mod acme;
mod authority;
mod dns;
mod error;
mod leaf;
mod obtained;
mod pem_file;
mod store;
mod table;

pub use acme::{AcmeManager, AcmeSettings, OrderReport, OrderState, Pace};
pub use authority::LocalAuthority;
pub use error::CertificatesError;
pub use obtained::{LeafFacts, Obtained};
pub use store::{
    CertificateStore, FileCertificateStore, InvalidRecordName, RecordBytes, RecordKey, RecordKind, StoreError, Term,
};
pub use table::{Certificates, Sources};
