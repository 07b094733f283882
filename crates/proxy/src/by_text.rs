//! Things found by a text, in a table small enough to stay in a processor's cache when there are ten thousand.
//!
//! Refuses to grow or change: it is made whole, so that every text gets a place of its own (a perfect hash, by "hash and
//! displace"). A look-up reads one number of a short list and one entry, and takes the same turns whichever text it is
//! for: one wait for memory, and nothing that a processor guesses wrong.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// How much of a text an entry has room for: most names of hosts.
const HEAD: usize = 40;
/// How many texts share a number, on the average.
const SHARE: usize = 4;

/// An unchanging map from texts.
#[derive(Debug)]
pub(crate) struct ByText<T> {
    /// The hash is keyed (SipHash, with a key of this table's own), so nobody outside can tell what a text is compared
    /// with. Only those who write the configuration could plant collisions anyhow: what strangers ask for is looked up
    /// and never kept, and compared with one text at most.
    hasher: RandomState,
    /// For each group of texts the number that spreads them to places nobody else has.
    numbers: Box<[u32]>,
    entries: Box<[Entry<T>]>,
    /// What of long texts the entries have no room for, one after the other.
    tails: Box<[u8]>,
}

/// A place, and the text and the value that have it. Those of hosts fill one row of the cache.
#[derive(Debug)]
#[repr(align(64))]
struct Entry<T> {
    head: [u8; HEAD],
    length: u32,
    /// Where its tail begins.
    tail: u32,
    value: Option<T>,
}

impl<T> Default for ByText<T> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), numbers: Box::default(), entries: Box::default(), tails: Box::default() }
    }
}

impl<T, K: AsRef<str>> From<HashMap<K, T>> for ByText<T> {
    fn from(map: HashMap<K, T>) -> Self {
        if map.is_empty() {
            return Self::default();
        }
        // One in eight stays free, or the last texts would look for a place for long.
        let places = map.len() + map.len() / 8 + 1;
        let (hasher, numbers) = loop {
            let hasher = RandomState::new();
            // Hardly ever are there two texts of one hash; then another key tells them apart.
            if let Some(numbers) = spread(map.keys().map(|text| hasher.hash_one(text.as_ref())), places) {
                break (hasher, numbers);
            }
        };
        let empty = || Entry { head: [0; HEAD], length: 0, tail: 0, value: None };
        let mut table = Self {
            hasher,
            numbers,
            entries: std::iter::repeat_with(empty).take(places).collect(),
            tails: Box::default(),
        };
        let mut tails = Vec::new();
        for (text, value) in map {
            let text = text.as_ref();
            let at = table.place(text);
            if let Some(entry) = at.and_then(|at| table.entries.get_mut(at)) {
                entry.head.iter_mut().zip(text.bytes()).for_each(|(into, byte)| *into = byte);
                entry.length = narrow(text.len());
                entry.tail = narrow(tails.len());
                entry.value = Some(value);
                tails.extend(text.bytes().skip(HEAD));
            }
        }
        table.tails = tails.into();
        table
    }
}

impl<T> ByText<T> {
    /// Whether there is nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What there is for exactly this text.
    pub(crate) fn get(&self, text: &str) -> Option<&T> {
        let entry = self.place(text).and_then(|at| self.entries.get(at))?;
        let (head, tail) = text.as_bytes().split_at(text.len().min(HEAD));
        // The head first: of a text nobody has it differs even where the place is free, always the same way.
        let same = entry.head.get(..head.len()) == Some(head)
            && wide(entry.length) == text.len()
            && (tail.is_empty() || self.tails.get(wide(entry.tail)..).is_some_and(|from| from.starts_with(tail)));
        if same { entry.value.as_ref() } else { None }
    }

    /// The one place where a text can be.
    fn place(&self, text: &str) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one(text);
        let number = self.numbers.get(group(hash, self.numbers.len()))?;
        Some(place(hash, *number, self.entries.len()))
    }
}

/// A number for each group that gives every hash a place of its own; none where two hashes are the same.
fn spread(hashes: impl Iterator<Item = u64>, places: usize) -> Option<Box<[u32]>> {
    let mut groups: Vec<Vec<u64>> = vec![Vec::new(); places.div_ceil(SHARE)];
    let count = groups.len();
    for hash in hashes {
        groups.get_mut(group(hash, count))?.push(hash);
    }
    let mut order: Vec<_> = groups.into_iter().enumerate().collect();
    // The largest first, while most places are free.
    order.sort_by_key(|(_, hashes)| std::cmp::Reverse(hashes.len()));
    let (mut numbers, mut taken) = (vec![0; count], vec![false; places]);
    for (at, mut hashes) in order {
        hashes.sort_unstable();
        if hashes.windows(2).any(|pair| pair.first() == pair.last()) {
            return None;
        }
        let number = (0..u32::MAX).find(|number| take(&hashes, *number, &mut taken))?;
        *numbers.get_mut(at)? = number;
    }
    Some(numbers.into())
}

/// Takes the places this number gives; none of them, if one is taken already.
fn take(hashes: &[u64], number: u32, taken: &mut [bool]) -> bool {
    for (count, hash) in hashes.iter().enumerate() {
        match taken.get_mut(place(*hash, number, taken.len())) {
            Some(free) if !*free => *free = true,
            _ => {
                for hash in hashes.iter().take(count) {
                    let at = place(*hash, number, taken.len());
                    taken.get_mut(at).into_iter().for_each(|taken| *taken = false);
                }
                return false;
            }
        }
    }
    true
}

/// Which group a hash is in, of so many: by its upper half.
fn group(hash: u64, groups: usize) -> usize {
    share(hash, groups)
}

/// Which place it has, of so many, with the number of its group: all of it is mixed anew.
fn place(hash: u64, number: u32, places: usize) -> usize {
    /// 2^64 over the golden ratio: multiples of it lie far from each other (Knuth, section 6.4).
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    share((hash ^ u64::from(number).wrapping_mul(GOLDEN)).rotate_left(32).wrapping_mul(GOLDEN), places)
}

/// A number below `of`, as far below it as the upper half of `hash` is below 2^32.
fn share(hash: u64, of: usize) -> usize {
    let of = u64::from(narrow(of));
    usize::try_from(((hash >> 32) * of) >> 32).unwrap_or_default()
}

/// Past four thousand million, which no configuration has, a text is not found.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        assert_eq!(ByText::<u8>::default().get(""), None);
        assert_eq!(ByText::<u8>::from(HashMap::<&str, u8>::new()).get("a"), None);
    }

    #[test]
    fn of_ten_thousand_each_is_found_and_nothing_else() {
        let long = "x".repeat(HEAD);
        let names = (0..10_000)
            .map(|number| [format!("{number}.example"), format!("{long}{number}"), format!("{number}{long}")]);
        let map: HashMap<_, _> = names.flatten().enumerate().map(|(number, name)| (name, number)).collect();
        let table = ByText::from(map.clone());
        for (text, number) in &map {
            assert_eq!(table.get(text), Some(number));
            for other in [text[1..].to_owned(), format!("{text}x"), format!("{}y", &text[..text.len() - 1])] {
                assert_eq!(table.get(&other), map.get(&other), "{other}");
            }
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(
            map in proptest::collection::hash_map("[ab]{0,3}", 0_u8..9, 0..20),
            texts in proptest::collection::vec("[abc]{0,4}", 20),
        ) {
            let table = ByText::from(map.clone());
            for text in &texts {
                prop_assert_eq!(table.get(text), map.get(text));
            }
        }
    }
}
