//! Where sealed records are kept: what a store promises, and the stores there are.
//!
//! A store sees hashed names, expiry times and sealed bytes, nothing else. The promises below are checked by
//! one contract suite that every store passes.

mod file;
mod memory;

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

pub use file::FileStore;
pub use memory::MemoryStore;

use crate::StoreUnavailable;

/// The longest sealed record a store takes, in bytes.
pub(crate) const LONGEST_RECORD: usize = 1024 * 1024;

/// What a store answers with, some time later.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreUnavailable>> + Send + 'a>>;

/// Keeps sealed records under hashed names until they expire.
///
/// Every method is atomic, and what it has answered survives a crash when the store is durable at all.
pub trait SessionStore: Send + Sync {
    /// The record, unless there is none or it has expired.
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>>;

    /// Writes the record if what is there is what is expected. An expired record counts as absent.
    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put>;

    /// Removes the record. True for exactly one of any number of callers: single use is built on it.
    fn remove(&self, key: &RecordKey) -> StoreFuture<'_, bool>;

    /// Removes what has expired and says how many records that were.
    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize>;
}

/// What a record is for. Records of one kind are never read as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A session, sealed with its data key.
    Session,
    /// The right to a session on one host, sealed with a ticket's key.
    Grant,
    /// A right on its way to another host, sealed with its code.
    Handover,
}

impl RecordKind {
    /// The byte that stands for the kind in names and seals; part of the stored format.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Grant => 2,
            Self::Handover => 3,
        }
    }
}

/// The name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// What it is for.
    pub kind: RecordKind,
    /// SHA-256 of its identifier.
    pub id: [u8; 32],
}

/// Counts the writes to one record, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A record as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// For a later [`Expected::Version`].
    pub version: Version,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// From when on it counts as absent.
    pub expires_at: SystemTime,
}

/// What a writer takes for granted about the record it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// There is none.
    Absent,
    /// It has not been written since.
    Version(Version),
    /// Nothing.
    Any,
}

impl Expected {
    /// The version a write gets over what is present, or `None` when that is not as expected.
    fn next_version(self, present: Option<Version>) -> Option<Version> {
        let next = Version(present.map_or(0, |version| version.0).saturating_add(1));
        match self {
            Self::Any => Some(next),
            Self::Absent => present.is_none().then_some(next),
            Self::Version(expected) => (present == Some(expected)).then_some(next),
        }
    }
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Written; the record's version from now on.
    Stored(Version),
    /// Not written: the record is not as expected.
    Conflict,
}
