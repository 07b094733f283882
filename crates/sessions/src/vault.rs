//! Records that the server itself can open, without any visitor's ticket: sealed under its secrets, and found by names
//! that only it can compute.
//!
//! The names come from a key of their own, kept in the store under the secrets, so that they stay when a secret is
//! changed. Refuses: a store whose naming key none of the secrets opens. It was sealed with another secret, and to go
//! on beside it would be to forget who is blocked.

mod reseal;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use aws_lc_rs::hmac;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::record::sha256;
use crate::seal::{SealKey, Secret32};
use crate::store::LONGEST_RECORD;
use crate::{Expected, Put, RecordKey, RecordKind, SecretRing, SessionStore, SessionsError, Version};

/// How many records are read together.
const PAGE: usize = 64;
/// How long records last that end with nothing else.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The sealed records of the server. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn SessionStore>,
    secrets: SecretRing,
    naming: Arc<Naming>,
}

/// The key of names, as far as it is known here.
#[derive(Default)]
struct Naming {
    known: ArcSwapOption<Secret32>,
    /// Held while it is looked for, so that one look serves all who wait.
    looking: Mutex<()>,
}

/// A record out of the vault.
pub struct Opened {
    /// For a later [`Expected::Version`].
    pub version: Version,
    /// What was kept.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl Vault {
    /// The vault in this store.
    pub fn new(store: Arc<dyn SessionStore>, secrets: SecretRing) -> Self {
        Self { store, secrets, naming: Arc::default() }
    }

    /// Makes sure that the store can be used with these secrets.
    ///
    /// # Errors
    /// [`SessionsError::SealedOtherwise`] when it was sealed with a secret that is not among them,
    /// [`SessionsError::StoreUnavailable`].
    pub async fn prepare(&self, now: SystemTime) -> Result<(), SessionsError> {
        self.naming(now).await.map(drop)
    }

