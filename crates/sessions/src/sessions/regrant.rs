//! A new ticket for the old one when a person's rights have changed.
//!
//! Whoever has had the old ticket in their hands before the change gains nothing by the change: the old one is worth
//! nothing a minute later. Refuses to take the old one away when the new one cannot be kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Sessions;
use super::cache::{CacheKey, Seen};
use super::look_up::duration_millis;
use crate::record::GrantRecord;
use crate::store::millis;
use crate::{Expected, LiveSession, Put, RecordKind, SessionsError, Ticket};

/// For how long a replaced ticket is good: requests under way still bring it.
const REPLACED_FOR: Duration = Duration::from_secs(60);
/// After how long a replaced ticket is replaced once more: the answer with the new one did not arrive, it seems.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

impl Sessions {
    /// Whether a page load that brought this cookie should be given a new one. Asks nobody: false for a cookie this
    /// process has not met.
    pub fn is_outdated(&self, session: &LiveSession, cookie_value: &str, audience: &str, now: SystemTime) -> bool {
        let seen = CacheKey::of(cookie_value, audience).and_then(|key| self.seen(&key, now));
        seen.is_some_and(|seen| {
            let replaced =
                seen.replaced_at != 0 && millis(now).abs_diff(seen.replaced_at) < duration_millis(AGAIN_AFTER);
            std::ptr::eq(session, &raw const *seen.session) && seen.rights != session.rights() && !replaced
        })
    }

    /// Grants a new ticket in the place of one that was granted for other rights than the session now has. The old one
    /// is good for a minute more. None when there is nothing to do, or somebody else is doing it.
    ///
    /// # Errors
    /// As [`Self::grant`]; the old ticket then stays as good as it was.
    pub async fn regrant(
        &self,
        session: &Arc<LiveSession>,
        cookie_value: &str,
        audience: &str,
        now: SystemTime,
    ) -> Result<Option<Ticket>, SessionsError> {
        let Some((old, cache_key)) = Ticket::parse(cookie_value).zip(CacheKey::of(cookie_value, audience)) else {
            return Ok(None);
        };
        let place = self.place(RecordKind::Grant, &old, audience);
        let Some(stored) = self.store.get(&place.name, now).await? else { return Ok(None) };
        let Some(grant) = place.open::<GrantRecord>(&stored.sealed) else { return Ok(None) };
        if grant.session != session.session_id() || grant.rights == session.rights() {
            return Ok(None);
        }
        let seen = |replaced_at: SystemTime, until: SystemTime| Seen {
            session: Arc::clone(session),
            rights: grant.rights,
            read_at: millis(now),
            until: millis(until),
            replaced_at: millis(replaced_at),
        };
        if let Some(at) = grant.replaced_at.filter(|at| now.duration_since(*at).is_ok_and(|since| since < AGAIN_AFTER))
        {
            self.cache.insert(cache_key, seen(at, stored.expires_at));
            return Ok(None);
        }
        let ticket = self.grant(session, audience, now).await?;
        let until = now.checked_add(REPLACED_FOR).unwrap_or(now).min(stored.expires_at);
        let sealed = place.seal(&GrantRecord {
            session: grant.session,
            data_key: grant.data_key.clone(),
            rights: grant.rights,
            replaced_at: Some(now),
        })?;
        match self.store.put(&place.name, Expected::Version(stored.version), &sealed, until, now).await {
            Ok(Put::Stored(_)) => {
                self.cache.insert(cache_key, seen(now, until));
                if session.is_over(now) {
                    self.cache.remove(&cache_key);
                    return Ok(None);
                }
                Ok(Some(ticket))
            }
            outcome => {
                // Nobody has the new ticket, so it harms nobody where it cannot be removed.
                let _ = self.store.remove(&self.place(RecordKind::Grant, &ticket, audience).name).await;
                outcome?;
                Ok(None)
            }
        }
    }
}
