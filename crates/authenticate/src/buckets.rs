//! How many wrong things one client may send in a moment, in bounded memory.
//!
//! Refuses: more than fifty at once or ten a second from one network, for as long as they keep coming and no longer:
//! whoever shares the address of an attacker is kept waiting, not locked out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use doorward_rates::network;

/// What one wrong thing costs.
const COST: Duration = Duration::from_millis(100);
/// How much may be spent in advance.
const CREDIT: Duration = Duration::from_secs(5);
/// How many networks are remembered.
const REMEMBERED: usize = 10_000;

/// A bucket for each network: the time at which all that was spent is paid back.
#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<HashMap<IpAddr, SystemTime>>);

impl Buckets {
    /// Whether this client may send something.
    pub(crate) fn may(&self, client: IpAddr, now: SystemTime) -> bool {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let paid_at = buckets.get(&network(client)).copied().unwrap_or(now);
        paid_at.duration_since(now).unwrap_or_default() < CREDIT
    }

    /// It was wrong.
    pub(crate) fn spend(&self, client: IpAddr, now: SystemTime) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED {
            buckets.retain(|_, paid_at| *paid_at > now);
            if buckets.len() >= REMEMBERED {
                buckets.clear();
            }
        }
        let paid_at = buckets.entry(network(client)).or_insert(now);
        *paid_at = (*paid_at).max(now).checked_add(COST).unwrap_or(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_millis(millis)
    }

    #[test]
    fn fifty_wrong_things_are_too_many_for_a_moment() {
        let (buckets, client) = (Buckets::default(), "192.0.2.7".parse().unwrap());
        for _ in 0..50 {
            assert!(buckets.may(client, at(0)));
            buckets.spend(client, at(0));
        }
        assert!(!buckets.may(client, at(0)));
        assert!(buckets.may("192.0.2.8".parse().unwrap(), at(0)), "others are not kept waiting");
        assert!(buckets.may(client, at(50)));
        buckets.spend(client, at(50));
        assert!(!buckets.may(client, at(50)));
        assert!(buckets.may(client, at(10_000)));
    }

    #[test]
    fn memory_is_bounded() {
        let buckets = Buckets::default();
        for number in 0..30_000_u32 {
            buckets.spend(IpAddr::from(number.to_be_bytes()), at(0));
        }
        assert!(buckets.0.lock().unwrap().len() <= REMEMBERED);
    }
}
