//! What happens to sessions elsewhere: other replicas tell through the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use doorward_telemetry::{AuditEvent, audit};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use tokio_util::sync::CancellationToken;

use super::Sessions;
use crate::record::SessionRecord;
use crate::registry::{Found, REMEMBERED};
use crate::store::millis;
use crate::{Change, LiveSession, RecordKind, StoreUnavailable, Version};

/// How many sessions the store is asked about at once.
const AT_ONCE: usize = 32;
/// How many words may be waited for at once. Beyond, everything is asked about later.
const WORDS_AT_ONCE: usize = 1024;

impl Sessions {
    /// Follows what the store tells, until `stop`: sessions that end elsewhere end here, what is learned elsewhere is
    /// learned here, and after words that may have been lost every session is asked about.
    pub async fn run_changes(&self, clock: fn() -> SystemTime, stop: CancellationToken) {
        let mut changes = self.store.changes();
        let mut asking = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                change = changes.next() => {
                    let Some(change) = change else { return };
                    let now = clock();
                    // An end is followed at once: it never waits until the store has answered about another word.
                    if !self.follow_end(change, now) {
                        if asking.len() < WORDS_AT_ONCE {
                            asking.push(self.follow(change, now));
                        } else {
                            self.to_verify_all.store(true, Ordering::Release);
                        }
                    }
                }
                Some(()) = asking.next(), if !asking.is_empty() => {}
            }
        }
    }

    /// Does what a change asks for.
    pub async fn follow(&self, change: Change, now: SystemTime) {
        if self.follow_end(change, now) {
            return;
        }
        let outcome = match change {
            Change::Written { key, version } if key.kind == RecordKind::Session => match self.registry.find(&key) {
                Found::Alive(session) if session.version.load(Ordering::Acquire) < version.0 => {
                    self.verify(&session, now).await
                }
                _ => Ok(()),
            },
            Change::Written { key, .. } if key.kind == RecordKind::Blocked => {
                if self.is_telling(&key) {
                    return;
                }
                self.hear_of_blocks(now).await
            }
            Change::Missed => self.verify_all(now).await,
            Change::Removed { .. } | Change::Written { .. } => Ok(()),
        };
        if let Err(error) = outcome {
            self.to_verify_all.store(true, Ordering::Release);
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "what the session store told could not be followed yet"
            );
        }
    }

    /// Ends here what a change says has ended elsewhere; whether it says so.
    fn follow_end(&self, change: Change, now: SystemTime) -> bool {
        let Change::Removed { key } = change else { return false };
        if key.kind != RecordKind::Session {
            return false;
        }
        match self.registry.find(&key) {
            Found::Alive(session) => self.end_as_told(&session),
            // Also of one that is not known: it may be on its way from the store at this moment.
            Found::Unknown => {
                let until = now.checked_add(REMEMBERED).unwrap_or(now);
                if let Some(session) = self.registry.end_named(&key, until) {
                    self.end_here(&session);
                    told_of_its_end(&session);
                }
            }
            Found::Ended => {}
        }
        self.registry.note_told(&key, now);
        true
    }

    /// Asks the store about every session in memory.
    ///
    /// # Errors
    /// The first [`StoreUnavailable`]; the sessions it did not tell about stay as they are.
    pub async fn verify_all(&self, now: SystemTime) -> Result<(), StoreUnavailable> {
        // What is being loaded at this moment is not among the living yet, and is asked about when it is.
        self.doubts.fetch_add(1, Ordering::AcqRel);
        self.hear_of_blocks(now).await?;
        let mut asked = stream::iter(self.registry.alive())
            .map(|session| async move { self.verify(&session, now).await })
            .buffer_unordered(AT_ONCE);
        while let Some(outcome) = asked.next().await {
            outcome?;
        }
        Ok(())
    }

    /// Asks the store about one session: it may have ended, or more be known.
    pub(super) async fn verify(&self, session: &LiveSession, now: SystemTime) -> Result<(), StoreUnavailable> {
        let place = self.session_place(session.session_id(), session.data_key());
        let Some(stored) = self.store.get(&place.name, now).await? else {
            if session.is_over(now) {
                self.end_here(session);
            } else {
                self.end_as_told(session);
            }
            return Ok(());
        };
        session.verified_at.store(millis(now), Ordering::Relaxed);
        if stored.version.0 > session.version.load(Ordering::Acquire)
            && let Some(record) = place.open::<SessionRecord>(&stored.sealed)
        {
            self.take_over(session, record, stored.version);
        }
        Ok(())
    }

    /// Ends a session here that has ended elsewhere, and says so once.
    fn end_as_told(&self, session: &LiveSession) {
        if let Some(shared) = self.registry.end_named(session.name(), session.expires_at()) {
            self.end_here(&shared);
            told_of_its_end(&shared);
        }
        self.end_here(session);
    }

    /// Learns what the store knows better, and tells whoever listens.
    pub(super) fn take_over(&self, session: &LiveSession, record: SessionRecord, version: Version) {
        if session.learn(record.known, version) {
            self.tell_news(session);
        }
    }

    pub(super) fn tell_news(&self, session: &LiveSession) {
        let Found::Alive(shared) = self.registry.find(session.name()) else { return };
        if let Some(listener) = self.listener.get() {
            listener(&Arc::clone(&shared));
        }
    }
}

/// Notes in the log that a session has ended elsewhere.
pub(super) fn told_of_its_end(session: &LiveSession) {
    let known = session.known();
    audit(&AuditEvent::SessionEndedElsewhere { user: known.identity.label(), session: session.id() });
}
