//! Who may order just now: one holder, until a time. The rules are pure; the file store keeps what they say.
//!
//! Refuses: a second holder before the first one's time is over.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Term;

/// Nobody holds a lease longer than this: a term that ends later was written by a clock gone wrong.
const LONGEST: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    holder: String,
    /// Milliseconds since 1970.
    until: u64,
}

impl Lease {
    /// The lease after this holder asked for it, if it gets it.
    pub(super) fn acquire(kept: Option<&Self>, holder: &str, term: Term) -> Option<Self> {
        let taken = kept.is_some_and(|kept| kept.holder != holder && kept.holds_at(term.now));
        (!taken).then(|| Self { holder: holder.to_owned(), until: millis(term.until) })
    }

    /// The lease after this holder asked to keep it, if it still holds it.
    pub(super) fn renew(kept: Option<&Self>, holder: &str, term: Term) -> Option<Self> {
        let ours = kept.is_some_and(|kept| kept.holder == holder && kept.holds_at(term.now));
        ours.then(|| Self { holder: holder.to_owned(), until: millis(term.until) })
    }

    pub(super) fn is_of(&self, holder: &str) -> bool {
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
        let first = Lease::acquire(None, "a", term(0, 30)).unwrap();
        assert_eq!(Lease::acquire(Some(&first), "b", term(29, 60)), None);
        let longer = Lease::renew(Some(&first), "a", term(20, 50)).unwrap();
        assert_eq!(Lease::acquire(Some(&longer), "b", term(30, 60)), None);
        assert!(Lease::acquire(Some(&longer), "b", term(50, 80)).unwrap().is_of("b"));
        assert_eq!(Lease::renew(Some(&longer), "a", term(50, 80)), None, "too late is lost");
        assert_eq!(Lease::renew(Some(&first), "b", term(1, 80)), None);
        assert_eq!(Lease::renew(None, "a", term(1, 80)), None);
    }

    #[test]
    fn a_lease_of_a_clock_gone_wrong_does_not_stand_in_the_way_for_ever() {
        let absurd = Lease::acquire(None, "a", term(0, 10_000_000)).unwrap();
        assert!(Lease::acquire(Some(&absurd), "b", term(1, 31)).is_some());
    }
}
