//! The keys in use. Another ring, or a configured key, takes their place while requests go on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::Jwk;

use crate::key::SigningKey;
use crate::keyring::KEEP_AFTER;
use crate::{Keyring, Published, SignError};

/// The keys that sign, and those that are published. Reading takes no lock.
pub struct SigningKeys {
    current: ArcSwap<KeySet>,
    /// Held by whoever replaces the keys, so that no replacement is lost.
    replacing: Mutex<()>,
}

/// One state of them.
pub(crate) struct KeySet {
    /// Counts the states: what an earlier one signed is signed again.
    pub(crate) epoch: u64,
    /// With the times from which they sign, the earliest first; at least one.
    turns: Vec<(SystemTime, Arc<SigningKey>)>,
    first: Arc<SigningKey>,
    /// Whether the key is a configured one, which has no turns.
    fixed: bool,
    /// Keys that sign no more, and how long what they signed may still be good.
    retired: Vec<(SystemTime, Jwk)>,
    published: Published,
}

impl SigningKeys {
    /// Signs with the keys of a ring, each in its turn.
    ///
    /// # Errors
    /// [`SignError::System`].
    pub fn of_ring(ring: &Keyring) -> Result<Self, SignError> {
        Self::with(ring.turns(), false)
    }

    /// Signs with this key alone (P-256, PKCS#8 or SEC1 DER), for ever.
    ///
    /// # Errors
    /// [`SignError::NoKey`] when it is none, [`SignError::System`].
    pub fn fixed(der: &[u8]) -> Result<Self, SignError> {
        Self::with(one(der)?, true)
    }

    fn with(turns: Vec<(SystemTime, Arc<SigningKey>)>, fixed: bool) -> Result<Self, SignError> {
        let set = KeySet::new(0, turns, fixed, Vec::new()).ok_or(SignError::System)?;
        Ok(Self { current: ArcSwap::from_pointee(set), replacing: Mutex::new(()) })
    }

    /// Takes over another state of the ring: from now on the keys are those in it and no others. What was signed before
    /// is not given out again.
    ///
    /// # Errors
    /// [`SignError::System`]; then everything is as before.
    pub fn replace(&self, ring: &Keyring, now: SystemTime) -> Result<(), SignError> {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load();
        let turns = ring.turns();
        if current.is_of(&turns, false) {
            return self.tidy(now);
        }
        // A key that was configured is in no ring, but what it signed is good for a while.
        self.take(turns, false, if current.fixed { current.turns.as_slice() } else { &[] }, now)
    }

    /// Signs with this key alone from now on. Those before stay published as long as what they signed is good.
    ///
    /// # Errors
    /// [`SignError::NoKey`] when it is none, [`SignError::System`]; then everything is as before.
    pub fn replace_by_fixed(&self, der: &[u8], now: SystemTime) -> Result<(), SignError> {
        let turns = one(der)?;
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load();
        if current.is_of(&turns, true) {
            return self.tidy(now);
        }
        self.take(turns, true, &current.turns, now)
    }

    /// Drops the retired keys whose time is over.
    fn tidy(&self, now: SystemTime) -> Result<(), SignError> {
        let current = self.current.load();
        if current.retired.iter().all(|(until, _)| *until > now) {
            return Ok(());
        }
        self.take(current.turns.clone(), current.fixed, &[], now)
    }

    fn take(
        &self,
        turns: Vec<(SystemTime, Arc<SigningKey>)>,
        fixed: bool,
        retiring: &[(SystemTime, Arc<SigningKey>)],
        now: SystemTime,
    ) -> Result<(), SignError> {
        let current = self.current.load();
        let until = now.checked_add(KEEP_AFTER).ok_or(SignError::System)?;
        let retiring = retiring.iter().map(|(_, key)| (until, key.public().clone()));
        let mut retired: Vec<(SystemTime, Jwk)> = retiring.collect();
        retired.extend(current.retired.iter().filter(|(until, _)| *until > now).cloned());
        let set = KeySet::new(current.epoch.wrapping_add(1), turns, fixed, retired).ok_or(SignError::System)?;
        self.current.store(Arc::new(set));
        Ok(())
    }

    /// The JWKS, and its entity tag.
    pub fn published(&self) -> Published {
        self.current.load().published.clone()
    }

    pub(crate) fn current(&self) -> arc_swap::Guard<Arc<KeySet>> {
        self.current.load()
    }
}

impl KeySet {
    fn new(
        epoch: u64,
        turns: Vec<(SystemTime, Arc<SigningKey>)>,
        fixed: bool,
        mut retired: Vec<(SystemTime, Jwk)>,
    ) -> Option<Self> {
        let first = Arc::clone(&turns.first()?.1);
        let mut public: Vec<Jwk> = turns.iter().map(|(_, key)| key.public().clone()).collect();
        // A key that is in use again is retired no more.
        retired.retain(|(_, key)| !public.contains(key));
        public.extend(retired.iter().map(|(_, key)| key.clone()));
        Some(Self { epoch, first, fixed, published: Published::of(public)?, turns, retired })
    }

    /// The key whose turn it is. Before the first turn of all, with a clock that was set back, it is the first.
    pub(crate) fn signing(&self, now: SystemTime) -> &SigningKey {
        let begun = self.turns.iter().rev().find(|(from, _)| *from <= now);
        begun.map_or(&self.first, |(_, key)| key)
    }

    fn is_of(&self, turns: &[(SystemTime, Arc<SigningKey>)], fixed: bool) -> bool {
        let told = |(from, key): &(SystemTime, Arc<SigningKey>)| (*from, key.kid().to_owned());
        self.fixed == fixed && self.turns.iter().map(told).eq(turns.iter().map(told))
    }
}

fn one(der: &[u8]) -> Result<Vec<(SystemTime, Arc<SigningKey>)>, SignError> {
    let key = SigningKey::from_der(der).ok_or(SignError::NoKey)?;
    Ok(vec![(SystemTime::UNIX_EPOCH, Arc::new(key))])
}

fn kid((_, key): &(SystemTime, Arc<SigningKey>)) -> &str {
    key.kid()
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.current.load();
        f.debug_struct("SigningKeys")
            .field("kids", &current.turns.iter().map(kid).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
