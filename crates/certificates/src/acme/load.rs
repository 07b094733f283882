//! What is kept, read and put in service.
//!
//! Refuses: taking a certificate out of service because its record is damaged.

use std::sync::atomic::Ordering;

use doorward_config::Acme;
use doorward_hygiene::HostPattern;

use super::book::{self, Entry, Owned};
use super::check;
use super::manager::Inner;
use super::records::{Attempts, CertificateRecord, Read, key_of, key_of_authority, read};
use crate::store::{CertificateStore, RecordKind, StoreError};

/// Reads everything, at the start.
pub(crate) async fn everything(inner: &Inner, acme: &Acme, store: &dyn CertificateStore) -> Result<(), StoreError> {
    inner.book.adjust(acme);
    for key in store.list(RecordKind::Attempt).await? {
        // A name on demand is known by what was tried for it.
        let name = key.name().replacen("+.", "*.", 1);
        if let Ok(name) = HostPattern::parse(&name)
            && book::on_demand(acme, &name)
        {
            inner.book.entries().entry(name).or_insert_with(|| Entry { on_demand: true, ..Entry::default() });
        }
    }
    gate(inner, acme, store).await?;
    unread(inner, store).await?;
    inner.loaded.store(true, Ordering::Release);
    Ok(())
}

/// Reads what has not been read yet.
pub(crate) async fn unread(inner: &Inner, store: &dyn CertificateStore) -> Result<(), StoreError> {
    let entries =
        inner.book.entries().iter().filter(|(_, entry)| !entry.loaded).map(|(name, _)| name.clone()).collect();
    let names: Vec<HostPattern> = entries;
    for name in names {
        one(inner, store, &name).await?;
    }
    Ok(())
}

/// How the authority has fared.
pub(crate) async fn gate(inner: &Inner, acme: &Acme, store: &dyn CertificateStore) -> Result<(), StoreError> {
    let Ok(key) = key_of_authority(RecordKind::Attempt, &acme.directory) else { return Ok(()) };
    let kept = match read::<Attempts>(store, &key).await? {
        Read::Some(kept) => kept,
        Read::None | Read::Damaged(_) => Attempts::default(),
    };
    *inner.book.gate() = kept;
    Ok(())
}

/// Reads what is kept of one name, and puts its certificate in service if it is news.
pub(crate) async fn one(inner: &Inner, store: &dyn CertificateStore, name: &HostPattern) -> Result<(), StoreError> {
    let (Ok(attempt_key), Ok(certificate_key)) =
        (key_of(RecordKind::Attempt, name), key_of(RecordKind::Certificate, name))
    else {
        return Ok(());
    };
    let mut damage = None;
    let attempts = match read::<Attempts>(store, &attempt_key).await? {
        Read::Some(attempts) => Some(attempts),
        Read::None => None,
        Read::Damaged(text) => {
            damage = Some(text);
            None
        }
    };
    let kept = match read::<CertificateRecord>(store, &certificate_key).await? {
        Read::Some(record) => match check::kept(&record.chain, &record.key, name) {
            Ok(checked) => Some((checked, record.directory)),
            Err(rejected) => {
                store.set_aside(&certificate_key).await?;
                damage = Some(format!(
                    "the certificate in {certificate_key} is not put in service and was set aside: {rejected}"
                ));
                None
            }
        },
        Read::None => None,
        Read::Damaged(text) => {
            damage = Some(text);
            None
        }
    };
    let now = (inner.clock)();
    let mut news = None;
    {
        let mut entries = inner.book.entries();
        let Some(entry) = entries.get_mut(name) else { return Ok(()) };
        entry.loaded = true;
        if let Some(attempts) = attempts {
            entry.attempts = attempts;
        }
        if let Some(text) = damage {
            tracing::error!(%name, "{text}");
            entry.notice = Some(text);
        }
        if let Some((checked, directory)) = kept {
            let same = entry.certificate.as_ref().is_some_and(|owned| Some(&owned.leaf) == checked.leaf());
            if !same && now < checked.facts.not_after {
                entry.certificate = Owned::of(&checked, &directory);
                news = Some(checked);
            }
        }
    }
    if let Some(checked) = news {
        inner.obtained.publish(name, checked.certified, checked.facts);
    }
    Ok(())
}
