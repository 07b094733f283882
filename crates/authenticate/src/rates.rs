//! How fast one network may begin sign-ins and bring session cookies that nobody knows.
//!
//! Refuses a flood of either. Who is signed in pays nothing: their cookies are known, here or to the store.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use doorward_config::SignInLimits;
use doorward_rates::{Buckets, Rate, network};

use crate::{AuthenticateError, NotRecognised};

/// How many tickets of one request the store is asked about at most.
const READS: usize = 4;
/// How many seconds' worth of unknown cookies may come at once: a browser that wakes up has many tabs.
const AT_ONCE: u32 = 5;

/// The buckets. They outlive a reload.
#[derive(Debug, Default)]
pub(crate) struct Rates(Buckets);

/// Tells the two kinds of buckets of an address apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Begun,
    Unknown,
}

/// What was paid for asking the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charged(u32);

impl Rates {
    /// Counts a sign-in that is begun.
    ///
    /// # Errors
    /// When too many were.
    pub(crate) fn begun(&self, limits: &SignInLimits, client: IpAddr) -> Result<(), AuthenticateError> {
        let rate = Rate::new(limits.begun_per_address, Duration::from_secs(60), limits.begun_per_address);
        let taken = self.0.take((Kind::Begun, network(client)), rate, 1, Instant::now());
        taken.map_err(|too_soon| AuthenticateError::TooManyBegun { retry_after: too_soon.0 })
    }

    /// Pays in advance for asking the store about so many cookies.
    ///
    /// # Errors
    /// When too many of this network were unknown.
    pub(crate) fn unknown(
        &self,
        limits: &SignInLimits,
        client: IpAddr,
        cookies: usize,
    ) -> Result<Charged, NotRecognised> {
        let rate = of_unknown(limits);
        let cost = u32::try_from(cookies.min(READS)).unwrap_or(1).min(limits.unknown_sessions_per_address);
        let taken = self.0.take((Kind::Unknown, network(client)), rate, cost, Instant::now());
        taken.map(|()| Charged(cost)).map_err(|too_soon| NotRecognised::TooManyUnknown { retry_after: too_soon.0 })
    }

    /// Gives it back: one of them was known.
    pub(crate) fn known(&self, limits: &SignInLimits, client: IpAddr, Charged(cost): Charged) {
        self.0.put_back((Kind::Unknown, network(client)), of_unknown(limits), cost);
    }
}

fn of_unknown(limits: &SignInLimits) -> Rate {
    let each_second = limits.unknown_sessions_per_address;
    Rate::new(each_second, Duration::from_secs(1), each_second.saturating_mul(AT_ONCE))
}
