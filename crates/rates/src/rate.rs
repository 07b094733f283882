//! One token bucket, kept as the time at which it will be full again (the "generic cell rate algorithm").

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often something may be done: so many at once, and then one each interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// Nanoseconds until one more is allowed. Never zero.
    interval: u64,
    /// How many nanoseconds a bucket may be from full: the intervals of all that it holds.
    depth: u64,
}

/// It comes too soon; worth trying again after this long. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSoon(pub Duration);

impl TooSoon {
    /// For `Retry-After` (RFC 9110 §10.2.3): whole seconds, rounded up.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }
}

impl Rate {
    /// `times` in each `per`, and `burst` at once. Nothing is zero: what is counts as one, be it a nanosecond. What lasts
    /// longer than centuries is cut to that.
    #[must_use]
    pub fn new(times: u32, per: Duration, burst: u32) -> Self {
        let interval = per.as_nanos() / u128::from(times.max(1));
        let interval = u64::try_from(interval).unwrap_or(u64::MAX / 4).clamp(1, u64::MAX / 4);
        let depth = interval.saturating_mul(u64::from(burst.max(1))).min(u64::MAX / 4);
        Self { interval, depth }
    }

    /// When a bucket that is full at `full_at` will be full again if `cost` is taken out of it now.
    ///
    /// # Errors
    /// [`TooSoon`] when it does not hold as much; then nothing is taken.
    pub(crate) fn take(self, full_at: u64, cost: u32, now: u64) -> Result<u64, TooSoon> {
        let taken = full_at.max(now).saturating_add(self.interval.saturating_mul(u64::from(cost)));
        match (taken - now).checked_sub(self.depth) {
            None | Some(0) => Ok(taken),
            Some(over) => Err(TooSoon(Duration::from_nanos(over))),
        }
    }

    /// When it will be full again if `cost` is put back.
    pub(crate) fn put_back(self, full_at: u64, cost: u32) -> u64 {
        full_at.saturating_sub(self.interval.saturating_mul(u64::from(cost)))
    }
}

/// A bucket on its own, for what is counted as one. Times are nanoseconds since any moment, the same for all calls.
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

impl Bucket {
    /// Takes one out.
    ///
    /// # Errors
    /// [`TooSoon`] when it is empty.
    pub fn take(&self, rate: Rate, now: u64) -> Result<(), TooSoon> {
        let mut full_at = self.0.load(Ordering::Relaxed);
        loop {
            let taken = rate.take(full_at, 1, now)?;
            match self.0.compare_exchange_weak(full_at, taken, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_each_interval() {
        let (rate, bucket) = (Rate::new(10, Duration::from_secs(1), 3), Bucket::default());
        let now = 5 * SECOND;
        for _ in 0..3 {
            bucket.take(rate, now).unwrap();
        }
        assert_eq!(bucket.take(rate, now), Err(TooSoon(Duration::from_millis(100))));
        assert!(bucket.take(rate, now + SECOND / 10 - 1).is_err());
        bucket.take(rate, now + SECOND / 10).unwrap();
        assert!(bucket.take(rate, now + SECOND / 10).is_err(), "who is refused pays nothing, and gains nothing");
        for _ in 0..3 {
            bucket.take(rate, now + 10 * SECOND).unwrap();
        }
        assert!(
            bucket.take(rate, now + 10 * SECOND).is_err(),
            "it holds no more than its burst, however long it waits"
        );
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let (rate, bucket) = (Rate::new(1, Duration::from_secs(1), 1), Bucket::default());
        bucket.take(rate, 10 * SECOND).unwrap();
        assert_eq!(bucket.take(rate, 9 * SECOND).unwrap_err().seconds(), 2);
    }

    #[test]
    fn what_waits_less_than_a_second_waits_one() {
        assert_eq!(TooSoon(Duration::from_millis(1)).seconds(), 1);
        assert_eq!(TooSoon(Duration::from_secs(7)).seconds(), 7);
        assert_eq!(TooSoon(Duration::from_millis(7001)).seconds(), 8);
    }

    #[test]
    fn no_rate_is_so_odd_that_it_overflows() {
        for rate in [
            Rate::new(0, Duration::ZERO, 0),
            Rate::new(u32::MAX, Duration::from_nanos(1), u32::MAX),
            Rate::new(1, Duration::MAX, u32::MAX),
        ] {
            for now in [0, 1, u64::MAX / 2, u64::MAX] {
                let _ = rate.take(now, u32::MAX, now);
                let _ = rate.put_back(now, u32::MAX);
            }
        }
    }
}
