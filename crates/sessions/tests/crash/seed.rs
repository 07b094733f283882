//! Numbers that look random and can be had again.

use std::time::{SystemTime, UNIX_EPOCH};

/// What a run's numbers follow from: `SEED`, or the clock.
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    pub(crate) fn of_this_run() -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() % u128::from(u64::MAX);
        Self(std::env::var("SEED").map_or_else(|_| u64::try_from(clock()).unwrap(), |seed| seed.parse().unwrap()))
    }

    pub(crate) fn numbers(&self) -> Numbers {
        Numbers(self.0)
    }
}

/// SplitMix64.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
