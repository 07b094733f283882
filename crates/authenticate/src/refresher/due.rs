//! When a session is to be heard of again: a pure question of times.

use std::time::{Duration, SystemTime};

use doorward_sessions::LastHeard;

/// Never more often than this, whatever a provider says of its tokens.
const SHORTEST: Duration = Duration::from_secs(10);
/// At most so long before the access token expires.
const LONGEST_MARGIN: Duration = Duration::from_secs(60);

/// How often the provider is asked (`idp_refresh_interval`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval(pub(super) Duration);

impl Interval {
    /// Whether the provider should be asked. `spread` brings that forward by up to a tenth of the interval.
    pub(super) fn is_due(self, heard: &LastHeard, spread: u8, now: SystemTime) -> bool {
        self.due_at(heard, spread).is_some_and(|due| now >= due)
    }

    /// Whether the session has been due for a whole interval.
    pub(super) fn is_overdue(self, heard: &LastHeard, now: SystemTime) -> bool {
        self.due_at(heard, 0).and_then(|due| due.checked_add(self.0)).is_some_and(|end| now >= end)
    }

    /// Whether something was done in the session within the last interval.
    pub(super) fn is_in_use(self, last_seen: SystemTime, now: SystemTime) -> bool {
        now.duration_since(last_seen).is_ok_and(|since| since <= self.0) || last_seen >= now
    }

    fn due_at(self, heard: &LastHeard, spread: u8) -> Option<SystemTime> {
        let earlier = self.0 / 10 * u32::from(spread) / 255;
        let by_interval = heard.at.checked_add(self.0.saturating_sub(earlier))?;
        let by_token = heard.tokens_expire_at.and_then(|end| {
            let life = end.duration_since(heard.at).unwrap_or_default();
            end.checked_sub((life / 5).clamp(SHORTEST, LONGEST_MARGIN))
        });
        let due = by_token.map_or(by_interval, |by_token| by_token.min(by_interval));
        Some(due.max(heard.at.checked_add(SHORTEST)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    fn heard(expires: Option<u64>) -> LastHeard {
        LastHeard { at: at(0), tokens_expire_at: expires.map(at), can_be_refreshed: true }
    }

    /// The second from which it is due.
    fn due(interval: u64, expires: Option<u64>, spread: u8) -> u64 {
        let interval = Interval(Duration::from_secs(interval));
        (0..100_000).find(|second| interval.is_due(&heard(expires), spread, at(*second))).unwrap()
    }

    #[test]
    fn a_session_is_due_by_the_interval_or_before_its_token_expires() {
        for (interval, expires, expected) in [
            (600, None, 600),
            (600, Some(3600), 600),
            (600, Some(300), 240),
            (600, Some(100), 80),
            (600, Some(60), 48),
            (600, Some(30), 20),
            (3600, Some(3600), 3540),
            (3600, Some(400), 340),
            // Never more often than every ten seconds.
            (600, Some(15), 10),
            (600, Some(1), 10),
            (600, Some(0), 10),
            (10, Some(3600), 10),
        ] {
            assert_eq!(due(interval, expires, 0), expected, "{interval} {expires:?}");
        }
    }

    #[test]
    fn many_of_one_age_are_spread_over_a_tenth_of_the_interval() {
        assert_eq!((due(600, None, 0), due(600, None, 128), due(600, None, 255)), (600, 570, 540));
        assert_eq!(due(600, Some(300), 255), 240, "never later than the token needs");
        assert_eq!(due(10, None, 255), 10);
    }

    #[test]
    fn a_session_that_slept_is_overdue_after_another_interval() {
        let interval = Interval(Duration::from_secs(600));
        for (expires, end) in [(None, 1200), (Some(300), 840)] {
            assert!(!interval.is_overdue(&heard(expires), at(end - 1)));
            assert!(interval.is_overdue(&heard(expires), at(end)));
        }
    }

    #[test]
    fn a_session_is_in_use_when_it_was_within_the_interval() {
        let interval = Interval(Duration::from_secs(600));
        assert!(interval.is_in_use(at(0), at(600)) && !interval.is_in_use(at(0), at(601)));
        assert!(interval.is_in_use(at(5), at(0)), "another replica's clock is ahead");
    }
}
