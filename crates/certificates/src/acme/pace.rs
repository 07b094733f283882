//! How patient the orders are.

use std::time::Duration;

/// How patient the orders are. The default is right for public authorities; tests are in a hurry.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How often the store is looked at for what others did.
    pub poll: Duration,
    /// How long after a first failure is tried again.
    pub first_retry: Duration,
    /// How long after many.
    pub longest_retry: Duration,
    /// How long the lease to order is held without being renewed.
    pub lease: Duration,
    /// How long an authority may take for one step of an order.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(5),
            first_retry: Duration::from_secs(60),
            longest_retry: Duration::from_secs(12 * 60 * 60),
            lease: Duration::from_secs(60),
            patience: Duration::from_secs(5 * 60),
        }
    }
}
