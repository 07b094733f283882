//! When failures in a row mean that an address is unwell, and successes that it is well again.

use doorward_config::HealthCheck;

/// What the checks of one address have found so far.
#[derive(Debug, Default)]
pub(super) struct Streak {
    unwell: bool,
    /// Whether anything is known.
    known: bool,
    /// How many in a row said otherwise.
    otherwise: u32,
}

impl Streak {
    pub(super) fn is_well(&self) -> bool {
        !self.unwell
    }

    /// Notes what one check found. True when that changed what is believed.
    pub(super) fn note(&mut self, passed: bool, check: &HealthCheck) -> bool {
        if passed != self.unwell {
            (self.known, self.otherwise) = (true, 0);
            return false;
        }
        self.otherwise += 1;
        let enough = if self.unwell { check.healthy_threshold } else { check.unhealthy_threshold };
        // The first answer decides at once: before it, being well was a guess.
        if self.known && self.otherwise < enough {
            return false;
        }
        *self = Self { unwell: !passed, known: true, otherwise: 0 };
        true
    }
}

#[cfg(test)]
mod tests {
    use doorward_config::CheckKind;
    use std::time::Duration;

    use super::*;

    fn after(told: &str) -> (bool, usize) {
        let second = Duration::from_secs(1);
        let check = HealthCheck {
            timeout: second,
            interval: second,
            initial_jitter: Duration::ZERO,
            interval_jitter: Duration::ZERO,
            unhealthy_threshold: 3,
            healthy_threshold: 2,
            kind: CheckKind::Tcp,
        };
        let mut streak = Streak::default();
        let changes = told.chars().filter(|told| streak.note(*told == '+', &check)).count();
        (streak.is_well(), changes)
    }

    #[test]
    fn thresholds_count_answers_in_a_row_and_the_first_decides() {
        for (told, well, changes) in [
            ("", true, 0),
            ("+", true, 0),
            ("-", false, 1),
            ("+--", true, 0),
            ("+---", false, 1),
            ("+--+--", true, 0),
            ("-+", false, 1),
            ("-++", true, 2),
            ("-+-+", false, 1),
            ("-++---++", true, 4),
        ] {
            assert_eq!(after(told), (well, changes), "{told}");
        }
    }
}
