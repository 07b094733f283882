//! The same address for the same visitor: a place in a table (Eisenbud and others, "Maglev", NSDI 2016, §3.4).
//!
//! One look-up each, and shares that are more even than a ring's; an address that goes moves a few others' visitors too.

use super::hashing::{mix, text};
use super::weights::Weights;

/// The places of the table; a prime.
const PLACES: u32 = 65_537;
/// How often another place is looked at before all are asked in turn.
const LOOKS: u64 = 64;

/// The table.
#[derive(Debug)]
pub(super) struct Maglev {
    places: Box<[u16]>,
    count: usize,
}

impl Maglev {
    pub(super) fn new(names: &[&str], weights: &Weights) -> Self {
        Self { places: fill(names, weights), count: names.len() }
    }

    pub(super) fn next(&self, key: u64, usable: &impl Fn(usize) -> bool) -> Option<usize> {
        let at =
            |key: u64| self.places.get(usize::try_from(key % u64::from(PLACES)).ok()?).map(|index| usize::from(*index));
        let mut key = key;
        for _ in 0..LOOKS {
            let index = at(key)?;
            if usable(index) {
                return Some(index);
            }
            key = mix(key);
        }
        let start = at(key)?;
        (0..self.count).map(|step| (start + step) % self.count).find(|index| usable(*index))
    }
}

/// One address, while places are taken.
struct Taker {
    offset: u64,
    skip: u64,
    next: u64,
    /// What it has saved up; it takes a place for each `heaviest` of it.
    saved: u64,
}

/// Everybody takes their next preferred place that is free, the heavier ones more often, until none is left.
fn fill(names: &[&str], weights: &Weights) -> Box<[u16]> {
    let count = u64::from(PLACES);
    let mut places = vec![u16::MAX; if names.is_empty() { 0 } else { usize::try_from(PLACES).unwrap_or(0) }];
    let heaviest = weights.iter().max().unwrap_or(1);
    let mut takers: Vec<Taker> = names
        .iter()
        .map(|name| {
            let hash = text(name);
            Taker { offset: hash % count, skip: mix(hash) % (count - 1) + 1, next: 0, saved: 0 }
        })
        .collect();
    let mut left = places.len();
    while left > 0 {
        for (index, (taker, weight)) in takers.iter_mut().zip(weights.iter()).enumerate() {
            taker.saved += u64::from(weight);
            if taker.saved < u64::from(heaviest) {
                continue;
            }
            taker.saved -= u64::from(heaviest);
            while left > 0 && taker.next < count {
                let place = (taker.offset + taker.next * taker.skip) % count;
                taker.next += 1;
                let place = usize::try_from(place).ok().and_then(|place| places.get_mut(place));
                if let Some(place) = place.filter(|place| **place == u16::MAX) {
                    *place = u16::try_from(index).unwrap_or(0);
                    left -= 1;
                    break;
                }
            }
        }
    }
    places.into()
}
