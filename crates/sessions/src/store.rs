//! Where sealed records are kept: what a store promises, and the stores there are.
//!
//! A store sees hashed names, expiry times and sealed bytes, nothing else. The promises below are checked by
//! one contract suite that every store passes.

mod change;
mod file;
mod memory;
mod postgres;
mod redis;
mod trust;
mod watched;

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use change::{Change, Changes};
pub use file::FileStore;
pub use memory::MemoryStore;
pub use postgres::{PostgresOptions, PostgresStore};
pub use redis::{RedisOptions, RedisStore};
pub(crate) use watched::{Health, WatchedStore};

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

    /// Removes the record, expired or not, if its version is as expected. True for exactly one of any number of
    /// callers, and never for [`Expected::Absent`].
    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool>;

    /// Removes the record. True for exactly one of any number of callers: single use is built on it.
    fn remove(&self, key: &RecordKey) -> StoreFuture<'_, bool> {
        self.remove_if(key, Expected::Any)
    }

    /// The records of a kind that have not expired, in the order of their ids, from the first id behind `after`.
    ///
    /// At most `most` of them, and fewer only at the end: give the last id back as `after` for the next page.
    /// A page is no snapshot: what is written or removed while paging may or may not be in it.
    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>>;

    /// What is written and removed from now on, by whichever replica. Expiry is not told: clocks tell it.
    fn changes(&self) -> Changes;

    /// Whether other processes may write here too, so that [`Self::changes`] may miss some.
    fn is_shared(&self) -> bool;

    /// Removes what has expired and says how many records that were.
    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize>;
}

/// What a record is for. Records of one kind are never read as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A session, sealed with its data key.
    Session,
    /// The right to a session on one host, sealed with a ticket's key.
    Grant,
    /// A right on its way to another host, sealed with its code.
    Handover,
    /// A task that one replica at a time may do.
    Lease,
    /// What a list of sessions shows of one, readable by the server without its ticket.
    Card,
    /// Somebody who may not sign in any more.
    Blocked,
    /// Which session of ours a provider's session has led to.
    ProviderSession,
    /// One of a kind, shared by every replica: keys that are made once and changed now and then.
    Server,
    /// What ordering certificates keeps: account, certificates, attempts, challenges.
    Certificate,
}

impl RecordKind {
    /// Every kind there is.
    pub(crate) const ALL: [Self; 9] = [
        Self::Session,
        Self::Grant,
        Self::Handover,
        Self::Lease,
        Self::Card,
        Self::Blocked,
        Self::ProviderSession,
        Self::Server,
        Self::Certificate,
    ];

    /// The byte that stands for the kind in names and seals; part of the stored format.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Grant => 2,
            Self::Handover => 3,
            Self::Lease => 4,
            Self::Card => 5,
            Self::Blocked => 6,
            Self::ProviderSession => 7,
            Self::Server => 8,
            Self::Certificate => 9,
        }
    }

    /// The kind of a tag.
    fn of_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tag() == tag)
    }
}

/// The name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// Whether a record of this version may be removed.
    fn allows_removal(self, present: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => false,
            Self::Version(expected) => present == expected,
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

/// Milliseconds since 1970, cut off, so that a record never outlives its time.
pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}

/// The time of so many milliseconds since 1970.
pub(crate) fn time_of(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}
