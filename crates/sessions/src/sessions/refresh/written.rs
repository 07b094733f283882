//! Writing down what a refresh has heard, before anybody uses it.
//!
//! Refuses: to bring back a session that ended meanwhile, and to forget a new refresh token because the store is down.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::{Heard, Refreshed, Renewed, unavailable};
use crate::card::group_of;
use crate::lease::{Clock, Lease};
use crate::record::SessionRecord;
use crate::sessions::Sessions;
use crate::{Expected, Known, LiveSession, Put, SessionCard, SessionsError, Tokens, Version};

/// How long after a failure writing is tried again, at first and at most.
const SAVE_AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// Why a session ends whose person has got an address that is blocked.
const NOW_BLOCKED: &str = "the person's new address is blocked";
/// How often a write is tried against others'.
const TRIES: usize = 8;

/// What became of a write.
enum Wrote {
    Stored(Version),
    /// Somebody knew more, and that is known here now.
    Adopted,
    /// The session is no more.
    Gone,
}

impl Sessions {
    /// Does what was heard asks for.
    pub(super) async fn take_in(
        self: &Arc<Self>,
        session: &Arc<LiveSession>,
        clock: &Clock,
        before: &Known,
        heard: Heard,
        lease: Option<Lease>,
    ) -> Refreshed {
        let (known, outcome) = match heard {
            Heard::Ended(reason) => return self.end_because(session, reason, lease).await,
            Heard::Unavailable { reason, refresh_token: None } => {
                release(lease).await;
                return unavailable(reason);
            }
            Heard::Unavailable { reason, refresh_token: Some(token) } => {
                let tokens = Tokens { refresh_token: Some(token), ..before.tokens.clone() };
                (Known { tokens, ..before.clone() }, unavailable(reason))
            }
            Heard::Renewed(renewed) if renewed.identity.subject != before.identity.subject => {
                let reason = "the provider's answer is about somebody else".to_owned();
                return self.end_because(session, reason, lease).await;
            }
            Heard::Renewed(renewed) => (learnt(before, *renewed, clock()), Refreshed::Renewed),
        };
        // Before it is written, and again behind it: whoever blocks somebody does it the other way round.
        let is_renamed = known.identity.email != before.identity.email;
        if is_renamed && self.is_found_blocked(&known, clock()).await {
            return self.end_because(session, NOW_BLOCKED.to_owned(), lease).await;
        }
        match self.write_known(session, &known, clock()).await {
            Ok(Wrote::Stored(version)) => {
                self.take_over(session, session.record(known), version);
                self.update_card(session, before, clock()).await;
                if is_renamed && self.is_found_blocked(&session.known(), clock()).await {
                    return self.end_because(session, NOW_BLOCKED.to_owned(), lease).await;
                }
            }
            Ok(Wrote::Adopted) => {}
            Ok(Wrote::Gone) => {
                self.end_here(session);
                release(lease).await;
                return Refreshed::Over;
            }
            Err(SessionsError::StoreUnavailable(error)) => {
                tracing::warn!(
                    session = session.id(),
                    error = &error as &dyn std::error::Error,
                    "the session store does not take what the identity provider has said; it is kept in memory"
                );
                session.learn_unsaved(known);
                self.tell_news(session);
                self.save_later(session, clock, lease);
                return outcome;
            }
            // It cannot be kept, and the tokens of before may be worth nothing.
            Err(error) => return self.end_because(session, error.to_string(), lease).await,
        }
        release(lease).await;
        outcome
    }

    /// Whether a person is known to be blocked. Where the store does not say, everybody is asked about as soon as it does.
    async fn is_found_blocked(&self, known: &Known, now: SystemTime) -> bool {
        self.is_blocked(&known.identity, now).await.unwrap_or_else(|_| {
            self.to_verify_all.store(true, Ordering::Release);
            false
        })
    }

    async fn end_because(&self, session: &LiveSession, reason: String, lease: Option<Lease>) -> Refreshed {
        if let Err(error) = self.end(session).await {
            tracing::error!(
                session = session.id(),
                error = &error as &dyn std::error::Error,
                "a session was ended here, but the store could not be told"
            );
        }
        release(lease).await;
        Refreshed::Ended(reason)
    }

