//! What has to be done for sessions now and then: telling the store of activity, ending what is idle, asking whether
//! what is remembered still holds, and sweeping what has expired.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::Sessions;
use crate::card::group_of;
use crate::store::millis;
use crate::{Expected, LiveSession, Put, SessionCard, StoreUnavailable, Version};

/// How often sessions are looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often expired records are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often the store is asked about a session in use, in case a word of its end was lost.
const VERIFY_EVERY: Duration = Duration::from_secs(30);
/// How many sessions are looked after at once.
const AT_ONCE: usize = 16;

impl Sessions {
    /// Looks after the sessions once a second, and sweeps once a minute, until `stop`.
    pub async fn run_keeper(&self, clock: fn() -> SystemTime, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut swept = None;
        while stop.run_until_cancelled(look.tick()).await.is_some() {
            let now = clock();
            self.look_after(now).await;
            if swept.is_none_or(|then| now.duration_since(then).is_ok_and(|since| since >= SWEEP_EVERY)) {
                swept = Some(now);
                match self.sweep(now).await {
                    Ok(0) => {}
                    Ok(swept) => tracing::debug!(swept, "expired session records removed"),
                    Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "sweeping sessions failed"),
                }
            }
        }
    }

    /// Removes what has expired, in memory and in the store; says how many records that were.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn sweep(&self, now: SystemTime) -> Result<usize, StoreUnavailable> {
        self.registry.sweep(now);
        self.store.sweep(now).await
    }

    /// Ends what is idle, tells the store of activity, and asks it about what has not been asked for a while.
    pub async fn look_after(&self, now: SystemTime) {
        let due = self.registry.alive().into_iter().filter(|session| self.is_due(session, now));
        stream::iter(due).for_each_concurrent(AT_ONCE, |session| self.look_after_one(session, now)).await;
        if self.store.is_shared() || self.store_failing_since().is_some() {
            self.probe(now).await;
        }
    }

    /// Whether the session is still in use somewhere; one that is idle everywhere is ended.
    pub(super) async fn is_in_use(&self, session: &LiveSession, now: SystemTime) -> Result<bool, StoreUnavailable> {
        if !session.seems_idle(now, Duration::ZERO) {
            return Ok(true);
        }
        let known = session.known();
        let card = self.read_card(&group_of(&known.identity.subject), session.id(), now).await?;
        let slack = if self.store.is_shared() { self.limits.told_every() } else { Duration::ZERO };
        if let Some((card, version)) = card {
            session.seen_elsewhere(card.last_seen_at);
            session.card_version.fetch_max(version.0, Ordering::AcqRel);
            // Another replica may know of something later that it has not told yet.
            if !session.seems_idle(now, slack) {
                return Ok(true);
            }
        }
        tracing::info!(session = session.id(), "a session was idle for too long");
        self.end(session).await?;
        Ok(false)
    }

    fn is_due(&self, session: &LiveSession, now: SystemTime) -> bool {
        !session.is_over(now)
            && (session.seems_idle(now, Duration::ZERO) || self.has_news(session) || self.is_unverified(session, now))
    }

    /// Whether the store should hear of activity.
    fn has_news(&self, session: &LiveSession) -> bool {
        let told = session.seen_in_store.load(Ordering::Relaxed);
        millis(session.last_seen_at()).saturating_sub(told) >= duration_millis(self.limits.told_every())
    }

    /// Whether a session that is in use has not been asked about for long.
    fn is_unverified(&self, session: &LiveSession, now: SystemTime) -> bool {
        let asked = session.verified_at.load(Ordering::Relaxed);
        self.store.is_shared() && millis(now).saturating_sub(asked) >= duration_millis(VERIFY_EVERY)
    }

    async fn look_after_one(&self, session: Arc<LiveSession>, now: SystemTime) {
        let outcome = async {
            if self.has_news(&session) {
                self.tell_activity(&session, now).await?;
            }
            if self.is_unverified(&session, now) {
                self.verify(&session, now).await?;
            }
            self.is_in_use(&session, now).await.map(drop)
        };
        if let Err(error) = outcome.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the session store cannot be told of activity");
        }
    }

    async fn tell_activity(&self, session: &LiveSession, now: SystemTime) -> Result<(), StoreUnavailable> {
        let card = SessionCard::of(session);
        let expected = Expected::Version(Version(session.card_version.load(Ordering::Acquire)));
        match self.put_card(&card, expected, now).await? {
            Put::Stored(version) => {
                session.card_version.fetch_max(version.0, Ordering::AcqRel);
                session.seen_in_store.fetch_max(millis(card.last_seen_at), Ordering::Relaxed);
            }
            // Told by another replica, or over: the next look knows the version, and whether it is in use.
            Put::Conflict => match self.read_card(&group_of(&card.subject), &card.id, now).await? {
                Some((other, version)) => {
                    session.seen_elsewhere(other.last_seen_at);
                    session.card_version.fetch_max(version.0, Ordering::AcqRel);
                }
                None => self.verify(session, now).await?,
            },
        }
        Ok(())
    }

    /// Finds out whether the store is there.
    async fn probe(&self, now: SystemTime) {
        // Any name does; nothing has this one.
        let nothing = crate::RecordKey { kind: crate::RecordKind::Server, id: [0; 32] };
        let _noted = self.store.get(&nothing, now).await;
    }
}

fn duration_millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
