//! An address that fails again and again is left alone for a while.
//!
//! It is judged by the answers to requests alone, with atomics: nothing runs in the background, and an address that
//! answers costs one load.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use doorward_config::OutlierDetection;

use super::address::Outcome;

/// How one address has been answering.
#[derive(Debug, Default)]
pub(super) struct Record {
    server_errors: AtomicU32,
    gateway_errors: AtomicU32,
    connection_errors: AtomicU32,
    /// How often it was left alone, less what it has made good since.
    times: AtomicU32,
    /// Until when it is left alone, in milliseconds of the upstream's clock; zero: it is not.
    until: AtomicU64,
}

/// How a request went, as far as it says something of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// An answer below 500.
    Well,
    /// A status from 500 on, other than a gateway's.
    ServerError,
    /// 502, 503 or 504.
    GatewayError,
    /// The connection, not an answer.
    ConnectionError,
}

impl Sign {
    /// What a request says of the address; `status` is that of its answer.
    pub(super) fn of(outcome: Outcome, status: Option<u16>) -> Option<Self> {
        match (outcome, status) {
            (Outcome::Answered, _) => Some(Self::Well),
            (Outcome::ServerError, Some(502..=504)) => Some(Self::GatewayError),
            (Outcome::ServerError, _) => Some(Self::ServerError),
            (Outcome::Unreachable | Outcome::BrokeOff | Outcome::TimedOut, _) => Some(Self::ConnectionError),
            // That was not the address's doing.
            (Outcome::ClientGone | Outcome::Refused, _) => None,
        }
    }
}

impl Record {
    /// Whether it is left alone just now.
    pub(super) fn is_ejected(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until != 0 && now() < until
    }

    /// Notes a sign. True when it is one too many, and the address is to be left alone; `chance` is a number from 0 to 99.
    pub(super) fn note(&self, sign: Sign, settings: &OutlierDetection, chance: u8) -> bool {
        let split = settings.split_local_origin;
        if sign == Sign::Well {
            for count in [&self.server_errors, &self.gateway_errors, &self.connection_errors] {
                if count.load(Ordering::Relaxed) != 0 {
                    count.store(0, Ordering::Relaxed);
                }
            }
            return false;
        }
        let is_connection = sign == Sign::ConnectionError;
        let is_gateway = sign == Sign::GatewayError || is_connection;
        let judged = [
            // Told apart, a connection's failure is no answer.
            (!split || !is_connection, &self.server_errors, settings.consecutive_5xx, settings.enforcing_5xx),
            (
                is_gateway && (!split || !is_connection),
                &self.gateway_errors,
                settings.consecutive_gateway_failure,
                settings.enforcing_gateway_failure,
            ),
            (
                split && is_connection,
                &self.connection_errors,
                settings.consecutive_local_origin_failure,
                settings.enforcing_local_origin_failure,
            ),
        ];
        // An answer is no gateway's failure, and says that connections come about.
        if !is_gateway {
            self.gateway_errors.store(0, Ordering::Relaxed);
        }
        if !is_connection {
            self.connection_errors.store(0, Ordering::Relaxed);
        }
        let mut too_many = false;
        for (counts, count, most, enforcing) in judged {
            if !counts || most == 0 {
                continue;
            }
            let reached = count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            if reached >= most && chance < enforcing {
                count.store(0, Ordering::Relaxed);
                too_many = true;
            }
        }
        too_many
    }

