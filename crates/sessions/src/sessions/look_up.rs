//! Finding the session of a cookie, in memory or in the store.
//!
//! Refuses: what memory says when the store has been silent for too long, and a session that ends while it is on its
//! way from the store.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::Sessions;
use super::cache::{CacheKey, Seen};
use super::keeper::VERIFY_EVERY;
use crate::record::{GrantRecord, name_of};
use crate::registry::Found;
use crate::store::millis;
use crate::{LiveSession, RecordKind, StoreUnavailable, Ticket};

/// How often the store is asked about a ticket that was granted for other rights than its session now has: it may have
/// been replaced, and then it is not good for long.
const OUTDATED_READ_EVERY: Duration = Duration::from_secs(30);

impl Sessions {
    /// The session of a cookie, if this process has met the two together: one SHA-256 and one look-up, no lock
    /// around the whole table, no allocation. `None` means ask [`Self::find`].
    pub fn find_cached(&self, cookie_value: &str, audience: &str, now: SystemTime) -> Option<Arc<LiveSession>> {
        let seen = self.seen(&CacheKey::of(cookie_value, audience)?, now)?;
        seen.session.touch(now);
        Some(seen.session)
    }

    /// The session of a cookie. `Ok(None)` for a cookie that is malformed, unknown, another host's, expired or
    /// of a session that has ended or was idle for too long.
    ///
    /// # Errors
    /// [`StoreUnavailable`], which says nothing about the session.
    pub async fn find(
        &self,
        cookie_value: &str,
        audience: &str,
        now: SystemTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreUnavailable> {
        if let Some(session) = self.find_cached(cookie_value, audience, now) {
            return Ok(Some(session));
        }
        let Some((ticket, cache_key)) = Ticket::parse(cookie_value).zip(CacheKey::of(cookie_value, audience)) else {
            return Ok(None);
        };
        let place = self.place(RecordKind::Grant, &ticket, audience);
        let Some(stored) = self.store.get(&place.name, now).await? else {
            self.cache.note_nothing(cache_key);
            return Ok(None);
        };
        let Some(grant) = place.open::<GrantRecord>(&stored.sealed) else { return Ok(None) };
        let Some(session) = self.load(&grant, now).await? else { return Ok(None) };
        session.note_ticket(grant.rights);
        let seen = Seen {
            session: Arc::clone(&session),
            rights: grant.rights,
            read_at: millis(now),
            until: millis(stored.expires_at),
            replaced_at: grant.replaced_at.map_or(0, millis),
        };
        self.cache.insert(cache_key, seen);
        // It may have ended since it was loaded: whoever ends it marks it first and clears the cache then.
        if session.is_over(now) {
            self.cache.remove(&cache_key);
            return Ok(None);
        }
        session.touch(now);
        Ok(Some(session))
    }

    /// Whether a session may go on without asking the store now: the store answers, or has not been silent for longer
    /// than `session_store_grace`. What is held open for a session that nobody vouches for has to be closed.
    pub fn vouches_for(&self, session: &LiveSession, now: SystemTime) -> bool {
        self.health.cache_may_answer(self.limits.grace(), now) && !self.is_stale(session, now)
    }

    /// What is remembered of a ticket, while that may be relied on.
    pub(super) fn seen(&self, key: &CacheKey, now: SystemTime) -> Option<Seen> {
        let seen = self.cache.get(key)?;
        let session = &seen.session;
        let time = millis(now);
        let is_good = !session.is_over(now)
            && !session.seems_idle(now, Duration::ZERO)
            && time < seen.until
            && (seen.rights == session.rights() || time.abs_diff(seen.read_at) < duration_millis(OUTDATED_READ_EVERY))
            && self.vouches_for(session, now);
        is_good.then_some(seen)
    }

    /// Whether another process may have ended the session long ago, and no word of it has arrived, nor an answer.
    fn is_stale(&self, session: &LiveSession, now: SystemTime) -> bool {
        if !self.is_shared {
            return false;
        }
        let asked = session.verified_at.load(Ordering::Relaxed);
        // Also behind us: the clock may have been set back since.
        millis(now).abs_diff(asked) >= duration_millis(self.limits.grace().saturating_add(VERIFY_EVERY * 2))
    }

    /// The session a grant names, unless it is over.
    pub(crate) async fn load(
        &self,
        grant: &GrantRecord,
        now: SystemTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreUnavailable> {
        let session = match self.registry.find(&name_of(RecordKind::Session, grant.session.bytes())) {
            Found::Alive(session) => {
                if self.is_stale(&session, now) {
                    self.verify(&session, now).await?;
                }
                session
            }
            Found::Ended => return Ok(None),
            Found::Unknown => match self.load_unknown(grant, now).await? {
                Some(session) => session,
                None => return Ok(None),
            },
        };
        if session.is_over(now) || !self.is_in_use(&session, now).await? {
            return Ok(None);
        }
        Ok(Some(session))
    }

    async fn load_unknown(
        &self,
        grant: &GrantRecord,
        now: SystemTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreUnavailable> {
        let doubts = self.doubts.load(Ordering::Acquire);
        let Some(read) = self.read_session(grant, now).await? else { return Ok(None) };
        // Before it is admitted: from there on a look-up beside this one would return it.
        if self.is_refused(&read) || self.is_blocked(&read.known().identity, now).await? {
            self.end(&read).await?;
            return Ok(None);
        }
        let Some(session) = self.registry.admit(read) else { return Ok(None) };
        // And again: its account may have gone since, and `end_live` have passed before it was there.
        let mut refused = self.is_refused(&session);
        if self.doubts.load(Ordering::Acquire) != doubts {
            // Somebody was blocked meanwhile, or words were lost: what was read before may hold no more.
            refused = refused || self.is_blocked(&session.known().identity, now).await?;
            self.verify(&session, now).await?;
        }
        if refused {
            self.end(&session).await?;
            return Ok(None);
        }
        Ok(Some(session))
    }
}

pub(super) fn duration_millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
