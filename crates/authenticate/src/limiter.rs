//! Counts failed sign-ins, by account and by client address, in bounded memory.
//!
//! Refuses, where the configuration says nothing else: within fifteen minutes, an eleventh try for one account from one
//! address, a hundred-and-first for one account from anywhere, a thirty-first from one address. So a stranger who knows
//! somebody's e-mail address cannot lock them out from a single machine. IPv6 clients count by their /64, since one
//! machine has all of it.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use doorward_config::SignInLimits;
use doorward_identity::Email;
use doorward_rates::network;

/// How many accounts and addresses are remembered at most, each.
const REMEMBERED: usize = 10_000;

/// The limits on failed sign-ins.
#[derive(Debug, Default)]
pub(crate) struct AttemptLimiter {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    pairs: Windows<(Email, IpAddr)>,
    accounts: Windows<Email>,
    addresses: Windows<IpAddr>,
}

/// Too many failures; worth trying again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany {
    /// Never zero.
    pub(crate) retry_after: Duration,
}

impl AttemptLimiter {
    /// Counts a try before it is made, so that many at once cannot slip through.
    ///
    /// # Errors
    /// [`TooMany`] when the account or the address has had its failures; the try must not be made.
    pub(crate) fn begin(
        &self,
        account: &Email,
        client: IpAddr,
        limits: &SignInLimits,
        now: SystemTime,
    ) -> Result<(), TooMany> {
        let mut counts = self.lock();
        let client = network(client);
        let pair = (account.clone(), client);
        let within = limits.failures_within;
        counts.pairs.check(&pair, limits.failures, within, now)?;
        counts.accounts.check(account, limits.failures_per_account, within, now)?;
        counts.addresses.check(&client, limits.failures_per_address, within, now)?;
        counts.pairs.add(pair, within, now);
        counts.accounts.add(account.clone(), within, now);
        counts.addresses.add(client, within, now);
        Ok(())
    }

    /// Counts a try that has no account, like a wrong invitation.
    ///
    /// # Errors
    /// [`TooMany`] when the address has had its failures.
    pub(crate) fn begin_from(&self, client: IpAddr, limits: &SignInLimits, now: SystemTime) -> Result<(), TooMany> {
        let mut counts = self.lock();
        let client = network(client);
        counts.addresses.check(&client, limits.failures_per_address, limits.failures_within, now)?;
        counts.addresses.add(client, limits.failures_within, now);
        Ok(())
    }

    /// The try was good: it counts for nothing, and the account's failures are forgotten.
    pub(crate) fn succeeded(&self, account: Option<&Email>, client: IpAddr) {
        let mut counts = self.lock();
        let client = network(client);
        if let Some(account) = account {
            counts.pairs.0.remove(&(account.clone(), client));
            counts.accounts.0.remove(account);
        }
        counts.addresses.take_back(&client);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Windows<K>(HashMap<K, Window>);

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: SystemTime,
    failures: u32,
}

impl Window {
    fn left(&self, within: Duration, now: SystemTime) -> Option<Duration> {
        let age = now.duration_since(self.began).unwrap_or_default();
        within.checked_sub(age).filter(|left| !left.is_zero())
    }
}

impl<K: Eq + Hash + Clone> Windows<K> {
    fn check(&self, key: &K, limit: u32, within: Duration, now: SystemTime) -> Result<(), TooMany> {
        match self.0.get(key).and_then(|window| Some((window.failures, window.left(within, now)?))) {
            Some((failures, retry_after)) if failures >= limit => Err(TooMany { retry_after }),
            _ => Ok(()),
        }
    }

    fn add(&mut self, key: K, within: Duration, now: SystemTime) {
        if let Some(window) = self.0.get_mut(&key) {
            if window.left(within, now).is_some() {
                window.failures = window.failures.saturating_add(1);
                return;
            }
        } else if self.0.len() >= REMEMBERED {
            self.make_room(within, now);
        }
        self.0.insert(key, Window { began: now, failures: 1 });
    }

    fn take_back(&mut self, key: &K) {
        if let Some(window) = self.0.get_mut(key) {
            window.failures = window.failures.saturating_sub(1);
        }
    }

