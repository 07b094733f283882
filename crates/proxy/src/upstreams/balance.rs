//! Which address of an upstream is next.
//!
//! Nothing here waits or locks. Randomness and the visitor's key are given; what may be used is asked of the caller.

mod hashing;
mod least_request;
mod maglev;
mod random;
mod ring_hash;
mod round_robin;
mod weights;

use std::sync::atomic::AtomicU64;

use doorward_config::BalancingPolicy;

pub(super) use hashing::{key, mix};
use maglev::Maglev;
use ring_hash::RingHash;
use round_robin::RoundRobin;
use weights::Weights;

/// The most addresses of one upstream, as the configuration has it.
const MOST: usize = 256;

/// One of the ways to choose, made for one list of addresses.
#[derive(Debug)]
pub(super) struct Balancer(Way);

#[derive(Debug)]
enum Way {
    RoundRobin(RoundRobin),
    LeastRequest(Weights),
    RingHash(RingHash),
    Maglev(Maglev),
    Random(Weights),
}

/// What choosing looks at.
pub(super) struct Choice<'a, U, L> {
    /// How often something was chosen.
    pub(super) turn: &'a AtomicU64,
    /// What turns are mixed with.
    pub(super) seed: u64,
    /// Whose request it is; equal for equal visitors.
    pub(super) key: u64,
    /// Whether the address with this number may be used.
    pub(super) usable: U,
    /// How busy it is.
    pub(super) busy: L,
}

impl Balancer {
    /// For addresses with these names; `weights` is empty when they are alike.
    pub(super) fn new(policy: BalancingPolicy, names: &[&str], weights: &[u32]) -> Self {
        let weights = Weights::new(names.len(), weights);
        Self(match policy {
            BalancingPolicy::RoundRobin => Way::RoundRobin(RoundRobin::new(weights)),
            BalancingPolicy::LeastRequest => Way::LeastRequest(weights),
            BalancingPolicy::RingHash => Way::RingHash(RingHash::new(names, &weights)),
            BalancingPolicy::Maglev => Way::Maglev(Maglev::new(names, &weights)),
            BalancingPolicy::Random => Way::Random(weights),
        })
    }

    /// Whether it looks at whose request it is.
    pub(super) fn wants_key(&self) -> bool {
        matches!(self.0, Way::RingHash(_) | Way::Maglev(_))
    }

    /// The number of the next address; None when none may be used.
    pub(super) fn next<U, L>(&self, choice: &Choice<'_, U, L>) -> Option<usize>
    where
        U: Fn(usize) -> bool,
        L: Fn(usize) -> usize,
    {
        match &self.0 {
            Way::RoundRobin(round) => round.next(choice.turn, &choice.usable),
            Way::LeastRequest(weights) => least_request::next(weights, choice.random(), &choice.usable, &choice.busy),
            Way::RingHash(ring) => ring.next(choice.key, &choice.usable),
            Way::Maglev(table) => table.next(choice.key, &choice.usable),
            Way::Random(weights) => random::next(weights, choice.random(), &choice.usable),
        }
    }
}

impl<U, L> Choice<'_, U, L> {
    /// A number that nobody can tell beforehand who has not the seed.
    fn random(&self) -> u64 {
        mix(self.seed ^ self.turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }
}

/// The addresses a request has been to.
#[derive(Debug, Default)]
pub(super) struct Tried([u64; MOST / 64]);

impl Tried {
    pub(super) fn note(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub(super) fn has(&self, index: usize) -> bool {
        self.0.get(index / 64).is_none_or(|word| word & (1 << (index % 64)) != 0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

#[cfg(test)]
mod tests;
