//! Tables of the embedded store, and what is done to them.
//!
//! After an I/O error the storage engine refuses all work until it is opened anew: a full disk must not outlast
//! its cause, so it is opened anew here, at most once a second.

use std::ops::Bound;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use redb::{ReadableDatabase as _, ReadableTable as _, Table, TableDefinition, WriteTransaction};

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
const REOPEN_EVERY: Duration = Duration::from_secs(1);

type Reopen = Box<dyn Fn() -> Result<redb::Database, SessionsError> + Send + Sync>;

/// The open file, and how to open it again.
pub(super) struct Database {
    open: RwLock<Option<redb::Database>>,
    reopen: Reopen,
    reopened: Mutex<Option<Instant>>,
}

impl Database {
    pub(super) fn new(first: redb::Database, reopen: Reopen) -> Self {
        Self { open: RwLock::new(Some(first)), reopen, reopened: Mutex::new(None) }
    }

    /// Does the work. The file is opened anew after an error that makes it unusable.
    pub(super) fn run<T>(
        &self,
        work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let outcome = match self.open.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(database) => work(database),
            None => Err(redb::Error::PreviousIo),
        };
        if let Err(redb::Error::PreviousIo | redb::Error::Io(_)) = &outcome {
            self.open_anew();
        }
        outcome
    }

    fn open_anew(&self) {
        let mut reopened = self.reopened.lock().unwrap_or_else(PoisonError::into_inner);
        if reopened.is_some_and(|last| last.elapsed() < REOPEN_EVERY) {
            return;
        }
        *reopened = Some(Instant::now());
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        // Closed first: the engine lets nobody else have the file, not even us.
        *open = None;
        match (self.reopen)() {
            Ok(database) => *open = Some(database),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the session store cannot be opened again");
            }
        }
    }
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
