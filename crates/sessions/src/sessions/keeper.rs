//! What has to be done for sessions now and then: telling the store of activity, ending what is idle, asking whether
//! what is remembered still holds, making good what could not be done before, and sweeping what has expired.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use super::Sessions;
use super::look_up::duration_millis;
use crate::card::group_of;
use crate::store::millis;
use crate::{Expected, LiveSession, Put, SessionCard, SessionsError, StoreUnavailable, Version};

/// How often sessions are looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often expired records are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// How often the store is asked about a session in use, in case a word of its end was lost.
pub(super) const VERIFY_EVERY: Duration = Duration::from_secs(30);
/// How many sessions are looked after at once.
const AT_ONCE: usize = 16;
/// How much later than it promises a replica may tell of activity.
const LATE: Duration = Duration::from_secs(5);

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

    /// Tells the store of the ends and the activity it has not heard of, ends what is idle, and asks about what has not
    /// been asked for a while. What cannot be done now is done at one of the next calls.
    pub async fn look_after(&self, now: SystemTime) {
        self.forget_lost_secrets();
        if self.is_shared || self.store_failing_since().is_some() {
            self.probe(now).await;
        }
        // Against a store that is down every single call may take its time.
        if self.is_silent() {
            return;
        }
        self.tell_ends(now).await;
        self.reseal(now).await;
        if self.to_verify_all.swap(false, Ordering::AcqRel) && self.verify_all(now).await.is_err() {
            self.to_verify_all.store(true, Ordering::Release);
        }
        let due = self.registry.alive().into_iter().filter(|session| self.is_due(session, now));
        stream::iter(due).for_each_concurrent(AT_ONCE, |session| self.look_after_one(session, now)).await;
    }

    fn is_silent(&self) -> bool {
        self.is_shared && self.store_failing_since().is_some()
    }

    /// After a secret has left the ring every ticket is read again: those it sealed are worth nothing.
    fn forget_lost_secrets(&self) {
        let losses = self.secrets.now().losses();
        if self.losses_seen.swap(losses, Ordering::Relaxed) != losses {
            self.cache.clear();
        }
    }

    /// Once for each change of the ring, seals with the newest secret what has to outlive the older ones.
    async fn reseal(&self, now: SystemTime) {
        let secrets = self.secrets.now();
        let change = secrets.changes() + 1;
        if self.resealed_up_to.load(Ordering::Relaxed) == change {
            return;
        }
        if secrets.has_older() {
            match self.vault.reseal(now).await {
                Ok(0) => {}
                Ok(records) => tracing::info!(records, "records of the server were sealed with the newest secret"),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, "records of the server cannot be sealed with the newest secret yet");
                    return;
                }
            }
        }
        self.resealed_up_to.store(change, Ordering::Relaxed);
    }

    /// Whether the session is still in use somewhere; one that is idle everywhere is ended.
    pub(super) async fn is_in_use(&self, session: &LiveSession, now: SystemTime) -> Result<bool, StoreUnavailable> {
        if !session.seems_idle(now, Duration::ZERO) {
            return Ok(true);
        }
        let known = session.known();
        let card = self.read_card(&group_of(&known.identity.subject), session.id(), now).await?;
        // What the store says of the last activity may be as late as it is told: by another replica, or by this one
        // before it was started anew.
        let is_late = self.is_shared || session.is_only_told();
        let slack = if is_late { self.limits.told_every().saturating_add(LATE) } else { Duration::ZERO };
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
        self.is_shared && millis(now).abs_diff(asked) >= duration_millis(VERIFY_EVERY)
    }

    async fn look_after_one(&self, session: Arc<LiveSession>, now: SystemTime) {
        if self.is_silent() {
            return;
        }
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
                // A session without its card is over: somebody has begun to end it.
                None => self.end(session).await?,
            },
        }
        Ok(())
    }

    /// Finds out whether the store is there, and still the one it was.
    async fn probe(&self, now: SystemTime) {
        match self.vault.keep_naming(now).await {
            // That it does not answer is noted with every call.
            Ok(()) | Err(SessionsError::StoreUnavailable(_)) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the session store is not what it was");
            }
        }
    }
}
