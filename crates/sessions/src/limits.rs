//! How long sessions last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest a session may be asked to last: as long as browsers keep a cookie at most (RFC 6265bis §5.5).
const LONGEST_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// How long sessions already known go on after the store first failed, unless told otherwise.
const GRACE: Duration = Duration::from_secs(5 * 60);
/// No idleness is too long.
const NEVER: u64 = 0;

/// How long sessions last, and go on without their store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From sign-in to the end, whatever happens between; at most 400 days.
    pub lifetime: Duration,
    /// From the last thing done to the end; None for never.
    pub idle: Option<Duration>,
    /// How long those already known go on after the store first failed.
    pub grace: Duration,
}

impl From<Duration> for Limits {
    /// Only a lifetime.
    fn from(lifetime: Duration) -> Self {
        Self { lifetime, idle: None, grace: GRACE }
    }
}

/// The limits as every session looks at them; a reload changes them for all. In milliseconds.
#[derive(Debug)]
pub(crate) struct SharedLimits {
    lifetime: AtomicU64,
    idle: AtomicU64,
    grace: AtomicU64,
}

impl SharedLimits {
    pub(crate) fn new(limits: Limits) -> Self {
        let shared = Self { lifetime: AtomicU64::new(0), idle: AtomicU64::new(NEVER), grace: AtomicU64::new(0) };
        shared.set(limits);
        shared
    }

    pub(crate) fn set(&self, limits: Limits) {
        self.lifetime.store(millis(limits.lifetime.min(LONGEST_LIFETIME)), Ordering::Relaxed);
        self.idle.store(limits.idle.map_or(NEVER, |idle| millis(idle).max(1)), Ordering::Relaxed);
        self.grace.store(millis(limits.grace), Ordering::Relaxed);
    }

    pub(crate) fn lifetime(&self) -> Duration {
        Duration::from_millis(self.lifetime.load(Ordering::Relaxed))
    }

    pub(crate) fn idle(&self) -> Option<Duration> {
        Some(self.idle.load(Ordering::Relaxed)).filter(|idle| *idle != NEVER).map(Duration::from_millis)
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace.load(Ordering::Relaxed))
    }

    /// How long a replica keeps to itself that something was done in a session.
    pub(crate) fn told_every(&self) -> Duration {
        const SELDOM: Duration = Duration::from_secs(5 * 60);
        self.idle().map_or(SELDOM, |idle| (idle / 4).clamp(Duration::from_secs(1), Duration::from_secs(60)))
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}
