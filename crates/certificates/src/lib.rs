//! Which certificate answers which name.
//!
//! Configured certificates answer the names in their subjectAltName; those ordered from an authority the names they were
//! ordered for; a local authority, made once and kept, issues one for every other host.
//!
//! Refuses: answering a name that is not ours, a certificate whose key is another's or that is not the first of its
//! chain, and replacing a file that is there but cannot be understood.

mod acme;
mod authority;
mod clients;
mod dns;
mod error;
mod facts;
pub mod inspect;
mod leaf;
mod minting;
mod names;
mod obtained;
mod pem_file;
mod report;
mod store;
mod table;

pub use acme::{AcmeManager, AcmeSettings, OrderReport, OrderState, Pace};
pub use authority::{Issued, LocalAuthority};
pub use clients::{ClientTrust, ClientTrusts, InvalidClientTrust};
#[doc(hidden)]
pub use dns::fuzzing;
pub use dns::{BadAnswer, DnsError, Refusal};
pub use error::CertificatesError;
pub use facts::LeafFacts;
pub use obtained::Obtained;
pub use report::{CertificateReport, Source};
pub use store::{
    CertificateStore, FileCertificateStore, InvalidRecordName, LeaseRecord, RecordBytes, RecordKey, RecordKind,
    StoreError, Term,
};
pub use table::{Certificates, Sources};
