//! Ending sessions: here at once, and in the store as soon as it can be told.
//!
//! Refuses to forget an end the store could not be told of: it is told later, so that other replicas hear of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::Sessions;
use crate::{LiveSession, RecordKey, SessionCard, StoreUnavailable};

/// How many ends wait for the store. Those beyond are ended in this process alone, which is said in the log.
const MOST_UNTOLD: usize = 10_000;

/// Ends of sessions that the store has not been told of, or not wholly.
#[derive(Default)]
pub(super) struct Untold(Mutex<HashMap<RecordKey, SessionCard>>);

impl Untold {
    fn note(&self, name: &RecordKey, card: &SessionCard) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_UNTOLD || waiting.contains_key(name) {
            waiting.insert(*name, card.clone());
        } else {
            tracing::error!(session = card.id, "the session store is down and cannot be told later of so many ends");
        }
    }

    fn forget(&self, name: &RecordKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Those that would not have expired by now.
    fn waiting(&self, now: SystemTime) -> Vec<(RecordKey, SessionCard)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, card| now < card.expires_at);
        waiting.iter().map(|(name, card)| (*name, card.clone())).collect()
    }
}

impl Sessions {
    /// Ends the session: for every host, request and tunnel at once, whatever the store says; on other replicas as
    /// soon as the store has told them.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the record could not be removed. The session stays ended in this process, and
    /// [`Self::look_after`] goes on trying to tell the store; until then other replicas do not know of it, and a
    /// restart would forget it, so say so to whoever asked.
    pub async fn end(&self, session: &LiveSession) -> Result<(), StoreUnavailable> {
        self.end_here(session);
        self.remove_records(session.name(), &SessionCard::of(session), session.last_seen_at()).await?;
        Ok(())
    }

    /// Ends every session in memory that `keep` says no to; all of them are ended here even when the store fails.
    ///
    /// # Errors
    /// The first [`StoreUnavailable`], as for [`Self::end`].
    pub async fn end_live(&self, keep: impl Fn(&LiveSession) -> bool) -> Result<(), StoreUnavailable> {
        let doomed: Vec<_> = self.registry.alive().into_iter().filter(|session| !keep(session)).collect();
        // All of them here first: the store may take its time.
        for session in &doomed {
            self.end_here(session);
        }
        let mut outcome = Ok(());
        for session in &doomed {
            outcome = outcome.and(self.end(session).await);
        }
        outcome
    }

    /// Ends the session in this process alone.
    pub(super) fn end_here(&self, session: &LiveSession) {
        self.registry.end(session);
        self.cache.forget(session);
    }

    /// Takes every record of a session away; whether the session's own was there. What could not be taken away is
    /// tried again later.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the session's own record may still be there. That another one is, which is worth
    /// nothing without it, is no error.
    pub(super) async fn remove_records(
        &self,
        name: &RecordKey,
        card: &SessionCard,
        now: SystemTime,
    ) -> Result<bool, StoreUnavailable> {
        let removed = self.store.remove(name).await;
        // Whatever came of that: without its card the session cannot be loaded any more either.
        let rest = self.remove_card(card, now).await;
        if removed.is_ok() {
            self.registry.note_told(name, now);
        }
        if let (Ok(_), Ok(())) = (&removed, &rest) {
            self.untold.forget(name);
        } else {
            self.untold.note(name, card);
        }
        removed
    }

    /// Tells the store of the ends it has not been told of.
    pub(super) async fn tell_ends(&self, now: SystemTime) {
        for (name, card) in self.untold.waiting(now) {
            if let Err(error) = self.remove_records(&name, &card, now).await {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(error, "the session store cannot be told of ends yet");
                return;
            }
        }
    }
}