    async fn write_known(&self, session: &LiveSession, known: &Known, now: SystemTime) -> Result<Wrote, SessionsError> {
        let place = self.session_place(session.session_id(), session.data_key());
        let sealed = place.seal(&session.record(known.clone()))?;
        for _ in 0..TRIES {
            let expected = Expected::Version(Version(session.version.load(Ordering::Acquire)));
            if let Put::Stored(version) =
                self.store.put(&place.name, expected, &sealed, session.expires_at(), now).await?
            {
                return Ok(Wrote::Stored(version));
            }
            match self.read::<SessionRecord>(&place, now).await? {
                None => return Ok(Wrote::Gone),
                Some((record, version)) if record.known.revision >= known.revision => {
                    self.take_over(session, record, version);
                    return Ok(Wrote::Adopted);
                }
                // Written anew without hearing more.
                Some((_, version)) => {
                    session.version.fetch_max(version.0, Ordering::AcqRel);
                }
            }
        }
        Err(SessionsError::StoreUnavailable(crate::StoreUnavailable::new("the record is written all the time")))
    }

    /// Writes what is known as soon as the store takes it. The lease is kept till then: who had it would use the refresh
    /// token that is spent.
    fn save_later(self: &Arc<Self>, session: &Arc<LiveSession>, clock: &Clock, lease: Option<Lease>) {
        if session.refreshing.unsaved.swap(true, Ordering::AcqRel) {
            return;
        }
        let (sessions, session, clock) = (Arc::clone(self), Arc::clone(session), Arc::clone(clock));
        tokio::spawn(async move {
            let (mut pause, longest) = SAVE_AGAIN;
            while !session.is_over(clock()) {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
                let known = session.known();
                match sessions.write_known(&session, &known, clock()).await {
                    Ok(Wrote::Stored(version)) => {
                        session.version.fetch_max(version.0, Ordering::AcqRel);
                        sessions.update_card(&session, &known, clock()).await;
                        break;
                    }
                    Ok(Wrote::Adopted) => break,
                    Ok(Wrote::Gone) => sessions.end_here(&session),
                    Err(SessionsError::StoreUnavailable(_)) => {}
                    Err(error) => {
                        tracing::error!(error = &error as &dyn std::error::Error, "a session cannot be kept");
                        let _ = sessions.end(&session).await;
                    }
                }
            }
            session.refreshing.unsaved.store(false, Ordering::Release);
            release(lease).await;
        });
    }

    /// Writes the card anew where it says something else now.
    async fn update_card(&self, session: &LiveSession, before: &Known, now: SystemTime) {
        let known = session.known();
        let unsaved = session.refreshing.unsaved.load(Ordering::Acquire);
        if !unsaved
            && known.identity.email == before.identity.email
            && known.identity.label() == before.identity.label()
        {
            return;
        }
        let card = SessionCard::of(session);
        for _ in 0..TRIES {
            let expected = Expected::Version(Version(session.card_version.load(Ordering::Acquire)));
            let version = match self.put_card(&card, expected, now).await {
                Ok(Put::Stored(version)) => {
                    session.card_version.fetch_max(version.0, Ordering::AcqRel);
                    return;
                }
                Ok(Put::Conflict) => self.read_card(&group_of(&card.subject), &card.id, now).await,
                Err(error) => Err(error),
            };
            match version {
                Ok(Some((_, version))) => {
                    session.card_version.fetch_max(version.0, Ordering::AcqRel);
                }
                // It is over, or the keeper will write the card with the next activity.
                Ok(None) | Err(_) => return,
            }
        }
    }
}

fn learnt(before: &Known, renewed: Renewed, now: SystemTime) -> Known {
    let Renewed { identity, tokens, tokens_expire_at } = renewed;
    Known {
        identity,
        tokens: Tokens {
            id_token: tokens.id_token.or_else(|| before.tokens.id_token.clone()),
            access_token: tokens.access_token.or_else(|| before.tokens.access_token.clone()),
            refresh_token: tokens.refresh_token.or_else(|| before.tokens.refresh_token.clone()),
        },
        revision: before.revision.saturating_add(1),
        refreshed_at: now,
        tokens_expire_at,
    }
}

async fn release(lease: Option<Lease>) {
    if let Some(lease) = lease {
        // It expires by itself.
        let _ = lease.release().await;
    }
}
