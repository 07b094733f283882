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
}

impl SecretRing {
    /// A ring of the `newest` secret, which seals, and `older` ones, which still open.
    pub fn new(newest: Secret32, older: impl IntoIterator<Item = Secret32>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Secrets::of(newest, older))))
    }

    /// Puts other secrets in the place of these, for every clone.
    pub fn replace(&self, newest: Secret32, older: impl IntoIterator<Item = Secret32>) {
        self.0.store(Arc::new(Secrets::of(newest, older)));
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
    fn of(newest: Secret32, older: impl IntoIterator<Item = Secret32>) -> Self {
        Self { newest, older: older.into_iter().collect() }
    }

    /// The one that seals.
    pub(crate) fn newest(&self) -> &Secret32 {
        &self.newest
    }

    /// Every one that opens, newest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Secret32> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

impl fmt::Debug for SecretRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretRing").field("secrets", &self.now().all().count()).finish()
    }
}
