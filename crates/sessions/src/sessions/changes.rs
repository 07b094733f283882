//! What happens to sessions elsewhere: other replicas tell through the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::Sessions;
use crate::record::SessionRecord;
use crate::registry::Found;
use crate::store::millis;
use crate::{Change, LiveSession, RecordKind, StoreUnavailable, Version};

/// How long it is remembered that a session ended elsewhere: longer than any look-up takes.
const REMEMBERED: Duration = Duration::from_secs(60);
/// How many sessions the store is asked about at once.
const AT_ONCE: usize = 32;

impl Sessions {
    /// Follows what the store tells, until `stop`: sessions that end elsewhere end here, what is learned elsewhere is
    /// learned here, and after words that may have been lost every session is asked about.
    pub async fn run_changes(&self, clock: fn() -> SystemTime, stop: CancellationToken) {
        let mut changes = self.store.changes();
        while let Some(Some(change)) = stop.run_until_cancelled(changes.next()).await {
            self.follow(change, clock()).await;
        }
    }

    /// Does what a change asks for.
    pub async fn follow(&self, change: Change, now: SystemTime) {
        let outcome = match change {
            Change::Removed { key } if key.kind == RecordKind::Session => {
                // Also of one that is not known: it may be on its way from the store at this moment.
                let until = now.checked_add(REMEMBERED).unwrap_or(now);
                match self.registry.find(&key) {
                    Found::Alive(session) => self.end_here(&session),
                    Found::Unknown => {
                        if let Some(session) = self.registry.end_named(&key, until) {
                            self.end_here(&session);
                        }
                    }
                    Found::Ended => {}
                }
                Ok(())
            }
            Change::Written { key, version } if key.kind == RecordKind::Session => match self.registry.find(&key) {
                Found::Alive(session) if session.version.load(Ordering::Acquire) < version.0 => {
                    self.verify(&session, now).await
                }
                _ => Ok(()),
            },
            Change::Written { key, .. } if key.kind == RecordKind::Blocked => self.end_blocked(now).await,
            Change::Missed => self.verify_all(now).await,
            Change::Removed { .. } | Change::Written { .. } => Ok(()),
        };
        if let Err(error) = outcome {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "what the session store told could not be followed"
            );
        }
    }

    /// Asks the store about every session in memory.
    ///
    /// # Errors
    /// The first [`StoreUnavailable`]; the sessions it did not tell about stay as they are.
    pub async fn verify_all(&self, now: SystemTime) -> Result<(), StoreUnavailable> {
        self.end_blocked(now).await?;
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
            self.end_here(session);
            return Ok(());
        };
        session.verified_at.fetch_max(millis(now), Ordering::Relaxed);
        if stored.version.0 > session.version.load(Ordering::Acquire)
            && let Some(record) = place.open::<SessionRecord>(&stored.sealed)
        {
            self.take_over(session, record, stored.version);
        }
        Ok(())
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
