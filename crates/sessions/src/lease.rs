//! Leases: a task that one replica at a time may do.
//!
//! A lease is a record with an expiry, taken by compare-and-set and renewed in the background while it is held.
//! Refuses: to take what somebody holds, and to believe in a lease that could not be renewed in time. Clocks of replicas
//! may differ, and a machine may stand still: a lease keeps work from being done twice, and what is written under it still
//! needs a compare-and-set of its own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Expected, Put, RecordKey, RecordKind, SessionStore, SessionsError, StoreUnavailable, Vault};

/// How often a lease is renewed within its life.
const RENEWED_WITHIN_LIFE: u32 = 4;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Who holds a lease: random, and told to nobody but the store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Holder([u8; 16]);

impl Holder {
    /// Somebody new.
    ///
    /// # Errors
    /// [`SessionsError::Cryptography`] when the system has no randomness.
    pub fn random() -> Result<Self, SessionsError> {
        let mut bytes = [0; 16];
        rand::fill(&mut bytes).map_err(|_| SessionsError::Cryptography)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder(..)")
    }
}

/// A task that is ours alone, until it is released, lost or dropped.
///
/// Dropping it stops the renewing, and it expires by itself; [`Self::release`] lets the next one in at once.
pub struct Lease {
    held: Held,
    lost: CancellationToken,
    renewing: DropGuard,
}

/// What is needed to renew a lease.
#[derive(Clone)]
struct Held {
    store: Arc<dyn SessionStore>,
    key: RecordKey,
    holder: Holder,
    ttl: Duration,
    clock: Clock,
}

impl Lease {
    /// Takes the lease if nobody holds it, for `ttl` at a time. None when somebody does, this `holder` included.
    ///
    /// # Errors
    /// [`StoreUnavailable`]. The lease may have been taken all the same; then it expires after `ttl`.
    pub async fn acquire(
        store: &Arc<dyn SessionStore>,
        key: RecordKey,
        holder: Holder,
        ttl: Duration,
        clock: &Clock,
    ) -> Result<Option<Self>, StoreUnavailable> {
        let held = Held { store: Arc::clone(store), key, holder, ttl, clock: Arc::clone(clock) };
        let Some(until) = held.put(Expected::Absent).await? else { return Ok(None) };
        let (lost, stop) = (CancellationToken::new(), CancellationToken::new());
        let renewing = held.clone().keep(until, lost.clone());
        tokio::spawn(stop.clone().run_until_cancelled_owned(renewing));
        Ok(Some(Self { held, lost, renewing: stop.drop_guard() }))
    }

    /// Cancelled when the lease is somebody else's, or may be: it could not be renewed in time.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Lets go of it, so that the next one need not wait until it expires.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; it expires by itself then.
    pub async fn release(self) -> Result<(), StoreUnavailable> {
        let Self { held, lost, renewing } = self;
        drop(renewing);
        if lost.is_cancelled() {
            return Ok(());
        }
        let now = (held.clock)();
        if let Some(stored) = held.store.get(&held.key, now).await?
            && stored.sealed == held.holder.0
        {
            held.store.remove_if(&held.key, Expected::Version(stored.version)).await?;
        }
        Ok(())
    }
}

impl Held {
    /// Writes the record; until when it holds then.
    async fn put(&self, expected: Expected) -> Result<Option<SystemTime>, StoreUnavailable> {
        let now = (self.clock)();
        let until = now.checked_add(self.ttl).unwrap_or(now);
        let put = self.store.put(&self.key, expected, &self.holder.0, until, now).await?;
        Ok(matches!(put, Put::Stored(_)).then_some(until))
    }

    /// Renews the lease until it is lost.
    async fn keep(self, mut until: SystemTime, lost: CancellationToken) {
        let pause = self.ttl / RENEWED_WITHIN_LIFE;
        loop {
            tokio::time::sleep(pause).await;
            // A store that hangs must not make us believe for longer than the lease lasts.
            let left = until.duration_since((self.clock)()).unwrap_or_default();
            match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(Some(renewed))) => until = renewed,
                // It is somebody else's.
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a lease could not be renewed yet");
                }
                Err(_) => {}
            }
            if (self.clock)() >= until {
                break;
            }
        }
        lost.cancel();
    }

    async fn renew(&self) -> Result<Option<SystemTime>, StoreUnavailable> {
        // Versions begin anew with a record that has expired, so the version alone does not tell whose it is.
        match self.store.get(&self.key, (self.clock)()).await? {
            Some(stored) if stored.sealed == self.holder.0 => self.put(Expected::Version(stored.version)).await,
            _ => Ok(None),
        }
    }
}

impl Vault {
    /// Takes the lease of a task by its name, if nobody holds it: see [`Lease::acquire`].
    ///
    /// # Errors
    /// As [`Vault::read`], and [`SessionsError::Cryptography`].
    pub async fn lease(&self, task: &str, ttl: Duration, clock: &Clock) -> Result<Option<Lease>, SessionsError> {
        let key = self.key(RecordKind::Lease, "task", task, clock()).await?;
        Ok(Lease::acquire(self.store(), key, Holder::random()?, ttl, clock).await?)
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("lost", &self.lost.is_cancelled()).finish_non_exhaustive()
    }
}
