//! Any address, by its weight.

use super::weights::Weights;

/// The address that this random number chooses.
pub(super) fn next(weights: &Weights, random: u64, usable: &impl Fn(usize) -> bool) -> Option<usize> {
    weights.at(random, usable)
}