    /// Leaves it alone from `now` on, and says for how long.
    fn eject(&self, settings: &OutlierDetection, now: u64) -> Duration {
        let last = self.until.load(Ordering::Relaxed);
        // What it has been well for since the last time makes good for as many times.
        let good = now.saturating_sub(last).checked_div(millis(settings.interval)).unwrap_or(0);
        let good = u32::try_from(good).unwrap_or(u32::MAX);
        let times = self.times.load(Ordering::Relaxed).saturating_sub(good).saturating_add(1);
        self.times.store(times, Ordering::Relaxed);
        let alone = settings.base_ejection_time.saturating_mul(times).min(settings.max_ejection_time);
        self.until.store(now.saturating_add(millis(alone)).max(1), Ordering::Relaxed);
        alone
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How many of `all` addresses may be left alone at once: one at least unless the share is none, and never all unless it
/// is everything.
fn most_ejected(all: usize, percent: u8) -> usize {
    match percent {
        0 => 0,
        100.. => all,
        percent => (all * usize::from(percent) / 100).max(1).min(all.saturating_sub(1)),
    }
}

/// Decides who is left alone, one at a time, so that no two at once make one too many.
#[derive(Debug, Default)]
pub(super) struct Ejecting(AtomicBool);

impl Ejecting {
    /// Leaves `which` alone unless that would be one too many, and says for how long.
    pub(super) fn eject<'a>(
        &self,
        which: &Record,
        all: impl Iterator<Item = &'a Record>,
        settings: &OutlierDetection,
        now: u64,
    ) -> Option<Duration> {
        if self.0.swap(true, Ordering::Acquire) {
            // Somebody else decides just now; the next failure is soon enough.
            return None;
        }
        let (mut count, mut ejected) = (0, 0);
        for record in all {
            count += 1;
            ejected += usize::from(record.is_ejected(|| now));
        }
        let may = !which.is_ejected(|| now) && ejected < most_ejected(count, settings.max_ejection_percent);
        let alone = may.then(|| which.eject(settings, now));
        self.0.store(false, Ordering::Release);
        alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> OutlierDetection {
        OutlierDetection { consecutive_5xx: 3, ..OutlierDetection::default() }
    }

    #[test]
    fn failures_in_a_row_count_and_a_good_answer_forgets_them() {
        let (record, settings) = (Record::default(), settings());
        assert!(!record.note(Sign::ServerError, &settings, 0));
        assert!(!record.note(Sign::ConnectionError, &settings, 0));
        assert!(!record.note(Sign::Well, &settings, 0));
        assert!(!record.note(Sign::ServerError, &settings, 0));
        assert!(!record.note(Sign::GatewayError, &settings, 0));
        assert!(record.note(Sign::ServerError, &settings, 0));
    }

    #[test]
    fn told_apart_a_connections_failure_is_no_answer() {
        let record = Record::default();
        let settings = OutlierDetection { split_local_origin: true, consecutive_local_origin_failure: 2, ..settings() };
        for _ in 0..2 {
            assert!(!record.note(Sign::ServerError, &settings, 0));
        }
        assert!(!record.note(Sign::ConnectionError, &settings, 0));
        assert!(record.note(Sign::ConnectionError, &settings, 0), "two connections in a row");
        assert!(record.note(Sign::ServerError, &settings, 0), "and the third status");
    }

    #[test]
    fn what_is_not_enforced_is_not_done() {
        let record = Record::default();
        let settings = OutlierDetection { enforcing_5xx: 50, ..settings() };
        for _ in 0..9 {
            assert!(!record.note(Sign::ServerError, &settings, 50));
        }
        assert!(record.note(Sign::ServerError, &settings, 49));
        let gateway = OutlierDetection { consecutive_5xx: 0, ..OutlierDetection::default() };
        assert!((0..20).all(|_| !record.note(Sign::GatewayError, &gateway, 0)), "not enforced unless asked for");
    }

    #[test]
    fn it_is_left_alone_for_longer_each_time_and_makes_good() {
        let (record, settings) = (Record::default(), settings());
        let seconds = |at: u64| at * 1000;
        let all = [Record::default(), Record::default()];
        let ejecting = Ejecting::default();
        let eject = |now| ejecting.eject(&record, all.iter().chain([&record]), &settings, seconds(now));
        assert_eq!(eject(100), Some(Duration::from_secs(30)));
        assert!(record.is_ejected(|| seconds(129)) && !record.is_ejected(|| seconds(130)));
        assert_eq!(eject(110), None, "it is already");
        assert_eq!(eject(131), Some(Duration::from_secs(60)));
        assert_eq!(eject(192), Some(Duration::from_secs(90)));
        // Ninety seconds later it ends; twenty more make good for two times.
        assert_eq!(eject(302), Some(Duration::from_secs(60)));
        assert_eq!(eject(10_000), Some(Duration::from_secs(30)));
        // Failing again as soon as it is back, it is left alone for longer and longer, and never for more than the longest.
        let mut now = 20_000;
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            let alone = eject(now).unwrap();
            assert!(alone >= last && alone <= Duration::from_secs(300));
            (now, last) = (now + alone.as_secs(), alone);
        }
        assert_eq!(last, Duration::from_secs(300));
    }

    #[test]
    fn never_all_unless_everything_may_be() {
        for (all, percent, most) in [
            (1, 10, 0),
            (1, 99, 0),
            (1, 100, 1),
            (2, 10, 1),
            (2, 99, 1),
            (3, 100, 3),
            (10, 50, 5),
            (10, 0, 0),
            (0, 50, 0),
        ] {
            assert_eq!(most_ejected(all, percent), most, "{percent} % of {all}");
        }
        let records: Vec<Record> = (0..4).map(|_| Record::default()).collect();
        let settings = OutlierDetection { max_ejection_percent: 60, ..settings() };
        let ejecting = Ejecting::default();
        let ejected =
            records.iter().filter(|record| ejecting.eject(record, records.iter(), &settings, 5).is_some()).count();
        assert_eq!(ejected, 2);
    }
}
