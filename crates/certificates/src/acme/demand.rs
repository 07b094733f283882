//! How many new names strangers may make us order.
//!
//! Refuses: more than 5 in half an hour, 10 in an hour, and 1000 in all; counted from what is kept, so that a
//! restart does not begin anew.

use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(60 * 60);
const IN_AN_HOUR: usize = 10;
const IN_HALF_AN_HOUR: usize = 5;
const IN_ALL: usize = 1000;

/// Whether one more may be begun now, given when each of the others was.
pub(crate) fn one_more(begun: impl Iterator<Item = SystemTime>, now: SystemTime) -> bool {
    let (mut all, mut hour, mut half) = (0, 0, 0);
    for at in begun {
        // What lies in the future was begun just now, by a clock that was wrong then or is now.
        let age = now.duration_since(at).unwrap_or_default();
        all += 1;
        hour += usize::from(age < HOUR);
        half += usize::from(age < HOUR / 2);
    }
    all < IN_ALL && hour < IN_AN_HOUR && half < IN_HALF_AN_HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_at_once_ten_an_hour_a_thousand_in_all() {
        let minute = |minute: u64| SystemTime::UNIX_EPOCH + HOUR * 500_000 + Duration::from_secs(60 * minute);
        let mut begun: Vec<SystemTime> = Vec::new();
        let mut when = Vec::new();
        for now in 0..150 {
            while one_more(begun.iter().copied(), minute(now)) {
                begun.push(minute(now));
                when.push(now);
            }
        }
        assert_eq!(when.iter().filter(|now| **now == 0).count(), 5);
        for start in 0..90 {
            let hour = when.iter().filter(|now| (start..start + 60).contains(*now)).count();
            assert!(hour <= 10, "{hour} from minute {start}");
        }
        assert!(when.len() >= 20, "{}", when.len());
        assert!(one_more(vec![minute(0); 999].into_iter(), minute(1000)));
        assert!(!one_more(vec![minute(0); 1000].into_iter(), minute(1000)));
        assert!(!one_more(vec![minute(99); 5].into_iter(), minute(0)), "from the future");
    }
}
