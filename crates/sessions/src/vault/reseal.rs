//! Sealing anew what is kept for long, so that an older secret can leave the ring.

use std::time::SystemTime;

use super::{PAGE, Vault, open_with};
use crate::{Expected, RecordKind, SessionsError};

/// The kinds that do not end with a session.
const KEPT: [RecordKind; 3] = [RecordKind::Server, RecordKind::Blocked, RecordKind::Certificate];

impl Vault {
    /// Seals with the newest secret what an older one has sealed and no session's end takes away; says how many records
    /// that were. What another replica changes meanwhile is sealed by that one.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`], [`SessionsError::Cryptography`]; what was done stays done.
    pub async fn reseal(&self, now: SystemTime) -> Result<usize, SessionsError> {
        let mut sealed_anew = 0;
        for kind in KEPT {
            let mut after = None;
            loop {
                let page = self.store.list(kind, after, PAGE, now).await?;
                for (key, stored) in &page {
                    if open_with(self.secrets.now().newest(), key, &stored.sealed).is_some() {
                        continue;
                    }
                    // One that none of the secrets opens stays as it is, and is reported to whoever reads it.
                    let Some(bytes) = self.open(key, &stored.sealed) else { continue };
                    let expected = Expected::Version(stored.version);
                    self.store.put(key, expected, &self.seal(key, &bytes)?, stored.expires_at, now).await?;
                    sealed_anew += 1;
                }
                after = page.last().filter(|_| page.len() == PAGE).map(|(key, _)| key.id);
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(sealed_anew)
    }
}