    /// Whether the store can be used with these secrets, like [`Self::prepare`], but writes nothing: for secrets that may
    /// yet be refused for another reason.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub async fn check(&self, now: SystemTime) -> Result<(), SessionsError> {
        let key = naming_record();
        match self.store.get(&key, now).await? {
            Some(stored) if self.open(&key, &stored.sealed).is_none() => Err(SessionsError::SealedOtherwise),
            Some(_) | None => Ok(()),
        }
    }

    /// The record of this kind, group and name.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`], and what [`Self::prepare`] may fail with. A record that cannot be opened
    /// counts as [`SessionsError::SealedOtherwise`], never as absent.
    pub async fn read(
        &self,
        kind: RecordKind,
        group: &str,
        name: &str,
        now: SystemTime,
    ) -> Result<Option<Opened>, SessionsError> {
        let key = self.key(kind, group, name, now).await?;
        let Some(stored) = self.store.get(&key, now).await? else { return Ok(None) };
        let bytes = self.open(&key, &stored.sealed).ok_or(SessionsError::SealedOtherwise)?;
        Ok(Some(Opened { version: stored.version, bytes }))
    }

    /// Keeps a record if what is there is what is expected. `until` None is for ever.
    ///
    /// # Errors
    /// As [`Self::read`], and [`SessionsError::TooLong`].
    #[expect(clippy::too_many_arguments, reason = "kind, group and name are one name; the rest is the store's own")]
    pub async fn write(
        &self,
        kind: RecordKind,
        group: &str,
        name: &str,
        expected: Expected,
        bytes: &[u8],
        until: Option<SystemTime>,
        now: SystemTime,
    ) -> Result<Put, SessionsError> {
        let key = self.key(kind, group, name, now).await?;
        let until = until.unwrap_or_else(|| for_ever(now));
        Ok(self.store.put(&key, expected, &self.seal(&key, bytes)?, until, now).await?)
    }

    /// Takes a record away; whether there was one.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn remove(
        &self,
        kind: RecordKind,
        group: &str,
        name: &str,
        now: SystemTime,
    ) -> Result<bool, SessionsError> {
        let key = self.key(kind, group, name, now).await?;
        Ok(self.store.remove(&key).await?)
    }

    /// Every record of one group, in no order that means anything. One that cannot be opened is left out.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn list(&self, kind: RecordKind, group: &str, now: SystemTime) -> Result<Vec<Opened>, SessionsError> {
        let prefix = self.prefix(kind, group, now).await?;
        let mut from = [0; 32];
        from.split_at_mut(16).0.copy_from_slice(&prefix);
        // A name is never all zeros, so nothing is left out by beginning behind it.
        let (mut after, mut opened) = (from, Vec::new());
        loop {
            let page = self.store.list(kind, Some(after), PAGE, now).await?;
            for (key, stored) in &page {
                if !key.id.starts_with(&prefix) {
                    return Ok(opened);
                }
                opened.extend(self.open(key, &stored.sealed).map(|bytes| Opened { version: stored.version, bytes }));
            }
            match page.last() {
                Some((key, _)) if page.len() == PAGE => after = key.id,
                _ => return Ok(opened),
            }
        }
    }

    /// A page of all records of a kind, from the first behind `after`; give the name that comes back as the next
    /// `after`. None comes back at the end.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn page(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> Result<(Vec<Opened>, Option<[u8; 32]>), SessionsError> {
        let page = self.store.list(kind, after, most, now).await?;
        let next = page.last().filter(|_| page.len() == most).map(|(key, _)| key.id);
        let open = |(key, stored): &(RecordKey, crate::Stored)| {
            self.open(key, &stored.sealed).map(|bytes| Opened { version: stored.version, bytes })
        };
        Ok((page.iter().filter_map(open).collect(), next))
    }

    /// What the store calls a record.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub async fn key(
        &self,
        kind: RecordKind,
        group: &str,
        name: &str,
        now: SystemTime,
    ) -> Result<RecordKey, SessionsError> {
        let naming = &*self.naming(now).await?;
        let mut id = [0; 32];
        let (front, back) = id.split_at_mut(16);
        front.copy_from_slice(&mac(naming, kind, &[group]));
        back.copy_from_slice(&mac(naming, kind, &[group, name]));
        Ok(RecordKey { kind, id })
    }

    /// Where the records are.
    pub(crate) fn store(&self) -> &Arc<dyn SessionStore> {
        &self.store
    }

    async fn prefix(&self, kind: RecordKind, group: &str, now: SystemTime) -> Result<[u8; 16], SessionsError> {
        Ok(mac(&*self.naming(now).await?, kind, &[group]))
    }

    /// Looks whether the store still has the key of names that is in use here, which is a way to ask whether it answers.
    /// A store that has lost it, as one that forgets everything when it ends, gets it back; where somebody else has put
    /// another one there meanwhile, that one counts: replicas that call things differently do not hear of each other's
    /// blocks.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub(crate) async fn keep_naming(&self, now: SystemTime) -> Result<(), SessionsError> {
        let key = naming_record();
        let (stored, known) = (self.store.get(&key, now).await?, self.naming.known.load_full());
        let Some(known) = known else { return Ok(()) };
        let Some(stored) = stored else {
            tracing::error!("the session store has lost its records: everybody signs in again, and nobody is blocked");
            self.store.put(&key, Expected::Absent, &self.seal(&key, known.expose())?, for_ever(now), now).await?;
            return Ok(());
        };
        let found = self.open_naming(&key, &stored.sealed)?;
        if found != *known {
            tracing::warn!("the session store was begun anew by another replica");
            self.naming.known.store(Some(Arc::new(found)));
        }
        Ok(())
    }

    /// The key of names, made once for each store.
    async fn naming(&self, now: SystemTime) -> Result<Arc<Secret32>, SessionsError> {
        if let Some(known) = self.naming.known.load_full() {
            return Ok(known);
        }
        let _looking = self.naming.looking.lock().await;
        if let Some(known) = self.naming.known.load_full() {
            return Ok(known);
        }
        let found = Arc::new(self.find_naming(now).await?);
        self.naming.known.store(Some(Arc::clone(&found)));
        Ok(found)
    }

    fn open_naming(&self, key: &RecordKey, sealed: &[u8]) -> Result<Secret32, SessionsError> {
        let bytes = self.open(key, sealed).ok_or(SessionsError::SealedOtherwise)?;
        bytes.as_slice().try_into().map(Secret32::new).map_err(|_| SessionsError::SealedOtherwise)
    }

    async fn find_naming(&self, now: SystemTime) -> Result<Secret32, SessionsError> {
        let key = naming_record();
        let until = for_ever(now);
        loop {
            if let Some(stored) = self.store.get(&key, now).await? {
                let naming = self.open_naming(&key, &stored.sealed)?;
                // Sealed with the newest from now on, so that the older ones can leave the ring one day.
                if open_with(self.secrets.now().newest(), &key, &stored.sealed).is_none() {
                    let sealed = self.seal(&key, naming.expose())?;
                    // A store that takes nothing now can be read all the same; resealing comes to it again.
                    let _not_yet = self.store.put(&key, Expected::Version(stored.version), &sealed, until, now).await;
                }
                return Ok(naming);
            }
            let made = Secret32::random()?;
            let put = self.store.put(&key, Expected::Absent, &self.seal(&key, made.expose())?, until, now).await?;
            // Another replica may have been quicker.
            if matches!(put, Put::Stored(_)) {
                return Ok(made);
            }
        }
    }

    fn seal(&self, key: &RecordKey, bytes: &[u8]) -> Result<Vec<u8>, SessionsError> {
        if bytes.len() > LONGEST_RECORD {
            return Err(SessionsError::TooLong { length: bytes.len(), limit: LONGEST_RECORD });
        }
        seal_key(self.secrets.now().newest(), key)?.seal(bytes, &context(key))
    }

    fn open(&self, key: &RecordKey, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.secrets.now().all().find_map(|secret| open_with(secret, key, sealed))
    }
}

fn for_ever(now: SystemTime) -> SystemTime {
    now.checked_add(FOR_EVER).unwrap_or(now)
}

/// Where the key of names is kept.
fn naming_record() -> RecordKey {
    RecordKey { kind: RecordKind::Server, id: sha256(b"doorward naming key") }
}

fn open_with(secret: &Secret32, key: &RecordKey, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    seal_key(secret, key).ok()?.open(sealed, &context(key))
}

fn seal_key(secret: &Secret32, key: &RecordKey) -> Result<SealKey, SessionsError> {
    SealKey::derive(secret, b"doorward vault", &[key.kind.tag()])
}

/// What the seal is bound to: a record moved to another name does not open.
fn context(key: &RecordKey) -> Vec<u8> {
    [&[key.kind.tag()], key.id.as_slice()].concat()
}

fn mac(naming: &Secret32, kind: RecordKind, parts: &[&str]) -> [u8; 16] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, naming.expose());
    let mut mac = hmac::Context::with_key(&key);
    mac.update(&[kind.tag()]);
    for part in parts {
        // The length first: no two lists of parts are one text.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    let mut short = [0; 16];
    short.copy_from_slice(mac.sign().as_ref().split_at(16).0);
    short
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("secrets", &self.secrets).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("version", &self.version).finish_non_exhaustive()
    }
}
