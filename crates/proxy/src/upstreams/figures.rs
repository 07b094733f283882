//! What is counted and known of upstream addresses, for whoever asks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::address::{Counts, Outcome};

/// One address, named as in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamFigure {
    /// Which.
    pub upstream: Arc<str>,
    /// Whether requests are sent to it: no health check finds it unwell, and it is not left alone.
    pub healthy: bool,
    /// What came of requests, in kebab case, and how often since the address was first named.
    pub outcomes: Vec<(&'static str, u64)>,
    /// Requests that failed here and were sent again.
    pub retries: u64,
    /// How often it was left alone for failing too often.
    pub ejections: u64,
}

impl UpstreamFigure {
    pub(super) fn new(upstream: Arc<str>) -> Self {
        let outcomes = Outcome::ALL.iter().map(|outcome| (outcome.as_str(), 0)).collect();
        Self { upstream, healthy: true, outcomes, retries: 0, ejections: 0 }
    }

    pub(super) fn add(&mut self, counts: &Counts) {
        for ((_, sum), (_, count)) in self.outcomes.iter_mut().zip(counts.outcomes()) {
            *sum += count;
        }
        self.retries += counts.retries.load(Ordering::Relaxed);
        self.ejections += counts.ejections.load(Ordering::Relaxed);
    }
}
