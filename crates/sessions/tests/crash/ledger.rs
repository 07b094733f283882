//! What must be in the store, from what the process has said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use doorward_sessions::{SessionStore, Sessions};

use crate::words::{Word, bytes, key};
use crate::{HOST, at};

/// A record, by version and content; `None` where there is none.
type Record = Option<(u64, u64)>;

#[derive(Default)]
pub(crate) struct Ledger {
    /// What was last answered of a record.
    records: BTreeMap<u8, Record>,
    /// What was tried since, and not answered.
    tried: BTreeMap<u8, Record>,
    /// Granted since the last kill, and before; and not ended.
    alive: [BTreeSet<String>; 2],
    ending: BTreeSet<String>,
    /// Ended since the last kill, and before.
    ended: [BTreeSet<String>; 2],
    answered: usize,
    /// Of what was tried and not answered: how much was done, and how much was not.
    in_flight: [usize; 2],
}

impl Ledger {
    pub(crate) fn read(&mut self, line: &str) {
        match Word::parse(line) {
            Word::Writing { name, content } => {
                let version = self.records.get(&name).copied().flatten().map_or(1, |(version, _)| version + 1);
                self.tried.insert(name, Some((version, content)));
            }
            Word::Written { name, version } => {
                let tried = self.tried.remove(&name).unwrap();
                assert_eq!(tried.unwrap().0, version, "the version that record {name} got");
                self.records.insert(name, tried);
                self.answered += 1;
            }
            Word::Removing { name } => {
                self.tried.insert(name, None);
            }
            Word::Removed { name } => {
                assert_eq!(self.tried.remove(&name), Some(None));
                self.records.insert(name, None);
                self.answered += 1;
            }
            Word::Granted { ticket } => {
                self.alive[0].insert(ticket);
                self.answered += 1;
            }
            Word::Ending { ticket } => {
                assert!(self.alive[0].remove(&ticket));
                self.ending.insert(ticket);
            }
            Word::Ended { ticket } => {
                assert!(self.ending.remove(&ticket));
                self.ended[0].insert(ticket);
                self.answered += 1;
            }
        }
    }

    /// Holds the store to it, and takes note of how what was under way has ended.
    pub(crate) async fn settle_records(&mut self, store: &dyn SessionStore) {
        for name in 0..=u8::MAX {
            let answered = self.records.get(&name).copied().flatten();
            let found = store.get(&key(name), at(0)).await.unwrap();
            let is = |record: Record| match (&found, record) {
                (Some(found), Some((version, content))) => found.version.0 == version && found.sealed == bytes(content),
                (None, None) => true,
                _ => false,
            };
            let settled = match self.tried.remove(&name) {
                Some(tried) if is(tried) => {
                    self.in_flight[0] += 1;
                    tried
                }
                tried => {
                    self.in_flight[1] += usize::from(tried.is_some());
                    let version = found.as_ref().map(|found| found.version);
                    assert!(is(answered), "record {name}: {answered:?} was answered, {version:?} is there");
                    answered
                }
            };
            self.records.insert(name, settled);
        }
    }

    /// The same for sessions; for all there ever were, or only for those that began or ended lately.
    pub(crate) async fn settle_sessions(&mut self, sessions: &Sessions, all: bool) {
        let found = async |ticket: &str| sessions.find(ticket, HOST, at(1)).await.unwrap().is_some();
        for ticket in std::mem::take(&mut self.ending) {
            let list = if found(&ticket).await { &mut self.alive } else { &mut self.ended };
            list[0].insert(ticket);
        }
        for (list, alive, wrong) in [
            (&mut self.alive, true, "a session that was granted is lost"),
            (&mut self.ended, false, "a session that ended is back"),
        ] {
            let [lately, before] = list;
            for ticket in lately.iter().chain(before.iter().filter(|_| all)) {
                assert_eq!(found(ticket).await, alive, "{wrong}");
            }
            before.append(lately);
        }
    }

    /// Whether there was enough to be held to, of every kind.
    pub(crate) fn is_telling(&self) -> bool {
        let many = [self.answered, self.alive[1].len(), self.ended[1].len(), self.records.len()];
        many.iter().all(|number| *number > 100) && self.in_flight.iter().all(|number| *number > 0)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("answered", &self.answered)
            .field("in_flight", &self.in_flight)
            .field("alive", &self.alive[1].len())
            .field("ended", &self.ended[1].len())
            .finish_non_exhaustive()
    }
}
