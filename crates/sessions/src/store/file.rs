//! The embedded store: one file, one process, every answered write on the disk.
//!
//! Refuses: a file another process has open, and a file that is damaged. It never makes a new one in the place
//! of one it cannot read.

mod database;
mod open;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};

use self::database::Database;
use self::writer::{Answer, Job, Work};
use super::change::{Changes, Feed};
use super::{Expected, Put, RecordKey, RecordKind, SessionStore, StoreFuture, Stored};
use crate::{SessionsError, StoreUnavailable};

/// How many writes may wait; more make their callers wait.
const QUEUE: usize = 1024;

/// A [`SessionStore`] in one file under `data_dir`.
///
/// Writes go to one thread, which commits all that wait as one; reads go to the blocking threads of the runtime.
pub struct FileStore {
    database: Arc<Database>,
    feed: Feed,
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl FileStore {
    /// Opens the store, or makes it when there is no file at `path`: 0600, in a folder made 0700 when missing.
    ///
    /// Reads the file, so call it before serving. After a crash the file is checked and mended first.
    ///
    /// # Errors
    /// [`SessionsError::StoreInUse`], [`SessionsError::StoreDamaged`], [`SessionsError::File`].
    pub fn open(path: &Path) -> Result<Self, SessionsError> {
        let path = path.to_owned();
        let first = open::create_or_open(&path)?;
        Self::over(Database::new(first, Box::new(move || open::open(&path))), writer::LARGE)
    }

    fn over(database: Database, large: u64) -> Result<Self, SessionsError> {
        let database = Arc::new(database);
        let feed = Feed::default();
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("session-writer".to_owned())
            .spawn({
                let (database, feed) = (Arc::clone(&database), feed.clone());
                move || writer::run(&database, waiting, &feed, large)
            })
            .map_err(|source| SessionsError::StoreUnavailable(StoreUnavailable::new(source)))?;
        Ok(Self { database, feed, jobs: Some(jobs), writer: Some(writer) })
    }

    async fn write(&self, work: Work) -> Result<Answer, StoreUnavailable> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(|| StoreUnavailable::new("the store is closed"))?;
        jobs.send(Job { work, reply }).await.map_err(|_| StoreUnavailable::new("the writer has stopped"))?;
        answer.await.map_err(StoreUnavailable::new)?.map_err(StoreUnavailable::new)
    }
}

impl SessionStore for FileStore {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        let (database, key) = (Arc::clone(&self.database), *key);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || database.read(|redb| database::get(redb, &key, now)));
            read.await.map_err(StoreUnavailable::new)?.map_err(StoreUnavailable::new)
        })
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        let work = Work::Put { key: *key, expected, sealed: sealed.to_vec(), expires_at, now };
        Box::pin(async move {
            match self.write(work).await? {
                Answer::Put(put) => Ok(put),
                Answer::Count(_) => Err(StoreUnavailable::new("the writer mixed up its answers")),
            }
        })
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        let work = Work::Remove { key: *key, expected };
        Box::pin(async move { Ok(matches!(self.write(work).await?, Answer::Count(1))) })
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        let database = Arc::clone(&self.database);
        Box::pin(async move {
            let work = move || database.read(|redb| database::list(redb, kind, after, most, now));
            let read = tokio::task::spawn_blocking(work).await;
            read.map_err(StoreUnavailable::new)?.map_err(StoreUnavailable::new)
        })
    }

    fn changes(&self) -> Changes {
        self.feed.changes()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        Box::pin(async move {
            let mut swept = 0;
            // In portions, so that sign-ins get their turn between them.
            while let Answer::Count(portion @ 1..) = self.write(Work::Sweep { now }).await? {
                swept += portion;
            }
            Ok(swept)
        })
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        // The writer commits what waits and stops; then the file is closed cleanly and free for the next.
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
