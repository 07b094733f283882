//! Who may order just now: one holder, until a time. The rules are pure; a store keeps what they say.
//!
//! Refuses: a second holder before the first one's time is over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Term;

/// Nobody holds a lease longer than this: a term that ends later was written by a clock gone wrong.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Who holds the lease to order, and until when: what a store keeps of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    holder: String,
    /// Milliseconds since 1970.
    until: u64,
}

impl LeaseRecord {
    /// The lease after this holder asked for it, if it gets it.
    pub fn acquire(kept: Option<&Self>, holder: &str, term: Term) -> Option<Self> {
        let taken = kept.is_some_and(|kept| kept.holder != holder && kept.holds_at(term.now));
        (!taken).then(|| Self { holder: holder.to_owned(), until: millis(term.until) })
    }

    /// The lease after this holder asked to keep it, if it still holds it.
    pub fn renew(kept: Option<&Self>, holder: &str, term: Term) -> Option<Self> {
        let ours = kept.is_some_and(|kept| kept.holder == holder && kept.holds_at(term.now));
        ours.then(|| Self { holder: holder.to_owned(), until: millis(term.until) })
    }

    /// Whether this holder took it last.
    pub fn is_of(&self, holder: &str) -> bool {
        self.holder == holder
    }

    fn holds_at(&self, now: SystemTime) -> bool {
        let now = millis(now);
        now < self.until && self.until - now <= millis(UNIX_EPOCH + LONGEST)
    }
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(now: u64, until: u64) -> Term {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds);
        Term { now: at(now), until: at(until) }
    }

    #[test]
    fn one_holds_it_until_its_time_is_over() {
        let first = LeaseRecord::acquire(None, "a", term(0, 30)).unwrap();
        assert_eq!(LeaseRecord::acquire(Some(&first), "b", term(29, 60)), None);
        let longer = LeaseRecord::renew(Some(&first), "a", term(20, 50)).unwrap();
        assert_eq!(LeaseRecord::acquire(Some(&longer), "b", term(30, 60)), None);
        assert!(LeaseRecord::acquire(Some(&longer), "b", term(50, 80)).unwrap().is_of("b"));
        assert_eq!(LeaseRecord::renew(Some(&longer), "a", term(50, 80)), None, "too late is lost");
        assert_eq!(LeaseRecord::renew(Some(&first), "b", term(1, 80)), None);
        assert_eq!(LeaseRecord::renew(None, "a", term(1, 80)), None);
    }

    #[test]
    fn a_lease_of_a_clock_gone_wrong_does_not_stand_in_the_way_for_ever() {
        let absurd = LeaseRecord::acquire(None, "a", term(0, 10_000_000)).unwrap();
        assert!(LeaseRecord::acquire(Some(&absurd), "b", term(1, 31)).is_some());
    }
}
