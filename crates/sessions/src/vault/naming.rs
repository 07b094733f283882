//! The key by which records are named, made once for each store and kept in it.
//!
//! Refuses: one that none of the secrets opens, and to go on with another than the store has.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

use super::{Vault, for_ever, open_with};
use crate::record::sha256;
use crate::seal::Secret32;
use crate::{Expected, Put, RecordKey, RecordKind, SessionsError};

/// The key of names, as far as it is known here.
#[derive(Default)]
pub(super) struct Naming {
    known: ArcSwapOption<Secret32>,
    /// Held while it is looked for, so that one look serves all who wait.
    looking: Mutex<()>,
}

impl Vault {
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
    pub(super) async fn naming(&self, now: SystemTime) -> Result<Arc<Secret32>, SessionsError> {
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
}

/// Where the key of names is kept.
fn naming_record() -> RecordKey {
    RecordKey { kind: RecordKind::Server, id: sha256(b"doorward naming key") }
}
