//! Buckets by key, in memory whose size never changes.
//!
//! A key's bucket lies in one of the eight places of one set, which a keyed hash chooses. Where all eight are taken, the
//! one that is nearest to full makes room: it is the one that would have been forgotten first anyway. So whoever has used
//! theirs up cannot get a new one by coming under ten thousand other names, unless eight of those have used up more and
//! fall into the same set, which nobody outside can tell; and a newcomer is never refused for want of room.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::rate::{Rate, TooSoon};

/// Places in a set: together two lines of a processor's cache.
const WAYS: usize = 8;
/// Sets behind one lock.
const SETS: usize = 64;
/// Locks.
const SHARDS: usize = 128;

/// A bucket's key, hashed, and when it will be full. A place is free once its bucket is full: it says nothing then.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    key: u64,
    full_at: u64,
}

type Shard = Box<[[Place; WAYS]]>;

/// Buckets for any number of keys: 65,536 at once, in one MiB. The memory is taken when the first of a shard is used.
pub struct Buckets {
    hasher: RandomState,
    begun: Instant,
    shards: [Mutex<Shard>; SHARDS],
}

impl Default for Buckets {
    fn default() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { hasher: RandomState::new(), begun: Instant::now(), shards }
    }
}

impl Buckets {
    /// Takes `cost` out of the bucket of `key`. One key is held to one rate: give what has two two keys.
    ///
    /// # Errors
    /// [`TooSoon`] when it does not hold as much; then nothing is taken.
    pub fn take<K: Hash>(&self, key: K, rate: Rate, cost: u32, now: Instant) -> Result<(), TooSoon> {
        let now = self.time(now);
        self.at(key, now, |place| {
            place.full_at = rate.take(place.full_at, cost, now)?;
            Ok(())
        })
    }

    /// Puts back what was taken, for what turned out not to count. A bucket that has made room for another's since is as
    /// good as full: then nothing is done, rather than another's forgotten for it.
    pub fn put_back<K: Hash>(&self, key: K, rate: Rate, cost: u32) {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        let set = shard.get_mut(number_of(hash));
        if let Some(place) = set.and_then(|set| set.iter_mut().find(|place| place.key == hash)) {
            place.full_at = rate.put_back(place.full_at, cost);
        }
    }

    /// The time as buckets count it: nanoseconds since this was made.
    pub fn time(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX)
    }

    fn at<K: Hash, T>(&self, key: K, now: u64, use_it: impl FnOnce(&mut Place) -> T) -> T {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if shard.is_empty() {
            *shard = vec![[Place::default(); WAYS]; SETS].into_boxed_slice();
        }
        let mut none = [Place::default(); WAYS];
        let set = shard.get_mut(number_of(hash)).unwrap_or(&mut none);
        let mut chosen = 0;
        let mut nearest = u64::MAX;
        for (number, place) in set.iter().enumerate() {
            if place.key == hash {
                chosen = number;
                break;
            }
            if place.full_at < nearest {
                (chosen, nearest) = (number, place.full_at);
            }
        }
        let mut aside = Place::default();
        let place = set.get_mut(chosen).unwrap_or(&mut aside);
        if place.key != hash {
            *place = Place { key: hash, full_at: now };
        }
        use_it(place)
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Shard> {
        let number = usize::try_from(hash % SHARDS as u64).unwrap_or(0);
        let [first, ..] = &self.shards;
        self.shards.get(number).unwrap_or(first).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which set of its shard a key's bucket lies in.
fn number_of(hash: u64) -> usize {
    usize::try_from((hash >> 32) % SETS as u64).unwrap_or(0)
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buckets")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rate(times: u32, burst: u32) -> Rate {
        Rate::new(times, Duration::from_secs(1), burst)
    }

    #[test]
    fn each_key_has_its_own_bucket_and_what_is_put_back_can_be_taken_again() {
        let (buckets, rate, now) = (Buckets::default(), rate(1, 2), Instant::now());
        for key in ["a", "b"] {
            buckets.take(key, rate, 1, now).unwrap();
            buckets.take(key, rate, 1, now).unwrap();
            assert_eq!(buckets.take(key, rate, 1, now).unwrap_err().seconds(), 1, "{key}");
        }
        buckets.put_back("a", rate, 1);
        buckets.take("a", rate, 1, now).unwrap();
        assert!(buckets.take("a", rate, 1, now).is_err() && buckets.take("b", rate, 1, now).is_err());
        buckets.take("b", rate, 1, now + Duration::from_secs(1)).unwrap();
        assert!(buckets.take("c", rate, 3, now).is_err(), "dearer than all it holds");
        buckets.take("c", rate, 2, now).unwrap();
    }

    #[test]
    fn who_has_used_it_up_is_remembered_through_a_flood_and_no_newcomer_is_kept_out() {
        let (buckets, rate, now) = (Buckets::default(), rate(1, 10), Instant::now());
        for _ in 0..10 {
            buckets.take("attacker", rate, 1, now).unwrap();
        }
        // Sixteen times as many names as there is room for, each once.
        for name in 0..16 * (WAYS * SETS * SHARDS) {
            buckets.take(name, rate, 1, now).unwrap();
        }
        assert!(buckets.take("attacker", rate, 1, now).is_err(), "the flood has washed the attacker clean");
        buckets.take("newcomer", rate, 10, now).unwrap();
    }

    #[test]
    fn what_is_put_back_for_nobody_costs_nobody_their_place() {
        let (buckets, rate, now) = (Buckets::default(), rate(1, 10), Instant::now());
        // More keys than there is room for: some have made room for others.
        let names = 2 * (WAYS * SETS * SHARDS);
        for name in 0..names {
            buckets.take(name, rate, 1, now).unwrap();
        }
        let known = |buckets: &Buckets| -> Vec<[Place; WAYS]> {
            let shards = buckets.shards.iter().map(|shard| shard.lock().unwrap().to_vec());
            shards.flatten().collect()
        };
        let before = known(&buckets);
        for name in names..2 * names {
            buckets.put_back(name, rate, 1);
        }
        let same = |a: &Place, b: &Place| (a.key, a.full_at) == (b.key, b.full_at);
        let after = known(&buckets);
        assert!(
            before.iter().flatten().zip(after.iter().flatten()).all(|(a, b)| same(a, b)),
            "a stranger's was touched"
        );
        // Nor is anything owed to who was forgotten: a full bucket holds no more than its burst.
        for name in 0..names {
            buckets.put_back(name, rate, 10);
        }
        for name in 0..1000 {
            assert_eq!((0..20).filter(|_| buckets.take(name, rate, 1, now).is_ok()).count(), 10, "{name}");
        }
        // Of a table that nobody has used, none of the memory is taken.
        let unused = Buckets::default();
        unused.put_back("a", rate, 1);
        assert!(known(&unused).is_empty());
    }

    #[test]
    fn many_at_once_get_no_more_than_there_is() {
        let (buckets, rate, now) = (Buckets::default(), rate(1, 1000), Instant::now());
        let took = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| buckets.take("key", rate, 1, now).is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(took, 1000);
    }
}
