//! The right to order, held as long as this lives.
//!
//! Refuses: a word about what is to be written when somebody else has taken over.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::{CancellationToken, DropGuard};

use super::problem::Failure;
use crate::store::{CertificateStore, StoreError, Term};

/// The lease, renewed in the background.
pub(crate) struct Lease {
    store: Arc<dyn CertificateStore>,
    holder: String,
    clock: fn() -> SystemTime,
    length: Duration,
    lost: CancellationToken,
    _renewal: DropGuard,
}

impl Lease {
    /// Takes the lease if nobody else holds it.
    pub(crate) async fn acquire(
        store: &Arc<dyn CertificateStore>,
        holder: &str,
        clock: fn() -> SystemTime,
        length: Duration,
    ) -> Result<Option<Self>, StoreError> {
        if !store.acquire(holder, term(clock, length)).await? {
            return Ok(None);
        }
        let (lost, over) = (CancellationToken::new(), CancellationToken::new());
        let (kept, whose, gone) = (Arc::clone(store), holder.to_owned(), lost.clone());
        tokio::spawn(over.clone().run_until_cancelled_owned(async move {
            loop {
                tokio::time::sleep(length / 3).await;
                match kept.renew(&whose, term(clock, length)).await {
                    Ok(true) => {}
                    Ok(false) => return gone.cancel(),
                    // Tried again before the time is over; if it never works, nothing else can be written either.
                    Err(error) => tracing::warn!(%error, "the lease to order could not be renewed"),
                }
            }
        }));
        let store = Arc::clone(store);
        Ok(Some(Self { store, holder: holder.to_owned(), clock, length, lost, _renewal: over.drop_guard() }))
    }

    /// To be asked before each write: whether the lease is ours still, and for a while to come.
    pub(crate) async fn confirm(&self) -> Result<(), Failure> {
        match self.store.renew(&self.holder, term(self.clock, self.length)).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.lost.cancel();
                Err(Failure::interrupted())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends when the lease is somebody else's.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives it back, so that nobody has to wait for its end.
    pub(crate) async fn release(self) {
        if let Err(error) = self.store.release(&self.holder).await {
            tracing::warn!(%error, "the lease to order could not be given back");
        }
    }
}

fn term(clock: fn() -> SystemTime, length: Duration) -> Term {
    let now = clock();
    Term { now, until: now.checked_add(length).unwrap_or(now) }
}
