//! Tables of the embedded store, and what is done to them.
//!
//! After an I/O error the storage engine refuses all work, reading too, until it is opened anew. Neither must a full
//! disk outlast its cause, nor those suffer who only read: it is opened anew here, at once.

use std::ops::Bound;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use redb::{
    ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction,
};

use crate::SessionsError;
use crate::store::{Expected, Put, RecordKey, RecordKind, Stored, Version, millis, time_of};

/// A record's name as a key: its kind, then its id.
type Name = [u8; 33];

/// Name → version, expiry in milliseconds since 1970, sealed bytes.
const RECORDS: TableDefinition<'_, &Name, (u64, u64, &[u8])> = TableDefinition::new("records");
/// Expiry and name, so that sweeping reads only what it removes.
const EXPIRIES: TableDefinition<'_, (u64, &Name), ()> = TableDefinition::new("expiries");
/// What the file is.
const ABOUT: TableDefinition<'_, &str, u64> = TableDefinition::new("about");
/// The version of the tables above.
const FORMAT: u64 = 1;

/// How many records one sweep removes in one transaction.
const PORTION: usize = 1000;
/// How often to try when the file cannot be opened.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

type Reopen = Box<dyn Fn() -> Result<redb::Database, SessionsError> + Send + Sync>;

/// The open file, and how to open it again. There is never more than one handle of it.
pub(super) struct Database {
    open: RwLock<Open>,
    reopen: Reopen,
}

struct Open {
    database: Option<redb::Database>,
    /// Counts the handles there have been, so that of many who find one unusable only the first replaces it.
    number: u64,
    /// When the file could last not be opened.
    refused: Option<Instant>,
}

impl Database {
    pub(super) fn new(first: redb::Database, reopen: Reopen) -> Self {
        Self { open: RwLock::new(Open { database: Some(first), number: 0, refused: None }), reopen }
    }

    /// Does some reading, a second time when the file had to be opened anew: a write that failed before it must
    /// not make it fail.
    pub(super) fn read<T>(&self, work: impl Fn(&redb::Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let (outcome, number) = self.attempt(&work);
        if is_unusable(&outcome) && self.open_anew(number) { self.attempt(&work).0 } else { outcome }
    }

    /// Does some writing. The file is opened anew at once if that makes it unusable, for those who read.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let (outcome, number) = self.attempt(work);
        // A transaction that ended in a damaged page has left things undone, too.
        if is_unusable(&outcome) || matches!(outcome, Err(redb::Error::Corrupted(_))) {
            self.open_anew(number);
        }
        outcome
    }

    /// How the work went, and with which handle.
    fn attempt<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>,
    ) -> (Result<T, redb::Error>, u64) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = &open.database else { return (Err(redb::Error::PreviousIo), open.number) };
        // The engine asserts some of what it reads: what a damaged page breaks must not be the one who writes.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| work(database)));
        let gave_up = |_| Err(redb::Error::Corrupted("the storage engine gave up on what it read".to_owned()));
        (outcome.unwrap_or_else(gave_up), open.number)
    }

    /// Replaces the handle of that number; false when there is none now.
    fn open_anew(&self, number: u64) -> bool {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.number != number {
            return open.database.is_some();
        }
        if open.refused.is_some_and(|refused| refused.elapsed() < REOPEN_EVERY) {
            return false;
        }
        // Closed first: the engine lets nobody else have the file, not even us.
        open.database = None;
        open.number += 1;
        match (self.reopen)() {
            Ok(database) => (open.database, open.refused) = (Some(database), None),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the session store cannot be opened again");
                open.refused = Some(Instant::now());
            }
        }
        open.database.is_some()
    }
}

/// Whether the engine will do nothing more with this handle.
fn is_unusable<T>(outcome: &Result<T, redb::Error>) -> bool {
    matches!(outcome, Err(redb::Error::PreviousIo | redb::Error::Io(_)))
}

/// Makes the tables of a new file.
pub(super) fn lay_out(database: &redb::Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(EXPIRIES)?;
    transaction.open_table(ABOUT)?.insert("format", FORMAT)?;
    Ok(transaction.commit()?)
}

/// Whether the file holds our tables in the format we write.
pub(super) fn is_ours(database: &redb::Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(EXPIRIES)?;
    let format = transaction.open_table(ABOUT)?.get("format")?.map(|format| format.value());
    Ok(format == Some(FORMAT))
}

