//! Sealing anew, with the newest secret, what older ones have sealed, so that those can leave the ring.
//!
//! Refuses: to touch what none of the secrets opens, and to write over what somebody has written meanwhile.

use std::time::SystemTime;

use super::{PAGE, Vault, open_with};
use crate::{Expected, Put, RecordKind, SessionsError};

/// The kinds that do not end with a session.
const KINDS: [RecordKind; 3] = [RecordKind::Server, RecordKind::Certificate, RecordKind::Blocked];

impl Vault {
    /// Seals with the newest secret every record that an older one has sealed and no session's end takes away; says how
    /// many those were.
    ///
    /// To be done when a secret was put before others: without it, what is rarely written would be lost with them.
    ///
    /// # Errors
    /// As [`Self::read`]; what was sealed anew by then stays so.
    pub async fn reseal(&self, now: SystemTime) -> Result<usize, SessionsError> {
        let mut resealed = 0;
        for kind in KINDS {
            let mut after = None;
            loop {
                let page = self.store.list(kind, after, PAGE, now).await?;
                for (key, stored) in &page {
                    if open_with(self.secrets.now().newest(), key, &stored.sealed).is_some() {
                        continue;
                    }
                    let Some(bytes) = self.open(key, &stored.sealed) else { continue };
                    let (expected, sealed) = (Expected::Version(stored.version), self.seal(key, &bytes)?);
                    let put = self.store.put(key, expected, &sealed, stored.expires_at, now).await?;
                    resealed += usize::from(matches!(put, Put::Stored(_)));
                }
                match page.last() {
                    Some((key, _)) if page.len() == PAGE => after = Some(key.id),
                    _ => break,
                }
            }
        }
        Ok(resealed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::{MemoryStore, Secret32, SecretRing};

    #[tokio::test]
    async fn a_secret_can_leave_the_ring_once_all_is_sealed_anew() {
        let store = Arc::new(MemoryStore::new());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let (old, new) = (Secret32::new([1; 32]), Secret32::new([2; 32]));
        let before = Vault::new(store.clone(), SecretRing::new(old.clone(), []));
        let names: Vec<String> = (0..PAGE * 2 + 3).map(|number| format!("name {number}")).collect();
        for kind in KINDS {
            for name in &names {
                before.write(kind, "group", name, Expected::Absent, name.as_bytes(), None, now).await.unwrap();
            }
        }
        let both = Vault::new(store.clone(), SecretRing::new(new.clone(), [old]));
        both.prepare(now).await.unwrap();
        assert_eq!(both.reseal(now).await.unwrap(), KINDS.len() * names.len());
        assert_eq!(both.reseal(now).await.unwrap(), 0, "once is enough");
        let after = Vault::new(store.clone(), SecretRing::new(new, []));
        for kind in KINDS {
            for name in &names {
                let opened = after.read(kind, "group", name, now).await.unwrap().unwrap();
                assert_eq!(opened.bytes.as_slice(), name.as_bytes());
            }
        }
        let stranger = Vault::new(store, SecretRing::from([3; 32]));
        assert_eq!(stranger.reseal(now).await.unwrap(), 0, "what nobody here opens is left alone");
    }
}
