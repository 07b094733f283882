//! The one thread that writes: all that waits becomes one transaction and one sync of the disk.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use redb::Durability;
use tokio::sync::{mpsc, oneshot};

use super::database::{Database, Tables};
use crate::store::change::{Change, Feed};
use crate::store::{Expected, Put, RecordKey};

/// How many writes share a transaction at most.
const BATCH: usize = 256;

/// From how many records on a start after a crash must not have to read them all, as it otherwise does to find out which
/// pages are free: each transaction then says so, and takes two syncs of the disk instead of one. Fewer are read in less
/// than a tenth of a second.
pub(super) const LARGE: u64 = 20_000;
/// How long no write is tried after one that the disk refused: each that fails costs opening the file anew.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A write that somebody waits for.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Result<Answer, Arc<redb::Error>>>,
}

pub(super) enum Work {
    Put { key: RecordKey, expected: Expected, sealed: Vec<u8>, expires_at: SystemTime, now: SystemTime },
    Remove { key: RecordKey, expected: Expected },
    Sweep { now: SystemTime },
}

pub(super) enum Answer {
    Put(Put),
    /// How many records were removed.
    Count(usize),
}

impl Answer {
    fn changed(&self) -> bool {
        !matches!(self, Self::Put(Put::Conflict) | Self::Count(0))
    }
}

/// The change that a finished job is for listeners.
fn change_of(work: &Work, answer: &Answer) -> Option<Change> {
    match (work, answer) {
        (Work::Put { key, .. }, Answer::Put(Put::Stored(version))) => {
            Some(Change::Written { key: *key, version: *version })
        }
        (Work::Remove { key, .. }, Answer::Count(1)) => Some(Change::Removed { key: *key }),
        _ => None,
    }
}

/// Writes until every sender is gone. From `large` records on, every transaction is ready for a quick start.
pub(super) fn run(database: &Database, mut waiting: mpsc::Receiver<Job>, feed: &Feed, large: u64) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut refused: Option<(Instant, Arc<redb::Error>)> = None;
    while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
        let outcome = match refused.take() {
            Some(refused) if refused.0.elapsed() < PAUSE => Err(refused),
            _ => database.write(|redb| commit(redb, &batch, large)).map_err(|error| {
                tracing::error!(error = &error as &dyn std::error::Error, "writing to the session store failed");
                (Instant::now(), Arc::new(error))
            }),
        };
        match outcome {
            Ok(answers) => {
                for (job, answer) in batch.drain(..).zip(answers) {
                    if let Some(change) = change_of(&job.work, &answer) {
                        feed.send(change);
                    }
                    let _ = job.reply.send(Ok(answer));
                }
            }
            Err((at, error)) => {
                for job in batch.drain(..) {
                    let _ = job.reply.send(Err(Arc::clone(&error)));
                }
                refused = Some((at, error));
            }
        }
    }
}

/// Does all of the batch, in order, or none of it; on the disk when it returns.
fn commit(database: &redb::Database, batch: &[Job], large: u64) -> Result<Vec<Answer>, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    let (answers, records) = {
        let mut tables = Tables::open(&transaction)?;
        let answers = batch.iter().map(|job| apply(&mut tables, &job.work)).collect::<Result<Vec<_>, _>>()?;
        (answers, tables.records()?)
    };
    // An idle server sweeps every minute; that must not write to the disk.
    if answers.iter().any(Answer::changed) {
        transaction.set_quick_repair(records >= large);
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(answers)
}

fn apply(tables: &mut Tables<'_>, work: &Work) -> Result<Answer, redb::Error> {
    Ok(match work {
        Work::Put { key, expected, sealed, expires_at, now } => {
            Answer::Put(tables.put(key, *expected, sealed, *expires_at, *now)?)
        }
        Work::Remove { key, expected } => Answer::Count(tables.remove(key, *expected)?.into()),
        Work::Sweep { now } => Answer::Count(tables.sweep(*now)?),
    })
}
