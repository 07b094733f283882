//! People who may not sign in any more, by their e-mail address, until they are let in again.
//!
//! Letters of either case are the same address, and an address nobody verified is blocked like any other: whoever is
//! blocked stays out by every spelling.

use std::sync::atomic::Ordering;
use std::time::SystemTime;

use doorward_identity::{Email, Identity};
use serde::{Deserialize, Serialize};

use super::Sessions;
use crate::record::plain_text;
use crate::{Expected, RecordKind, SessionsError, StoreUnavailable};

/// Somebody who may not sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedPerson {
    /// Their address, in small letters.
    pub email: String,
    /// Since when.
    pub since: SystemTime,
}

/// One group: there are few.
const GROUP: &str = "blocked";

impl Sessions {
    /// Blocks an address: nobody signs in with it, and every session of it ends. True when it was not blocked yet.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`] and what else keeps it from being written; sessions may then go on.
    pub async fn block(&self, email: &Email, now: SystemTime) -> Result<bool, SessionsError> {
        let folded = folded(email.as_str());
        let bytes = plain_text(&BlockedPerson { email: folded.clone(), since: now })?;
        let kind = RecordKind::Blocked;
        let put = self.vault.write(kind, GROUP, &folded, Expected::Absent, &bytes, None, now).await?;
        self.end_blocked(now).await?;
        for card in self.every_card(now).await? {
            if card.email.as_deref().is_some_and(|email| self::folded(email) == folded) {
                self.end_listed(&card, now).await?;
            }
        }
        Ok(matches!(put, crate::Put::Stored(_)))
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
    /// [`StoreUnavailable`] when that cannot be found out.
    pub async fn is_blocked(&self, identity: &Identity, now: SystemTime) -> Result<bool, StoreUnavailable> {
        let Some(email) = identity.email.for_display() else { return Ok(false) };
        let found = self.vault.read(RecordKind::Blocked, GROUP, &folded(email.as_str()), now).await;
        match found {
            Ok(found) => Ok(found.is_some()),
            // Something is there; what it says cannot be read.
            Err(SessionsError::SealedOtherwise) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends every session in memory whose person is blocked.
    pub(super) async fn end_blocked(&self, now: SystemTime) -> Result<(), StoreUnavailable> {
        self.blocks_heard.fetch_add(1, Ordering::AcqRel);
        let blocked = self.blocked(now).await?;
        if blocked.is_empty() {
            return Ok(());
        }
        let is_blocked = |email: &str| {
            let email = folded(email);
            blocked.binary_search_by(|person| person.email.as_str().cmp(&email)).is_ok()
        };
        self.end_live(|session| {
            let known = session.known();
            !known.identity.email.for_display().is_some_and(|email| is_blocked(email.as_str()))
        })
        .await
    }
}

fn folded(email: &str) -> String {
    email.to_lowercase()
}
