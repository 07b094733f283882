//! A session's records in the store: the session itself, its card, and what finds it by the provider's session.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::Sessions;
use crate::card::{group_of, provider_group};
use crate::live::Standing;
use crate::record::{GrantRecord, Place, SessionId, SessionRecord, plain_text};
use crate::{
    Expected, LiveSession, Put, RecordKind, Secret32, SessionCard, SessionsError, StoreUnavailable, Ticket, Version,
};

/// What a session of the provider's has led to: the card to be found.
#[derive(Serialize, Deserialize)]
pub(super) struct Pointer {
    pub(super) card: SessionCard,
}

impl Sessions {
    /// The record at `place`, if there is one and it is authentic.
    pub(crate) async fn read<T: serde::de::DeserializeOwned>(
        &self,
        place: &Place,
        now: SystemTime,
    ) -> Result<Option<(T, Version)>, StoreUnavailable> {
        let Some(stored) = self.store.get(&place.name, now).await? else { return Ok(None) };
        Ok(place.open(&stored.sealed).map(|record| (record, stored.version)))
    }

    /// Writes a record under a name nobody has.
    pub(crate) async fn insert(
        &self,
        place: &Place,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> Result<Version, SessionsError> {
        match self.store.put(&place.name, Expected::Absent, sealed, expires_at, now).await? {
            Put::Stored(version) => Ok(version),
            // The names are random: two alike mean that the randomness is none.
            Put::Conflict => Err(SessionsError::Cryptography),
        }
    }

    /// Where the record that a ticket or code opens is kept.
    pub(crate) fn place(&self, kind: RecordKind, ticket: &Ticket, audience: &str) -> Place {
        Place::new(kind, ticket.id(), ticket.key(), self.secrets.now(), audience)
    }

    pub(super) fn session_place(&self, id: SessionId, data_key: &Secret32) -> Place {
        Place::new(RecordKind::Session, id.bytes(), data_key, self.secrets.now(), "")
    }

    /// The session of a grant as the store has it; none without its card.
    pub(super) async fn read_session(
        &self,
        grant: &GrantRecord,
        now: SystemTime,
    ) -> Result<Option<LiveSession>, StoreUnavailable> {
        let place = self.session_place(grant.session, &grant.data_key);
        let Some(stored) = self.store.get(&place.name, now).await? else { return Ok(None) };
        let Some(record) = place.open::<SessionRecord>(&stored.sealed) else { return Ok(None) };
        let group = group_of(&record.known.identity.subject);
        let (card, card_version) = match self.read_card(&group, &grant.session.to_text(), now).await {
            Ok(Some(found)) => found,
            // A card that none of the secrets opens is as good as none: the secret that sealed it has left the ring.
            Ok(None) | Err(SessionsError::SealedOtherwise) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let standing = Standing {
            last_seen: card.last_seen_at,
            seen_here: false,
            verified_at: now,
            version: stored.version,
            card_version,
            size: stored.sealed.len(),
        };
        let limits = Arc::clone(&self.limits);
        Ok(Some(LiveSession::new(grant.session, grant.data_key.clone(), record, &standing, limits)))
    }

    pub(super) async fn read_card(
        &self,
        group: &str,
        id: &str,
        now: SystemTime,
    ) -> Result<Option<(SessionCard, Version)>, SessionsError> {
        let Some(opened) = self.vault.read(RecordKind::Card, group, id, now).await? else { return Ok(None) };
        let card = serde_json::from_slice(&opened.bytes).map_err(|_| SessionsError::SealedOtherwise)?;
        Ok(Some((card, opened.version)))
    }

    /// Writes the card of a session that begins, and what finds it by the provider's session.
    pub(super) async fn insert_card(&self, session: &LiveSession, now: SystemTime) -> Result<(), SessionsError> {
        let card = SessionCard::of(session);
        let Put::Stored(version) = self.put_card(&card, Expected::Absent, now).await? else {
            return Err(SessionsError::Cryptography);
        };
        session.card_version.store(version.0, Ordering::Release);
        if let Some(sid) = card.provider_session.clone() {
            let (group, id, until) = (provider_group(&card.subject.issuer, &sid), card.id.clone(), card.expires_at);
            let pointer = plain_text(&Pointer { card })?;
            let kind = RecordKind::ProviderSession;
            self.vault.write(kind, &group, &id, Expected::Absent, &pointer, Some(until), now).await?;
        }
        Ok(())
    }

    /// Writes a card. It ends by itself when the session does, or would of idleness.
    pub(super) async fn put_card(
        &self,
        card: &SessionCard,
        expected: Expected,
        now: SystemTime,
    ) -> Result<Put, SessionsError> {
        let group = group_of(&card.subject);
        let until = self.limits.idle().map_or(card.expires_at, |idle| {
            // Others may know of later activity for this long before they tell.
            let slack = self.limits.told_every() * 2 + Duration::from_secs(60);
            card.last_seen_at.checked_add(idle.saturating_add(slack)).unwrap_or(card.expires_at).min(card.expires_at)
        });
        let bytes = plain_text(card)?;
        self.vault.write(RecordKind::Card, &group, &card.id, expected, &bytes, Some(until), now).await
    }

    /// Takes a session's card away, and what finds it by the provider's session.
    pub(super) async fn remove_card(&self, card: &SessionCard, now: SystemTime) -> Result<(), SessionsError> {
        self.vault.remove(RecordKind::Card, &group_of(&card.subject), &card.id, now).await?;
        if let Some(sid) = &card.provider_session {
            let group = provider_group(&card.subject.issuer, sid);
            self.vault.remove(RecordKind::ProviderSession, &group, &card.id, now).await?;
        }
        Ok(())
    }
}