pub(super) fn get(database: &redb::Database, key: &RecordKey, now: SystemTime) -> Result<Option<Stored>, redb::Error> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    let Some(found) = records.get(&name(key))? else { return Ok(None) };
    let (version, expires, sealed) = found.value();
    if expires <= millis(now) {
        return Ok(None);
    }
    Ok(Some(Stored { version: Version(version), sealed: sealed.to_vec(), expires_at: time_of(expires) }))
}

pub(super) fn list(
    database: &redb::Database,
    kind: RecordKind,
    after: Option<[u8; 32]>,
    most: usize,
    now: SystemTime,
) -> Result<Vec<(RecordKey, Stored)>, redb::Error> {
    let records = database.begin_read()?.open_table(RECORDS)?;
    let (first, last) = (name(&RecordKey { kind, id: [0; 32] }), name(&RecordKey { kind, id: [u8::MAX; 32] }));
    let after = after.map(|id| name(&RecordKey { kind, id }));
    if after == Some(last) {
        return Ok(Vec::new());
    }
    let from = after.as_ref().map_or(Bound::Included(&first), Bound::Excluded);
    let mut page = Vec::new();
    for entry in records.range::<&Name>((from, Bound::Included(&last)))? {
        if page.len() == most {
            break;
        }
        let (found, record) = entry?;
        let (version, expires, sealed) = record.value();
        if millis(now) < expires {
            let mut id = [0; 32];
            id.copy_from_slice(found.value().split_at(1).1);
            let stored = Stored { version: Version(version), sealed: sealed.to_vec(), expires_at: time_of(expires) };
            page.push((RecordKey { kind, id }, stored));
        }
    }
    Ok(page)
}

/// The tables within one write transaction.
pub(super) struct Tables<'txn> {
    records: Table<'txn, &'static Name, (u64, u64, &'static [u8])>,
    expiries: Table<'txn, (u64, &'static Name), ()>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self { records: transaction.open_table(RECORDS)?, expiries: transaction.open_table(EXPIRIES)? })
    }

    /// How many records there are, expired or not.
    pub(super) fn records(&self) -> Result<u64, redb::Error> {
        Ok(self.records.len()?)
    }

    pub(super) fn put(
        &mut self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> Result<Put, redb::Error> {
        let name = name(key);
        let before = self.records.get(&name)?.map(|found| {
            let (version, expires, _) = found.value();
            (Version(version), expires)
        });
        let present = before.filter(|(_, expires)| millis(now) < *expires).map(|(version, _)| version);
        let Some(version) = expected.next_version(present) else { return Ok(Put::Conflict) };
        if let Some((_, expires)) = before {
            self.expiries.remove((expires, &name))?;
        }
        let expires = millis(expires_at);
        self.records.insert(&name, (version.0, expires, sealed))?;
        self.expiries.insert((expires, &name), ())?;
        Ok(Put::Stored(version))
    }

    pub(super) fn remove(&mut self, key: &RecordKey, expected: Expected) -> Result<bool, redb::Error> {
        let name = name(key);
        let present = self.records.get(&name)?.map(|found| Version(found.value().0));
        if !present.is_some_and(|version| expected.allows_removal(version)) {
            return Ok(false);
        }
        let Some(expires) = self.records.remove(&name)?.map(|found| found.value().1) else { return Ok(false) };
        self.expiries.remove((expires, &name))?;
        Ok(true)
    }

    /// Removes a portion of what has expired; 0 when nothing has.
    pub(super) fn sweep(&mut self, now: SystemTime) -> Result<usize, redb::Error> {
        let mut due = Vec::new();
        for entry in self.expiries.range(..=(millis(now), &[u8::MAX; 33]))?.take(PORTION) {
            let (key, ()) = entry.map(|(key, value)| (key, value.value()))?;
            let (expires, name) = key.value();
            due.push((expires, *name));
        }
        for (expires, name) in &due {
            self.expiries.remove((*expires, name))?;
            self.records.remove(name)?;
        }
        Ok(due.len())
    }
}

fn name(key: &RecordKey) -> Name {
    let mut name = [key.kind.tag(); 33];
    let (_, id) = name.split_at_mut(1);
    id.copy_from_slice(&key.id);
    name
}
