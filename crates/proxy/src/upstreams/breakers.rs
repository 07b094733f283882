//! How much an upstream is given at once.
//!
//! Refuses what is beyond; nothing waits for its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use doorward_config::Breakers;

use super::address::Address;

/// Which threshold was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// Requests whose answers have not ended.
    Requests,
    /// Requests that wait for a connection.
    Pending,
    /// Connections.
    Connections,
}

impl Threshold {
    /// The key that sets it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Requests => "max_requests",
            Self::Pending => "max_pending_requests",
            Self::Connections => "max_connections",
        }
    }
}

/// Whether one request more is too many. It is counted already, so that two at once cannot both be the last.
pub(super) fn requests<'a>(breakers: &Breakers, addresses: impl Iterator<Item = &'a Address>) -> Result<(), Threshold> {
    let active: usize = addresses.map(Address::active).sum();
    if exceeds(active, breakers.max_requests) { Err(Threshold::Requests) } else { Ok(()) }
}

/// Whether one connection more is too many. The wait for it is counted already.
pub(super) fn connections<'a>(
    breakers: &Breakers,
    addresses: impl Iterator<Item = &'a Address>,
) -> Result<(), Threshold> {
    let (mut pending, mut open) = (0, 0);
    for address in addresses {
        pending += address.pending();
        open += address.endpoint.open_connections();
    }
    if exceeds(pending, breakers.max_pending_requests) {
        return Err(Threshold::Pending);
    }
    if exceeds(open + pending, breakers.max_connections) { Err(Threshold::Connections) } else { Ok(()) }
}

fn exceeds(count: usize, most: u32) -> bool {
    u32::try_from(count).map_or(true, |count| count > most)
}

/// The requests that are being sent a second time. Clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// One of `most`, until what this returns is dropped.
    pub(super) fn take(&self, most: u32) -> Option<Spent> {
        let spent = Spent(self.clone());
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        (!exceeds(before + 1, most)).then_some(spent)
    }
}

/// A request that is being sent a second time.
#[derive(Debug)]
pub(super) struct Spent(Budget);

impl Drop for Spent {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_never_overdrawn_and_comes_back() {
        let budget = Budget::default();
        let (first, second) = (budget.take(2), budget.take(2));
        assert!(first.is_some() && second.is_some());
        assert!(budget.take(2).is_none() && budget.take(2).is_none());
        drop(first);
        assert!(budget.take(2).is_some());
        assert!(budget.take(0).is_none());
    }
}
