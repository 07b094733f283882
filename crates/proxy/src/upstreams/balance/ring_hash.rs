//! The same address for the same visitor: the next point on a ring ("consistent hashing").
//!
//! An address that goes takes only its own visitors with it.

use super::hashing::{mix, text};
use super::weights::Weights;

/// The points of an address of weight one.
const POINTS: u64 = 160;
/// The most points of a ring.
const MOST_POINTS: u64 = 65_536;

/// The ring.
#[derive(Debug)]
pub(super) struct RingHash {
    /// In order.
    points: Box<[(u64, u16)]>,
    count: usize,
}

impl RingHash {
    pub(super) fn new(names: &[&str], weights: &Weights) -> Self {
        // Not a share of the whole: the points of one address must not depend on the others.
        let each = |weight: u32| match weights.sum().saturating_mul(POINTS) {
            0..=MOST_POINTS => u64::from(weight) * POINTS,
            sum => (u64::from(weight) * POINTS).saturating_mul(MOST_POINTS).checked_div(sum).unwrap_or(0).max(1),
        };
        let points = names.iter().zip(weights.iter()).enumerate().flat_map(|(index, (name, weight))| {
            let start = text(name);
            let index = u16::try_from(index).unwrap_or(0);
            (0..each(weight)).map(move |point| (mix(start ^ mix(point)), index))
        });
        let mut points: Vec<_> = points.collect();
        points.sort_unstable();
        Self { points: points.into(), count: names.len() }
    }

    pub(super) fn next(&self, key: u64, usable: &impl Fn(usize) -> bool) -> Option<usize> {
        let start = self.points.partition_point(|(point, _)| *point < key);
        let (before, from) = self.points.split_at_checked(start)?;
        let mut refused = super::Tried::default();
        let mut left = self.count;
        for (_, index) in from.iter().chain(before) {
            let index = usize::from(*index);
            if refused.has(index) {
                continue;
            }
            if usable(index) {
                return Some(index);
            }
            refused.note(index);
            left -= 1;
            if left == 0 {
                break;
            }
        }
        None
    }
}
