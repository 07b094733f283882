//! Each address in turn, the heavier ones more often and evenly spread ("smooth weighted round robin").

use std::sync::atomic::{AtomicU64, Ordering};

use super::weights::Weights;

/// The longest round that is laid out; heavier weights are scaled down to it.
const LONGEST: u64 = 4096;
/// How many turns are passed over for the sake of an even spread.
const PASSED_OVER: usize = 64;

/// The order of one round.
#[derive(Debug)]
pub(super) struct RoundRobin {
    round: Box<[u16]>,
    weights: Weights,
}

impl RoundRobin {
    pub(super) fn new(weights: Weights) -> Self {
        let sum = weights.sum();
        let share = |weight: u32| match u64::from(weight) {
            weight if sum <= LONGEST => weight,
            weight => (weight * LONGEST / sum).max(1),
        };
        let shares: Vec<i64> = weights.iter().map(|weight| i64::try_from(share(weight)).unwrap_or(1)).collect();
        Self { round: smooth(&shares), weights }
    }

    pub(super) fn next(&self, turn: &AtomicU64, usable: &impl Fn(usize) -> bool) -> Option<usize> {
        let length = self.round.len() as u64;
        // One that may not be used costs its turn: were the one behind it taken, it would bear both shares.
        for _ in 0..PASSED_OVER {
            let at = turn.fetch_add(1, Ordering::Relaxed).checked_rem(length)?;
            let index = usize::from(*self.round.get(usize::try_from(at).ok()?)?);
            if usable(index) {
                return Some(index);
            }
        }
        self.weights.at(turn.fetch_add(1, Ordering::Relaxed), usable)
    }
}

/// As nginx does it: everybody gains their share, the richest is next and pays for the whole round.
fn smooth(shares: &[i64]) -> Box<[u16]> {
    let sum: i64 = shares.iter().sum();
    let mut purses = vec![0_i64; shares.len()];
    let mut round = Vec::new();
    for _ in 0..sum {
        for (purse, share) in purses.iter_mut().zip(shares) {
            *purse += share;
        }
        // The first of equals.
        let richest = purses.iter().enumerate().max_by_key(|(index, purse)| (**purse, usize::MAX - index));
        let Some((index, _)) = richest else { break };
        if let Some(purse) = purses.get_mut(index) {
            *purse -= sum;
        }
        round.push(u16::try_from(index).unwrap_or(0));
    }
    round.into()
}
