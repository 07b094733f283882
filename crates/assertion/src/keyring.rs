//! Keys that take turns: each is published well before it signs, and for as long as anything it signed is good.
//!
//! A ring is a plain value. Where its record is kept, and that only one process at a time changes it, is for others to
//! see to; replicas that hold the same ring sign with the same key at the same time, by the clock alone.
//!
//! Refuses records that hold anything but P-256 keys in the order of their turns, and rings without a key.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::SignError;
use crate::key::SigningKey;
use crate::signer::LIFETIME;

/// How long a key signs before the next one does: 30 days.
pub const ROTATE_EVERY: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a key is published before it signs: whoever keeps the JWKS as long as it may has it by then twelve times
/// over, and every replica has heard of the new ring.
pub const PUBLISH_AHEAD: Duration = Duration::from_secs(3600);
/// How far an upstream's clock, or another replica's, may be off.
const SKEW: Duration = Duration::from_secs(10 * 60);
/// How long a key is published after it signed last.
pub(crate) const KEEP_AFTER: Duration = Duration::from_secs(LIFETIME.as_secs() + SKEW.as_secs());

/// The longest record that is read, in bytes. One of three keys has under a thousand.
pub const LONGEST_RECORD: usize = 16 * 1024;
/// More keys than are ever needed at once.
const MOST_KEYS: usize = 8;
const VERSION: u8 = 1;

/// The keys there are, in the order of their turns. It holds private keys: its record belongs where nobody reads it.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<Turn>,
}

#[derive(Clone)]
struct Turn {
    pkcs8: Zeroizing<Vec<u8>>,
    key: Arc<SigningKey>,
    signs_from: SystemTime,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u8,
    keys: Vec<KeyRecord>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRecord {
    /// Base64 of the DER.
    pkcs8: String,
    /// Seconds since 1970.
    signs_from: u64,
}

impl Drop for KeyRecord {
    fn drop(&mut self) {
        self.pkcs8.zeroize();
    }
}

impl Keyring {
    /// A ring with one new key, which signs at once.
    ///
    /// # Errors
    /// [`SignError::System`].
    pub fn generate(now: SystemTime) -> Result<Self, SignError> {
        Self::of_one(SigningKey::generate()?, now).ok_or(SignError::System)
    }

    /// A ring that begins with this key (PKCS#8 or SEC1 DER), which signs at once. None when it is not on P-256.
    pub fn of_one(der: Zeroizing<Vec<u8>>, now: SystemTime) -> Option<Self> {
        Some(Self { keys: vec![Turn::new(der, now)?] })
    }

    /// The ring in a record.
    ///
    /// # Errors
    /// [`SignError::RecordDamaged`].
    pub fn from_record(bytes: &[u8]) -> Result<Self, SignError> {
        Self::read(bytes).ok_or(SignError::RecordDamaged)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let record: Record = serde_json::from_slice(bytes.get(..).filter(|all| all.len() <= LONGEST_RECORD)?).ok()?;
        let in_order = record.keys.is_sorted_by_key(|key| key.signs_from);
        if record.version != VERSION || record.keys.is_empty() || record.keys.len() > MOST_KEYS || !in_order {
            return None;
        }
        let turns = record.keys.iter().map(|key| {
            let signs_from = UNIX_EPOCH.checked_add(Duration::from_secs(key.signs_from))?;
            Turn::new(Zeroizing::new(STANDARD.decode(&key.pkcs8).ok()?), signs_from)
        });
        Some(Self { keys: turns.collect::<Option<_>>()? })
    }

    /// The record of this ring: JSON with the private keys in it.
    ///
    /// # Errors
    /// [`SignError::System`] when a time in it is before 1970.
    pub fn to_record(&self) -> Result<Zeroizing<Vec<u8>>, SignError> {
        let keys = self.keys.iter().map(|turn| {
            let since = turn.signs_from.duration_since(UNIX_EPOCH).map_err(|_| SignError::System)?;
            Ok(KeyRecord { pkcs8: STANDARD.encode(&turn.pkcs8), signs_from: since.as_secs() })
        });
        let record = Record { version: VERSION, keys: keys.collect::<Result<_, SignError>>()? };
        serde_json::to_vec(&record).map(Zeroizing::new).map_err(|_| SignError::System)
    }

    /// Whether [`Self::rotate`] would change anything.
    pub fn due(&self, now: SystemTime) -> bool {
        self.wants_a_key(now) || self.is_ahead(now) || self.has_spent(now)
    }

    /// Publishes the next key when its time has come, and drops those nothing of which is good any more.
    ///
    /// # Errors
    /// [`SignError::System`]; then the ring is as before.
    pub fn rotate(&mut self, now: SystemTime) -> Result<(), SignError> {
        let ahead = now.checked_add(PUBLISH_AHEAD).ok_or(SignError::System)?;
        let next = if self.wants_a_key(now) {
            // Not before everybody knows it; and not before its turn.
            let turn = self.keys.last().and_then(|last| last.signs_from.checked_add(ROTATE_EVERY));
            let signs_from = turn.map_or(ahead, |turn| turn.max(ahead));
            Some(Turn::new(SigningKey::generate()?, signs_from).ok_or(SignError::System)?)
        } else {
            None
        };
        self.keys.extend(next);
        // The clock was ahead once. Without this there would be no new key until that time comes again.
        for (place, turn) in self.keys.iter_mut().enumerate() {
            turn.signs_from = turn.signs_from.min(if place == 0 { now } else { ahead });
        }
        while self.has_spent(now) {
            self.keys.remove(0);
        }
        Ok(())
    }

    /// The newest has signed for so long that its successor has to be published.
    fn wants_a_key(&self, now: SystemTime) -> bool {
        let last = self.keys.last().map(|last| last.signs_from);
        let successor = last.and_then(|last| last.checked_add(ROTATE_EVERY)?.checked_sub(PUBLISH_AHEAD));
        successor.is_none_or(|successor| successor <= now)
    }

    /// A turn begins later than any that was given out by this clock.
    fn is_ahead(&self, now: SystemTime) -> bool {
        let longest = now.checked_add(PUBLISH_AHEAD);
        self.keys.first().is_some_and(|first| first.signs_from > now)
            || longest.is_some_and(|longest| self.keys.iter().any(|turn| turn.signs_from > longest))
    }

    /// Nothing that the oldest key signed is good any more.
    fn has_spent(&self, now: SystemTime) -> bool {
        let successor = self.keys.get(1).and_then(|next| next.signs_from.checked_add(KEEP_AFTER));
        successor.is_some_and(|until| until <= now)
    }

    /// The keys with the times from which they sign, the earliest first.
    pub(crate) fn turns(&self) -> Vec<(SystemTime, Arc<SigningKey>)> {
        self.keys.iter().map(|turn| (turn.signs_from, Arc::clone(&turn.key))).collect()
    }
}

impl Turn {
    fn new(der: Zeroizing<Vec<u8>>, signs_from: SystemTime) -> Option<Self> {
        let key = Arc::new(SigningKey::from_der(&der)?);
        Some(Self { pkcs8: der, key, signs_from })
    }
}

impl fmt::Debug for Keyring {
    /// The names of the keys alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|turn| turn.key.kid())).finish()
    }
}

#[cfg(test)]
mod tests;
