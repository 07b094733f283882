//! People who may not sign in any more, by their e-mail address, until they are let in again.
//!
//! Letters of either case are the same address, and an address nobody verified is blocked like any other: whoever is
//! blocked stays out by every spelling.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use doorward_identity::{Email, Identity};
use serde::{Deserialize, Serialize};

use super::Sessions;
use super::changes::told_of_its_end;
use crate::record::plain_text;
use crate::{Expected, LiveSession, RecordKey, RecordKind, SessionCard, SessionsError, StoreUnavailable};

/// Somebody who may not sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedPerson {
    /// Their address, in small letters.
    pub email: String,
    /// Since when.
    pub since: SystemTime,
}

/// What came of blocking somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocking {
    /// Whether they were not blocked before.
    pub is_new: bool,
    /// The sessions of theirs that it ended.
    pub ended: Vec<SessionCard>,
}

/// One group: there are few.
const GROUP: &str = "blocked";

impl Sessions {
    /// Blocks an address: nobody signs in with it, and every session of it ends.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`] and what else keeps it from being written; sessions may then go on.
    pub async fn block(&self, email: &Email, now: SystemTime) -> Result<Blocking, SessionsError> {
        let folded = folded(email.as_str());
        let bytes = plain_text(&BlockedPerson { email: folded.clone(), since: now })?;
        let kind = RecordKind::Blocked;
        let _telling = Telling::begin(&self.blocks_told, self.vault.key(kind, GROUP, &folded, now).await?);
        let put = self.vault.write(kind, GROUP, &folded, Expected::Absent, &bytes, None, now).await?;
        // What begins from here on finds the block. Those in memory end first: reading all the rest may take a while.
        let (live, told) = self.end_blocked(now).await.inspect_err(|_| {
            // The block stands, and its word is nobody's but ours to follow here: the keeper does, once it can.
            self.to_verify_all.store(true, Ordering::Release);
        })?;
        let (listed, outcome) = self.end_listed_of(&folded, now).await;
        let mut ended: Vec<_> = live.iter().map(|session| SessionCard::of(session)).collect();
        let live: HashSet<String> = ended.iter().map(|card| card.id.clone()).collect();
        ended.extend(listed.into_iter().filter(|card| !live.contains(&card.id)));
        told?;
        outcome?;
        Ok(Blocking { is_new: matches!(put, crate::Put::Stored(_)), ended })
    }

    /// Lets an address sign in again. True when it was blocked.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`] and what else keeps it from being written.
    pub async fn unblock(&self, email: &Email, now: SystemTime) -> Result<bool, SessionsError> {
        self.vault.remove(RecordKind::Blocked, GROUP, &folded(email.as_str()), now).await
    }

    /// Everybody who is blocked, by address.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`] and what else keeps it from being read.
    pub async fn blocked(&self, now: SystemTime) -> Result<Vec<BlockedPerson>, SessionsError> {
        let opened = self.vault.list(RecordKind::Blocked, GROUP, now).await?;
        let mut people: Vec<BlockedPerson> =
            opened.iter().filter_map(|opened| serde_json::from_slice(&opened.bytes).ok()).collect();
        people.sort_by(|one, other| one.email.cmp(&other.email));
        Ok(people)
    }

    /// Whether somebody may not sign in.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when that cannot be found out: also when the whole store was sealed with another secret.
    pub async fn is_blocked(&self, identity: &Identity, now: SystemTime) -> Result<bool, StoreUnavailable> {
        let Some(email) = identity.email.for_display() else { return Ok(false) };
        // First, and apart: a store of which nothing can be read says nothing about anybody.
        self.vault.prepare(now).await?;
        let found = self.vault.read(RecordKind::Blocked, GROUP, &folded(email.as_str()), now).await;
        match found {
            Ok(found) => Ok(found.is_some()),
            // Something is there under this very address; what it says cannot be read.
            Err(SessionsError::SealedOtherwise) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends the listed sessions of an address; says which, and what kept others from being found or ended.
    async fn end_listed_of(&self, folded: &str, now: SystemTime) -> (Vec<SessionCard>, Result<(), SessionsError>) {
        let (mut ended, mut outcome, mut after) = (Vec::new(), Ok(()), None);
        loop {
            let (page, next) = match self.some_cards(after, now).await {
                Ok(page) => page,
                Err(error) => return (ended, outcome.and(Err(error))),
            };
            let is_theirs =
                |card: &SessionCard| card.email.as_deref().is_some_and(|email| self::folded(email) == folded);
            for card in page.into_iter().filter(is_theirs) {
                outcome = outcome.and(self.end_listed(&card, now).await.map(drop));
                ended.push(card);
            }
            match next {
                Some(next) => after = Some(next),
                None => return (ended, outcome),
            }
        }
    }

    /// Hears that people were blocked elsewhere.
    pub(super) async fn hear_of_blocks(&self, now: SystemTime) -> Result<(), StoreUnavailable> {
        let (ended, outcome) = self.end_blocked(now).await?;
        for session in &ended {
            told_of_its_end(session);
        }
        outcome
    }

    /// Whether a block is this process's own doing, at this moment.
    pub(super) fn is_telling(&self, key: &RecordKey) -> bool {
        self.blocks_told.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// Ends every session in memory whose person is blocked; says which, and whether the store could be told.
    async fn end_blocked(
        &self,
        now: SystemTime,
    ) -> Result<(Vec<Arc<LiveSession>>, Result<(), StoreUnavailable>), StoreUnavailable> {
        self.doubts.fetch_add(1, Ordering::AcqRel);
        let (mut ended, mut outcome) = (Vec::new(), Ok(()));
        let blocked = self.blocked(now).await?;
        let is_blocked = |session: &Arc<LiveSession>| {
            let known = session.known();
            let email = known.identity.email.for_display().map(|email| folded(email.as_str()));
            email.is_some_and(|email| blocked.binary_search_by(|person| person.email.as_str().cmp(&email)).is_ok())
        };
        if blocked.is_empty() {
            return Ok((ended, outcome));
        }
        // All of them here first: the store may take its time.
        let doomed: Vec<_> = self.registry.alive().into_iter().filter(is_blocked).collect();
        for session in &doomed {
            if self.registry.end_named(session.name(), session.expires_at()).is_some() {
                ended.push(Arc::clone(session));
            }
            self.end_here(session);
        }
        for session in &doomed {
            outcome = outcome.and(self.end(session).await);
        }
        Ok((ended, outcome))
    }
}

/// While a block is put in place: this process does not also hear of it from the store.
struct Telling<'a> {
    told: &'a Mutex<Vec<RecordKey>>,
    key: RecordKey,
}

impl<'a> Telling<'a> {
    fn begin(told: &'a Mutex<Vec<RecordKey>>, key: RecordKey) -> Self {
        told.lock().unwrap_or_else(PoisonError::into_inner).push(key);
        Self { told, key }
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = told.iter().position(|key| *key == self.key) {
            told.swap_remove(place);
        }
    }
}

fn folded(email: &str) -> String {
    email.to_lowercase()
}