    /// Drops what no longer counts, else the tenth that counts least.
    fn make_room(&mut self, within: Duration, now: SystemTime) {
        self.0.retain(|_, window| window.left(within, now).is_some());
        if self.0.len() < REMEMBERED {
            return;
        }
        let mut ranked: Vec<(u32, SystemTime, K)> =
            self.0.iter().map(|(key, window)| (window.failures, window.began, key.clone())).collect();
        ranked.sort_unstable_by_key(|(failures, began, _)| (*failures, *began));
        for (_, _, key) in ranked.into_iter().take(REMEMBERED / 10) {
            self.0.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn email(name: &str) -> Email {
        Email::parse(&format!("{name}@example.com")).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn begin(limiter: &AttemptLimiter, account: &Email, client: IpAddr, now: SystemTime) -> Result<(), TooMany> {
        limiter.begin(account, client, &SignInLimits::default(), now)
    }

    fn begin_from(limiter: &AttemptLimiter, client: IpAddr, now: SystemTime) -> Result<(), TooMany> {
        limiter.begin_from(client, &SignInLimits::default(), now)
    }

    #[test]
    fn ten_failures_close_an_account_to_an_address_for_the_rest_of_the_window() {
        let limiter = AttemptLimiter::default();
        for second in 0..10 {
            begin(&limiter, &email("a"), CLIENT, at(second)).unwrap();
        }
        let refused = begin(&limiter, &email("A"), CLIENT, at(100)).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(800));
        begin(&limiter, &email("b"), CLIENT, at(100)).unwrap();
        begin(&limiter, &email("a"), "192.0.2.9".parse().unwrap(), at(100)).unwrap();
        begin(&limiter, &email("a"), CLIENT, at(900)).unwrap();
    }

    #[test]
    fn a_hundred_failures_close_an_account_to_everybody() {
        let limiter = AttemptLimiter::default();
        for number in 0..100u8 {
            begin(&limiter, &email("a"), IpAddr::from([192, 0, 2, number]), at(0)).unwrap();
        }
        assert!(begin(&limiter, &email("a"), "198.51.100.1".parse().unwrap(), at(1)).is_err());
    }

    #[test]
    fn thirty_failures_close_an_address_whatever_the_account() {
        let limiter = AttemptLimiter::default();
        for number in 0..30 {
            begin(&limiter, &email(&format!("user{number}")), CLIENT, at(0)).unwrap();
        }
        assert!(begin(&limiter, &email("other"), CLIENT, at(1)).is_err());
        assert!(begin_from(&limiter, CLIENT, at(1)).is_err());
        begin(&limiter, &email("other"), "10.0.0.1".parse().unwrap(), at(1)).unwrap();
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let limiter = AttemptLimiter::default();
        for number in 0..30 {
            let client = format!("2001:db8::{number:x}").parse().unwrap();
            begin_from(&limiter, client, at(0)).unwrap();
        }
        assert!(begin_from(&limiter, "2001:db8::ffff".parse().unwrap(), at(0)).is_err());
        begin_from(&limiter, "2001:db8:0:1::1".parse().unwrap(), at(0)).unwrap();
    }

    #[test]
    fn a_good_sign_in_counts_for_nothing() {
        let limiter = AttemptLimiter::default();
        for _ in 0..100 {
            begin(&limiter, &email("a"), CLIENT, at(0)).unwrap();
            limiter.succeeded(Some(&email("a")), CLIENT);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let limiter = AttemptLimiter::default();
        for number in 0..SignInLimits::default().failures_per_account.to_be_bytes()[3] {
            begin(&limiter, &email("victim"), IpAddr::from([192, 0, 2, number]), at(0)).unwrap();
        }
        for number in 0..(REMEMBERED + 500) {
            let client = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            begin(&limiter, &email(&format!("u{number}")), client, at(1)).unwrap();
        }
        let counts = limiter.lock();
        assert!(counts.accounts.0.len() <= REMEMBERED && counts.addresses.0.len() <= REMEMBERED);
        assert!(counts.pairs.0.len() <= REMEMBERED);
        drop(counts);
        assert!(begin(&limiter, &email("victim"), "10.9.9.9".parse().unwrap(), at(2)).is_err());
    }
}
