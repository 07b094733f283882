//! When to try again after a failure: exponential, spread out, and never before the authority allows it.

use std::time::{Duration, SystemTime};

/// How far a delay is spread, in thousandths of it, each way.
const SPREAD: u64 = 200;
/// Doubling ends here at the latest; the longest delay is reached long before.
const MOST_DOUBLINGS: u32 = 20;

/// How long after the `failures`-th failure in a row: `first`, doubled for each, at most `longest`, give or take a
/// fifth, so that many names or servers that failed together do not come back together.
pub(crate) fn delay(failures: u32, first: Duration, longest: Duration, random: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(MOST_DOUBLINGS);
    let delay = first.saturating_mul(1 << doublings).min(longest);
    let thousandths = 1000 - SPREAD + random % (2 * SPREAD + 1);
    let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis.saturating_mul(thousandths) / 1000)
}

/// When to try again, given what the authority said about it (`Retry-After`, RFC 8555 §6.6).
pub(crate) fn again(now: SystemTime, delay: Duration, not_before: Option<SystemTime>) -> SystemTime {
    let ours = now.checked_add(delay).unwrap_or(now);
    not_before.map_or(ours, |theirs| ours.max(theirs))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(60);
    const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);

    #[test]
    fn it_doubles_from_a_minute_to_half_a_day() {
        let middle = |failures| delay(failures, FIRST, LONGEST, SPREAD).as_secs();
        let delays: Vec<_> = [0, 1, 2, 3, 10, 11, 1000, u32::MAX].into_iter().map(middle).collect();
        assert_eq!(delays, [60, 60, 120, 240, 30_720, 43_200, 43_200, 43_200]);
    }

    #[test]
    fn it_is_spread_by_a_fifth_each_way_and_no_more() {
        let delays: Vec<_> = (0..1000).map(|random| delay(1, FIRST, LONGEST, random).as_millis()).collect();
        assert_eq!((delays.iter().min(), delays.iter().max()), (Some(&48_000), Some(&72_000)));
    }

    #[test]
    fn the_authority_may_ask_for_more_patience_but_not_for_less() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let week = now + Duration::from_secs(7 * 86_400);
        assert_eq!(again(now, FIRST, Some(week)), week);
        assert_eq!(again(now, FIRST, Some(now)), now + FIRST);
        assert_eq!(again(now, FIRST, None), now + FIRST);
    }
}
