//! Where a session stands with being refreshed, in this process.
//!
//! Refuses: two refreshes of one session at once, and asking a provider that is down again and again.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::store::{millis, time_of};

/// How long nothing is asked after the first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The turns at refreshing one session.
#[derive(Default)]
pub(crate) struct Refreshing {
    /// Held by whoever asks. The lease is for the other replicas.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// How many turns have ended.
    turns: AtomicU64,
    /// How many of the last ones failed, one after the other.
    failures: AtomicU32,
    /// Whether the outage that lasts has been reported.
    reported: AtomicBool,
    /// Milliseconds since 1970: nothing is asked before.
    not_before: AtomicU64,
    /// Whether something is known here that the store has not taken yet.
    pub(crate) unsaved: AtomicBool,
}

impl Refreshing {
    /// How many turns have ended.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Acquire)
    }

    /// Until when nothing is asked.
    pub(crate) fn rests_until(&self) -> Option<SystemTime> {
        Some(self.not_before.load(Ordering::Relaxed)).filter(|until| *until > 0).map(time_of)
    }

    /// A turn brought something.
    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.not_before.store(0, Ordering::Relaxed);
        self.reported.store(false, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether an outage is to be reported: once.
    pub(crate) fn is_news(&self) -> bool {
        !self.reported.swap(true, Ordering::Relaxed)
    }

    /// A turn failed. `chance` spreads the next tries of many sessions.
    pub(crate) fn failed(&self, now: SystemTime, chance: u8) {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        let until = now.checked_add(pause(before, chance)).unwrap_or(now);
        self.not_before.store(millis(until).max(1), Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::AcqRel);
    }
}

/// How long to wait after this many failures before the last one: five seconds, twice as long each time, at most five
/// minutes; between three quarters of it and the whole, as chance has it.
fn pause(failures: u32, chance: u8) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    whole.saturating_sub(whole / 4 * u32::from(chance) / 255)
}

impl fmt::Debug for Refreshing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refreshing").field("failures", &self.failures).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_five_seconds_to_five_minutes() {
        let whole: Vec<_> = (0..8).map(|failures| pause(failures, 0).as_secs()).collect();
        assert_eq!(whole, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(pause(u32::MAX, 0), LONGEST_PAUSE);
        for failures in 0..8 {
            for chance in [0, 1, 127, 254, 255] {
                let (pause, whole) = (pause(failures, chance), pause(failures, 0));
                assert!(pause <= whole && pause >= whole * 3 / 4, "{failures} {chance}: {pause:?}");
            }
        }
    }

    #[test]
    fn an_outage_is_reported_once_and_backed_off_from_until_it_is_over() {
        let (refreshing, now) = (Refreshing::default(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        assert_eq!(refreshing.rests_until(), None);
        refreshing.failed(now, 0);
        assert_eq!(refreshing.rests_until(), Some(now + FIRST_PAUSE));
        assert!(refreshing.is_news());
        refreshing.failed(now, 0);
        assert_eq!(refreshing.rests_until(), Some(now + FIRST_PAUSE * 2));
        assert!(!refreshing.is_news());
        refreshing.succeeded();
        assert_eq!(refreshing.rests_until(), None);
        refreshing.failed(now, 0);
        assert!(refreshing.is_news(), "another outage");
        assert_eq!((refreshing.rests_until(), refreshing.turns()), (Some(now + FIRST_PAUSE), 4));
    }
}
