//! The weights of addresses, and taking one by its share.

/// One weight for each address, without a common divisor.
#[derive(Debug, Clone)]
pub(super) struct Weights(Box<[u32]>);

impl Weights {
    /// Of so many addresses; `given` is empty when they are alike.
    pub(super) fn new(count: usize, given: &[u32]) -> Self {
        let divisor = given.iter().copied().fold(0, gcd).max(1);
        Self((0..count).map(|index| given.get(index).map_or(1, |weight| (weight / divisor).max(1))).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, index: usize) -> u32 {
        self.0.get(index).copied().unwrap_or(1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().copied()
    }

    pub(super) fn sum(&self) -> u64 {
        self.iter().map(u64::from).sum()
    }

    /// The usable address into whose share of the whole this number falls.
    pub(super) fn at(&self, number: u64, usable: &impl Fn(usize) -> bool) -> Option<usize> {
        let shares = || self.iter().map(u64::from).enumerate().filter(|(index, _)| usable(*index));
        // Asked once and kept: an answer may change between two questions.
        let shares: Vec<(usize, u64)> = shares().collect();
        let whole: u64 = shares.iter().map(|(_, share)| share).sum();
        let mut left = number.checked_rem(whole)?;
        for (index, share) in shares {
            match left.checked_sub(share) {
                Some(rest) => left = rest,
                None => return Some(index),
            }
        }
        None
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
