//! The account with an authority, certificates, attempts and pending challenges in the store that replicas share.
//!
//! Refuses: to take a record for another's, and a lease that somebody else holds. Every record is sealed with the
//! server's secrets and found by a name that only they give (`doorward_sessions::Vault`), so private keys are safe from
//! the store's reader.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use doorward_certificates::{
    CertificateStore, LeaseRecord, RecordBytes, RecordKey, RecordKind as Kind, StoreError, Term,
};
use doorward_sessions::{
    Expected, Opened, Put, RecordKey as StoredKey, RecordKind, SessionStore, SessionsError, Vault,
};
use futures_util::future::BoxFuture;

/// The lease of whoever orders.
const LEASE: (&str, &str) = ("acme", "order");
/// How long a challenge is kept that nobody takes out: longer than any authority looks for it.
const CHALLENGES: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long what could not be understood is kept for whoever wants to look.
const DAMAGED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often a change is tried again that others were quicker with.
const MOST_CONFLICTS: usize = 16;
/// How many certificates' names are remembered, to know them when others have written them.
const MOST_NAMES: usize = 100_000;

/// A [`CertificateStore`] in the vault. Clones are one.
#[derive(Clone)]
pub(super) struct SharedCertificates(Arc<Inner>);

struct Inner {
    vault: Vault,
    /// The vault's store, for removals that depend on a version.
    store: Arc<dyn SessionStore>,
    clock: fn() -> SystemTime,
    /// Which certificate a stored name is.
    names: Mutex<HashMap<[u8; 32], RecordKey>>,
}

impl SharedCertificates {
    pub(super) fn new(vault: Vault, store: Arc<dyn SessionStore>, clock: fn() -> SystemTime) -> Self {
        Self(Arc::new(Inner { vault, store, clock, names: Mutex::default() }))
    }

    /// Which certificate a change is about, if it is one that was asked for before.
    pub(super) fn named(&self, key: &StoredKey) -> Option<RecordKey> {
        let names = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        (key.kind == RecordKind::Certificate).then(|| names.get(&key.id).cloned()).flatten()
    }
}

impl Inner {
    async fn read(&self, key: &RecordKey) -> Result<Option<(Opened, RecordBytes)>, SessionsError> {
        let now = (self.clock)();
        if key.kind() == Kind::Certificate {
            let stored = self.vault.key(RecordKind::Certificate, key.kind().as_str(), key.name(), now).await?;
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            if names.len() < MOST_NAMES {
                names.insert(stored.id, key.clone());
            }
        }
        let Some(opened) = self.vault.read(RecordKind::Certificate, key.kind().as_str(), key.name(), now).await? else {
            return Ok(None);
        };
        match named_bytes(&opened.bytes) {
            Some((name, bytes)) if name == key.name() => {
                let bytes = RecordBytes::new(bytes.to_vec());
                Ok(Some((opened, bytes)))
            }
            // The seal is bound to the place, so this is a record of a program that writes them otherwise.
            _ => Err(SessionsError::SealedOtherwise),
        }
    }

    async fn write(&self, group: &str, key: &RecordKey, bytes: &[u8]) -> Result<(), SessionsError> {
        let now = (self.clock)();
        let until = match (key.kind(), group == key.kind().as_str()) {
            (_, false) => Some(DAMAGED),
            (Kind::Challenge, _) => Some(CHALLENGES),
            _ => None,
        };
        let until = until.and_then(|lasting| now.checked_add(lasting));
        let record = with_name(key.name(), bytes);
        self.vault.write(RecordKind::Certificate, group, key.name(), Expected::Any, &record, until, now).await.map(drop)
    }

    async fn set_aside(&self, key: &RecordKey) -> Result<(), SessionsError> {
        let Some((opened, bytes)) = self.read(key).await? else { return Ok(()) };
        self.write(&format!("{}.damaged", key.kind().as_str()), key, &bytes).await?;
        let now = (self.clock)();
        let stored = self.vault.key(RecordKind::Certificate, key.kind().as_str(), key.name(), now).await?;
        // Only what was looked at: another replica may have put a whole one in its place.
        self.store.remove_if(&stored, Expected::Version(opened.version)).await?;
        Ok(())
    }

