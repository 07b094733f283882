//! The server's secrets: the newest seals, every one of them opens.
//!
//! Refuses: to be empty. A secret that leaves the ring takes with it what only it could open.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::seal::Secret32;

/// The server's secrets, newest first. Clones are one ring, so that a secret can be changed while the server runs.
#[derive(Clone)]
pub struct SecretRing(Arc<ArcSwap<Secrets>>);

/// The secrets at one moment.
pub(crate) struct Secrets {
    newest: Secret32,
    older: Vec<Secret32>,
    /// How often the ring has changed.
    changes: u64,
    /// How often it has lost a secret.
    losses: u64,
}

impl SecretRing {
    /// A ring of the `newest` secret, which seals, and `older` ones, which still open.
    pub fn new(newest: Secret32, older: impl IntoIterator<Item = Secret32>) -> Self {
        let older = older.into_iter().collect();
        Self(Arc::new(ArcSwap::from_pointee(Secrets { newest, older, changes: 0, losses: 0 })))
    }

    /// Puts other secrets in the place of these, for every clone. Putting the same ones there changes nothing.
    pub fn replace(&self, newest: Secret32, older: impl IntoIterator<Item = Secret32>) {
        let older: Vec<_> = older.into_iter().collect();
        let now = self.now();
        if now.newest == newest && now.older == older {
            return;
        }
        let stays = |secret: &Secret32| *secret == newest || older.contains(secret);
        let losses = now.losses + u64::from(!now.all().all(stays));
        let changes = now.changes + 1;
        self.0.store(Arc::new(Secrets { newest, older, changes, losses }));
    }

    pub(crate) fn now(&self) -> Arc<Secrets> {
        self.0.load_full()
    }
}

impl From<[u8; 32]> for SecretRing {
    /// A ring of one.
    fn from(secret: [u8; 32]) -> Self {
        Self::new(Secret32::new(secret), [])
    }
}

impl Secrets {
    /// The one that seals.
    pub(crate) fn newest(&self) -> &Secret32 {
        &self.newest
    }

    /// Every one that opens, newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Secret32> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// Whether something may still be sealed with another than the newest.
    pub(crate) fn has_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// How often the ring has changed.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// How often it has lost a secret.
    pub(crate) fn losses(&self) -> u64 {
        self.losses
    }
}

impl fmt::Debug for SecretRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRing").field("secrets", &self.now().all().count()).finish()
    }
}
