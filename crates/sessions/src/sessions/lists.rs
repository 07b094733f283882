//! Finding sessions without their tickets: for the person, the provider and operators.

use std::time::SystemTime;

use doorward_identity::Subject;

use super::Sessions;
use super::records::Pointer;
use crate::card::{group_of, provider_group};
use crate::record::{SessionId, name_of};
use crate::registry::Found;
use crate::{Opened, RecordKind, SessionCard, SessionsError};

/// How many cards are read together.
const PAGE: usize = 256;

impl Sessions {
    /// The sessions of a person, the newest first.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`] and what else keeps them from being read.
    pub async fn of_person(&self, subject: &Subject, now: SystemTime) -> Result<Vec<SessionCard>, SessionsError> {
        let opened = self.vault.list(RecordKind::Card, &group_of(subject), now).await?;
        Ok(self.sorted(opened.iter().filter_map(card), now))
    }

    /// The sessions that a session of the provider's has led to.
    ///
    /// # Errors
    /// As [`Self::of_person`].
    pub async fn of_provider_session(
        &self,
        issuer: &str,
        sid: &str,
        now: SystemTime,
    ) -> Result<Vec<SessionCard>, SessionsError> {
        let opened = self.vault.list(RecordKind::ProviderSession, &provider_group(issuer, sid), now).await?;
        let pointers = opened.iter().filter_map(|opened| serde_json::from_slice::<Pointer>(&opened.bytes).ok());
        Ok(self.sorted(pointers.map(|pointer| pointer.card), now))
    }

    /// Every session, the newest first. Reads all of them: for operators.
    ///
    /// # Errors
    /// As [`Self::of_person`].
    pub async fn every_card(&self, now: SystemTime) -> Result<Vec<SessionCard>, SessionsError> {
        let (mut cards, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.some_cards(after, now).await?;
            cards.extend(page);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(self.sorted(cards, now)),
            }
        }
    }

    /// Some of the sessions, in no order that means anything, from the first behind `after`; give what comes back with
    /// them as the next `after`. None comes back at the end. For who looks through all of them and keeps few.
    ///
    /// # Errors
    /// As [`Self::of_person`].
    pub async fn some_cards(
        &self,
        after: Option<[u8; 32]>,
        now: SystemTime,
    ) -> Result<(Vec<SessionCard>, Option<[u8; 32]>), SessionsError> {
        let (page, next) = self.vault.page(RecordKind::Card, after, PAGE, now).await?;
        Ok((self.sorted(page.iter().filter_map(card), now), next))
    }

    /// How many sessions are in the memory of this process.
    pub fn live_count(&self) -> usize {
        self.registry.alive().len()
    }

    /// Ends a listed session, here and on every replica. True when it was still there.
    ///
    /// # Errors
    /// As [`Self::of_person`]; in this process it has ended all the same.
    pub async fn end_listed(&self, card: &SessionCard, now: SystemTime) -> Result<bool, SessionsError> {
        let Some(id) = SessionId::parse(&card.id) else { return Ok(false) };
        let name = name_of(RecordKind::Session, id.bytes());
        if let Some(session) = self.registry.end_named(&name, card.expires_at) {
            self.end_here(&session);
        }
        Ok(self.remove_records(&name, card, now).await?)
    }

    /// The cards as they are shown: with what this process knows better, without what it knows to be over.
    fn sorted(&self, cards: impl IntoIterator<Item = SessionCard>, now: SystemTime) -> Vec<SessionCard> {
        let mut cards: Vec<_> = cards
            .into_iter()
            .filter_map(|mut card| {
                let name = name_of(RecordKind::Session, SessionId::parse(&card.id)?.bytes());
                match self.registry.find(&name) {
                    Found::Alive(session) => card.last_seen_at = card.last_seen_at.max(session.last_seen_at()),
                    Found::Ended => return None,
                    Found::Unknown => {}
                }
                (now < card.expires_at).then_some(card)
            })
            .collect();
        cards.sort_by(|one, other| other.created_at.cmp(&one.created_at).then_with(|| one.id.cmp(&other.id)));
        cards
    }
}

fn card(opened: &Opened) -> Option<SessionCard> {
    serde_json::from_slice(&opened.bytes).ok()
}
