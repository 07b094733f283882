//! Where account, certificates, attempts and pending challenges are kept, and who may order just now.
//!
//! Refuses: names that would leave the folder, and a lease that somebody else holds. A store keeps bytes whole or
//! not at all and hands them back as they were; what they mean is not its business.

mod file;
mod key;
mod lease;
mod waiting;

use std::fmt;
use std::time::SystemTime;

use doorward_private_files::PrivateFileError;
use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

pub use file::FileCertificateStore;
pub use key::{InvalidRecordName, RecordKey, RecordKind};
pub use lease::LeaseRecord;
pub(crate) use waiting::Waiting;

/// Bytes that may hold a private key.
pub type RecordBytes = Zeroizing<Vec<u8>>;

/// Keeps records for every replica, and lets one of them order at a time.
pub trait CertificateStore: Send + Sync + fmt::Debug + 'static {
    /// What is kept under this key; `None` when nothing is.
    fn read<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<RecordBytes>, StoreError>>;

    /// Keeps these bytes, whole or not at all, in place of what was there; lasting when it returns.
    fn write<'a>(&'a self, key: &'a RecordKey, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Takes the record away; whether there was one.
    fn remove<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Takes a record that cannot be understood out of the way, but keeps it for whoever wants to look.
    fn set_aside<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Every key of one kind, in no order.
    fn list(&self, kind: RecordKind) -> BoxFuture<'_, Result<Vec<RecordKey>, StoreError>>;

    /// Takes the lease, until this time, if nobody else holds it; whether it is ours now.
    fn acquire<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Holds the lease longer; `false` when it is not ours any more, then nothing may be written as if it were.
    fn renew<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Gives the lease back, if it is ours.
    fn release<'a>(&'a self, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// From when until when a lease is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// Whoever asks, asks now.
    pub now: SystemTime,
    /// After this anybody may take it.
    pub until: SystemTime,
}

/// The store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The store that several machines share does not answer, or holds what we cannot open.
    #[error("the store that replicas share is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The work was given up half way, since the server is stopping.
    #[error("the server is stopping")]
    Stopping,
}
