//! Whose request it is, when it may bring several cookies of our name.
//!
//! Where hosts share a cookie by `cookie_domain`, an application on one of them can put more cookies of our name beside
//! the real one. Browsers send those with longer paths first, so the real one, whose path is `/`, comes last. Refuses
//! to choose between two people, to believe a cookie before it is known what stands behind it, and to ask the store
//! more than a few times for one request.

use std::sync::Arc;
use std::time::SystemTime;

use super::Sessions;
use super::cache::CacheKey;
use crate::{LiveSession, StoreUnavailable};

/// How many cookies of our name are looked at, the last ones.
pub const MOST_TICKETS: usize = 32;
/// About how many of them the store is asked for one request.
const MOST_READS: usize = 4;

/// Whose request it is.
#[derive(Debug, Clone)]
pub enum Recognised {
    /// This session's.
    Somebody(Arc<LiveSession>),
    /// No ticket of it is good.
    Nobody,
    /// It brings good tickets of several people: one of them may have been planted, and nobody can say which.
    SeveralPeople,
}

impl Recognised {
    /// With one more session that stands before those looked at so far.
    fn and(self, session: Arc<LiveSession>) -> Self {
        match self {
            Self::Nobody => Self::Somebody(session),
            Self::Somebody(present) if Arc::ptr_eq(&present, &session) => Self::Somebody(present),
            Self::Somebody(present) if present.known().identity.subject == session.known().identity.subject => {
                // Of one person the sign-in that came last.
                let newer = if session.created_at() > present.created_at() { session } else { present };
                Self::Somebody(newer)
            }
            Self::Somebody(_) | Self::SeveralPeople => Self::SeveralPeople,
        }
    }
}

impl Sessions {
    /// Whose request it is by these cookie values, in the order they came in, if that can be said without the store.
    /// `None` means ask [`Self::recognise`]. A session that `admits` says no to has to be asked about.
    pub fn recognise_cached(
        &self,
        values: &[&str],
        audience: &str,
        now: SystemTime,
        admits: impl Fn(&LiveSession) -> bool,
    ) -> Option<Recognised> {
        let mut recognised = Recognised::Nobody;
        for value in values.iter().rev().take(MOST_TICKETS) {
            let Some(key) = CacheKey::of(value, audience) else { continue };
            match self.seen(&key, now) {
                Some(seen) if admits(&seen.session) => recognised = recognised.and(seen.session),
                None if self.cache.is_nothing(&key) => {}
                Some(_) | None => return None,
            }
        }
        if let Recognised::Somebody(session) = &recognised {
            session.touch(now);
        }
        Some(recognised)
    }

    /// Whose request it is by these cookie values, in the order they came in. Sessions that `admits` says no to are
    /// ended and count for nothing.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when that cannot be said; never "nobody".
    pub async fn recognise(
        &self,
        values: &[&str],
        audience: &str,
        now: SystemTime,
        admits: impl Fn(&LiveSession) -> bool,
    ) -> Result<Recognised, StoreUnavailable> {
        let mut recognised = Recognised::Nobody;
        let (mut reads, mut unavailable) = (0, None);
        // Whether something stands behind the one looked at of which nothing is known.
        let mut in_the_dark = false;
        for value in values.iter().rev().take(MOST_TICKETS) {
            let Some(key) = CacheKey::of(value, audience) else { continue };
            let session = match self.seen(&key, now) {
                Some(seen) => Some(seen.session),
                None if self.cache.is_nothing(&key) => None,
                None if reads == MOST_READS => {
                    in_the_dark |= matches!(recognised, Recognised::Nobody);
                    continue;
                }
                None => {
                    reads += 1;
                    match self.find(value, audience, now).await {
                        Ok(found) => found,
                        Err(error) => {
                            in_the_dark |= matches!(recognised, Recognised::Nobody);
                            unavailable.get_or_insert(error);
                            continue;
                        }
                    }
                }
            };
            let Some(session) = session else { continue };
            if !admits(&session) {
                self.end(&session).await?;
                continue;
            }
            recognised = recognised.and(session);
        }
        if let Some(error) = unavailable.filter(|_| in_the_dark) {
            return Err(error);
        }
        if in_the_dark {
            // The next request knows more: what is nothing is remembered.
            return Ok(Recognised::Nobody);
        }
        if let Recognised::Somebody(session) = &recognised {
            session.touch(now);
        }
        Ok(recognised)
    }
}
