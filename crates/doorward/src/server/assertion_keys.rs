//! The keys that sign assertions: the configured one; or a ring, kept below the data directory or, where replicas share
//! a store, there.
//!
//! Refuses: to sign with a key that other replicas could not know, as soon as the store has answered once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use doorward_assertion::{Keyring, KeyringFile, SignError, SigningKeys};
use doorward_config::{Assertion, Config};
use doorward_sessions::{Expected, Put, RecordKind, SessionsError, StoreUnavailable, Vault};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::ServerError;

/// Where the ring is in the vault.
const PLACE: (&str, &str) = ("assertion", "keyring");
/// How often the shared ring is looked at, besides when another replica has written it.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often a change is tried again that another replica was quicker with.
const MOST_CONFLICTS: usize = 8;

/// The keys in use, and where they are kept.
#[derive(Debug)]
pub(crate) struct AssertionKeys {
    keys: Arc<SigningKeys>,
    kept: Kept,
    /// Whether the configured key is in use.
    fixed: AtomicBool,
}

#[derive(Debug)]
enum Kept {
    File(KeyringFile),
    Shared(Vault),
}

impl AssertionKeys {
    /// The configured key; without one, the ring in the shared store or in `data_dir/assertion`, which is made when
    /// there is none. While the shared store does not answer, a ring of this process's own, which the shared one
    /// replaces: nobody is known by then of whom anything could be stated.
    ///
    /// # Errors
    /// [`ServerError`].
    pub(crate) async fn open(config: &Config, shared: Option<Vault>, now: SystemTime) -> Result<Self, ServerError> {
        let kept = match shared {
            Some(vault) => Kept::Shared(vault),
            None => Kept::File(KeyringFile::at(&config.data_dir.join("assertion"))),
        };
        let keys = match (&config.assertion.signing_key, &kept) {
            (Some(key), _) => SigningKeys::fixed(key.expose())?,
            (None, Kept::File(file)) => SigningKeys::of_ring(&file.look_after(now)?)?,
            (None, Kept::Shared(vault)) => match shared_ring(vault, now).await {
                Err(ServerError::Sessions(SessionsError::StoreUnavailable(_))) => {
                    SigningKeys::of_ring(&Keyring::generate(now)?)?
                }
                ring => SigningKeys::of_ring(&ring?)?,
            },
        };
        let fixed = AtomicBool::new(config.assertion.signing_key.is_some());
        Ok(Self { keys: Arc::new(keys), kept, fixed })
    }

    /// Takes the configured key into use, or the ring as it is now. A shared ring follows in the background.
    ///
    /// # Errors
    /// [`SignError`]; then the keys are those before.
    pub(crate) fn configure(&self, settings: &Assertion, now: SystemTime) -> Result<(), SignError> {
        match (&settings.signing_key, &self.kept) {
            (Some(key), _) => self.keys.replace_by_fixed(key.expose(), now)?,
            (None, Kept::File(file)) => self.keys.replace(&file.look_after(now)?, now)?,
            (None, Kept::Shared(_)) => {}
        }
        self.fixed.store(settings.signing_key.is_some(), Ordering::Release);
        Ok(())
    }

    /// Publishes the next key when its time has come, and drops those nothing of which is good any more.
    pub(crate) fn look_after(&self, settings: &Assertion, now: SystemTime) {
        self.telling(|| self.configure(settings, now).map_err(ServerError::from));
    }

    /// Follows the shared ring until `stop`; `news` tells that another replica has written.
    pub(crate) async fn run(self: Arc<Self>, news: Arc<Notify>, stop: CancellationToken) {
        let Kept::Shared(vault) = &self.kept else { return };
        loop {
            let now = SystemTime::now();
            match shared_ring(vault, now).await {
                Err(ServerError::Sessions(SessionsError::StoreUnavailable(error))) => {
                    debug!(%error, "the shared signing keys could not be looked at");
                }
                // Configured ones go before; the ring is kept right all the same, for when they are gone.
                Ok(_) if self.fixed.load(Ordering::Acquire) => {}
                ring => self.telling(|| Ok(self.keys.replace(&ring?, now)?)),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = news.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn telling(&self, change: impl FnOnce() -> Result<(), ServerError>) {
        let before = self.keys.published().etag;
        match change() {
            Ok(()) if self.keys.published().etag != before => info!("the published signing keys have changed"),
            Ok(()) => {}
            Err(error) => {
                error!(error = %crate::commands::Failure::of(&error), "the signing keys cannot be looked after; those in use go on");
            }
        }
    }

    pub(crate) fn keys(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.keys)
    }
}

/// The ring that replicas share, after what is due.
async fn shared_ring(vault: &Vault, now: SystemTime) -> Result<Keyring, ServerError> {
    for _ in 0..MOST_CONFLICTS {
        let kept = vault.read(RecordKind::Server, PLACE.0, PLACE.1, now).await?;
        let (ring, expected) = match &kept {
            None => (Keyring::generate(now)?, Expected::Absent),
            Some(kept) => {
                let mut ring = Keyring::from_record(&kept.bytes)?;
                if !ring.due(now) {
                    return Ok(ring);
                }
                ring.rotate(now)?;
                (ring, Expected::Version(kept.version))
            }
        };
        let record = ring.to_record()?;
        let put = vault.write(RecordKind::Server, PLACE.0, PLACE.1, expected, &record, None, now).await?;
        if matches!(put, Put::Stored(_)) {
            return Ok(ring);
        }
    }
    warn!("other replicas write the signing keys all the time");
    Err(SessionsError::StoreUnavailable(StoreUnavailable::new("the record of signing keys never stood still")).into())
}

#[cfg(test)]
mod tests {
    use doorward_assertion::{PUBLISH_AHEAD, ROTATE_EVERY};
    use doorward_sessions::{MemoryStore, SecretRing};

    use super::*;

    fn vault(store: &Arc<MemoryStore>) -> Vault {
        Vault::new(Arc::clone(store) as _, SecretRing::from([7; 32]))
    }

    async fn published(vault: &Vault, now: SystemTime) -> bytes::Bytes {
        let ring = shared_ring(vault, now).await.unwrap();
        SigningKeys::of_ring(&ring).unwrap().published().body
    }

    #[tokio::test]
    async fn replicas_publish_the_same_keys_also_when_they_begin_or_rotate_together() {
        let store = Arc::new(MemoryStore::new());
        let replicas: Vec<_> = (0..4).map(|_| vault(&store)).collect();
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let mut bodies = Vec::new();
        for now in [start, start + ROTATE_EVERY - PUBLISH_AHEAD, start + ROTATE_EVERY * 2] {
            let all = futures_util::future::join_all(replicas.iter().map(|vault| published(vault, now))).await;
            assert!(all.iter().all(|body| *body == all[0]));
            bodies.push(all[0].clone());
        }
        assert!(bodies[0] != bodies[1] && bodies[1] != bodies[2], "they take turns");
    }

    #[tokio::test]
    async fn a_ring_that_cannot_be_read_is_not_replaced() {
        let store = Arc::new(MemoryStore::new());
        let (vault, now) = (vault(&store), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        vault.write(RecordKind::Server, PLACE.0, PLACE.1, Expected::Absent, b"{}", None, now).await.unwrap();
        assert!(matches!(shared_ring(&vault, now).await, Err(ServerError::Assertion(_))));
        let kept = vault.read(RecordKind::Server, PLACE.0, PLACE.1, now).await.unwrap().unwrap();
        assert_eq!(kept.bytes.as_slice(), b"{}");
    }
}