    async fn list(&self, kind: Kind) -> Result<Vec<RecordKey>, SessionsError> {
        let records = self.vault.list(RecordKind::Certificate, kind.as_str(), (self.clock)()).await?;
        let names = records.iter().filter_map(|record| named_bytes(&record.bytes));
        Ok(names.filter_map(|(name, _)| RecordKey::new(kind, name).ok()).collect())
    }

    /// Changes the lease as the rule says; whether the rule gave it.
    async fn change_lease(
        &self,
        term: Term,
        rule: impl Fn(Option<&LeaseRecord>) -> Option<LeaseRecord>,
    ) -> Result<bool, SessionsError> {
        for _ in 0..MOST_CONFLICTS {
            let kept = self.vault.read(RecordKind::Lease, LEASE.0, LEASE.1, term.now).await?;
            // One that cannot be read says nothing worth keeping.
            let lease = kept.as_ref().and_then(|kept| serde_json::from_slice(&kept.bytes).ok());
            let Some(next) = rule(lease.as_ref()) else { return Ok(false) };
            let expected = kept.map_or(Expected::Absent, |kept| Expected::Version(kept.version));
            let bytes = serde_json::to_vec(&next).unwrap_or_default();
            let until = Some(term.until);
            let put = self.vault.write(RecordKind::Lease, LEASE.0, LEASE.1, expected, &bytes, until, term.now).await?;
            if matches!(put, Put::Stored(_)) {
                return Ok(true);
            }
        }
        // So many are at it that somebody else has it by now.
        Ok(false)
    }

    async fn release(&self, holder: &str) -> Result<(), SessionsError> {
        let now = (self.clock)();
        let Some(kept) = self.vault.read(RecordKind::Lease, LEASE.0, LEASE.1, now).await? else { return Ok(()) };
        let lease: Option<LeaseRecord> = serde_json::from_slice(&kept.bytes).ok();
        if lease.is_some_and(|lease| lease.is_of(holder)) {
            let key = self.vault.key(RecordKind::Lease, LEASE.0, LEASE.1, now).await?;
            self.store.remove_if(&key, Expected::Version(kept.version)).await?;
        }
        Ok(())
    }
}

impl CertificateStore for SharedCertificates {
    fn read<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<RecordBytes>, StoreError>> {
        Box::pin(async move { Ok(self.0.read(key).await.map_err(unavailable)?.map(|(_, bytes)| bytes)) })
    }

    fn write<'a>(&'a self, key: &'a RecordKey, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.write(key.kind().as_str(), key, bytes).await.map_err(unavailable) })
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        let now = (self.0.clock)();
        Box::pin(async move {
            let removed = self.0.vault.remove(RecordKind::Certificate, key.kind().as_str(), key.name(), now).await;
            removed.map_err(unavailable)
        })
    }

    fn set_aside<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.set_aside(key).await.map_err(unavailable) })
    }

    fn list(&self, kind: Kind) -> BoxFuture<'_, Result<Vec<RecordKey>, StoreError>> {
        Box::pin(async move { self.0.list(kind).await.map_err(unavailable) })
    }

    fn acquire<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let taken = self.0.change_lease(term, |kept| LeaseRecord::acquire(kept, holder, term)).await;
            taken.map_err(unavailable)
        })
    }

    fn renew<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let kept = self.0.change_lease(term, |kept| LeaseRecord::renew(kept, holder, term)).await;
            kept.map_err(unavailable)
        })
    }

    fn release<'a>(&'a self, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.release(holder).await.map_err(unavailable) })
    }
}

impl fmt::Debug for SharedCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCertificates").finish_non_exhaustive()
    }
}

fn unavailable(error: SessionsError) -> StoreError {
    StoreError::Unavailable(Box::<dyn Error + Send + Sync>::from(error))
}

/// A record with its name before it, since the store's own names tell nothing: the length of the name in one byte,
/// the name, the bytes.
fn with_name(name: &str, bytes: &[u8]) -> RecordBytes {
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    let mut record = Vec::with_capacity(1 + name.len() + bytes.len());
    record.push(length);
    record.extend_from_slice(name.as_bytes());
    record.extend_from_slice(bytes);
    RecordBytes::new(record)
}

fn named_bytes(record: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = record.split_first()?;
    let (name, bytes) = rest.split_at_checked((*length).into())?;
    Some((std::str::from_utf8(name).ok()?, bytes))
}

#[cfg(test)]
mod tests;
