//! One address of an upstream, with its connections, what it is busy with, and what came of it.
//!
//! It is shared by every route that names it with the same TLS settings, and stays over reloads while one does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::endpoint::Endpoint;
use crate::error::ForwardError;

/// See the module.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) endpoint: Endpoint,
    /// Requests whose answers have not ended.
    active: AtomicUsize,
    /// Requests that wait for a connection to come about.
    pending: AtomicUsize,
    pub(super) counts: Counts,
}

impl Address {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, active: AtomicUsize::new(0), pending: AtomicUsize::new(0), counts: Counts::default() }
    }

    pub(super) fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// One request more, until what this returns is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.active.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(self))
    }

    /// One wait for a connection more, until what this returns is dropped.
    pub(super) fn wait(&self) -> Pending<'_> {
        self.pending.fetch_add(1, Ordering::Relaxed);
        Pending(self)
    }
}

/// A request on its way, until its answer has ended or it became a tunnel.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Address>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A wait for a connection.
#[derive(Debug)]
pub(super) struct Pending<'a>(&'a Address);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What came of a request that was meant for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A status below 500.
    Answered,
    /// A status from 500 on.
    ServerError,
    /// No connection came about.
    Unreachable,
    /// The connection ended before the answer began, or what came was no HTTP.
    BrokeOff,
    /// The answer did not begin in time.
    TimedOut,
    /// The visitor went away, or kept the address waiting for a body until it hung up.
    ClientGone,
    /// A threshold was reached.
    Refused,
}

impl Outcome {
    pub(super) const ALL: [Self; 7] = [
        Self::Answered,
        Self::ServerError,
        Self::Unreachable,
        Self::BrokeOff,
        Self::TimedOut,
        Self::ClientGone,
        Self::Refused,
    ];

    /// That of a request which got no answer; none where it says nothing of any address.
    pub(super) fn of(error: &ForwardError) -> Option<Self> {
        match error {
            ForwardError::Unreachable { .. } | ForwardError::ClosedAtOnce { .. } => Some(Self::Unreachable),
            ForwardError::BrokeOff { .. } | ForwardError::Misbehaved { .. } => Some(Self::BrokeOff),
            ForwardError::NoAnswer { .. } => Some(Self::TimedOut),
            ForwardError::ClientStalled { .. } | ForwardError::TooLarge { .. } | ForwardError::ClientGone(_) => {
                Some(Self::ClientGone)
            }
            ForwardError::Overloaded { .. } => Some(Self::Refused),
            ForwardError::Unhealthy { .. } | ForwardError::NoPath { .. } | ForwardError::Internal(_) => None,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::ServerError => "server-error",
            Self::Unreachable => "unreachable",
            Self::BrokeOff => "broke-off",
            Self::TimedOut => "timed-out",
            Self::ClientGone => "client-gone",
            Self::Refused => "refused",
        }
    }
}

/// What came of requests, since the address was first named.
#[derive(Debug, Default)]
pub(super) struct Counts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Requests that were sent a second time after they had failed here.
    pub(super) retries: AtomicU64,
    /// How often it was left alone.
    pub(super) ejections: AtomicU64,
}

impl Counts {
    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(count) = self.outcomes.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn outcomes(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.outcomes.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}
