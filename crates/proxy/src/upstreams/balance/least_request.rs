//! The less busy of two addresses taken at random ("the power of two choices").

use super::hashing::mix;
use super::weights::Weights;

/// Of two usable addresses the one with fewer requests for its weight.
pub(super) fn next(
    weights: &Weights,
    random: u64,
    usable: &impl Fn(usize) -> bool,
    busy: &impl Fn(usize) -> usize,
) -> Option<usize> {
    let first = any(weights.len(), random, usable)?;
    let Some(second) = any(weights.len(), mix(random), &|index| index != first && usable(index)) else {
        return Some(first);
    };
    let load = |index: usize| (busy(index) as u128).saturating_add(1);
    let weight = |index: usize| u128::from(weights.get(index));
    // load/weight of both, without the division.
    Some(if load(second) * weight(first) < load(first) * weight(second) { second } else { first })
}

/// A usable one, each as likely.
fn any(count: usize, random: u64, usable: &impl Fn(usize) -> bool) -> Option<usize> {
    let at = |step: u64| usize::try_from(mix(random.wrapping_add(step)) % count.max(1) as u64).unwrap_or(0);
    // Almost always the first will do; walking on at once would favour those behind unusable ones.
    if let Some(found) = (0..8).map(at).find(|index| *index < count && usable(*index)) {
        return Some(found);
    }
    let there: Vec<usize> = (0..count).filter(|index| usable(*index)).collect();
    there.get(at(8).checked_rem(there.len())?).copied()
}
