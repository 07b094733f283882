//! Handing a session from the sign-in host to another host of ours, once, to the browser that asked.
//!
//! Refuses: a code used twice, used late, on another host, for another attempt, or by a browser that does not
//! know the verifier.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use subtle::ConstantTimeEq as _;

use crate::record::{HandoverRecord, sha256};
use crate::{LiveSession, RecordKind, Sessions, SessionsError, StoreUnavailable, Ticket};

/// How long a code is good for.
const LIFETIME: Duration = Duration::from_secs(60);

/// To whom a session is handed over.
#[derive(Clone)]
pub struct Handover {
    /// The host that may take it.
    pub host: String,
    /// The sign-in attempt on that host.
    pub attempt: String,
    /// SHA-256 of the verifier that the browser holds in that host's attempt cookie.
    pub challenge: [u8; 32],
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Sessions {
    /// A code that hands the session over, good once and for a minute; 64 characters that need no escaping.
    ///
    /// # Errors
    /// [`SessionsError::Over`], [`SessionsError::StoreUnavailable`], [`SessionsError::Cryptography`].
    pub async fn offer_handover(
        &self,
        session: &LiveSession,
        handover: Handover,
        now: SystemTime,
    ) -> Result<String, SessionsError> {
        let code = Ticket::random()?;
        let place = self.place(RecordKind::Handover, &code, &handover.host);
        let expires_at = now.checked_add(LIFETIME).unwrap_or(now);
        let record = HandoverRecord {
            grant: Self::grant_of(session, now)?,
            attempt: handover.attempt,
            challenge: handover.challenge,
        };
        self.insert(&place, &place.seal(&record)?, expires_at, now).await?;
        Ok(code.to_cookie_value())
    }

    /// The session a code hands over. `Ok(None)` when the code is not for this host, attempt and verifier, or is
    /// used up, late or none at all. A code that is found is used up whatever comes of it.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn redeem_handover(
        &self,
        code: &str,
        host: &str,
        attempt: &str,
        verifier: &[u8; 32],
        now: SystemTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreUnavailable> {
        let Some(code) = Ticket::parse(code) else { return Ok(None) };
        let place = self.place(RecordKind::Handover, &code, host);
        let Some(stored) = self.store.get(&place.name, now).await? else { return Ok(None) };
        // Of several who found it, the one who removes it may go on.
        if !self.store.remove(&place.name).await? {
            return Ok(None);
        }
        let Some(record) = place.open::<HandoverRecord>(&stored.sealed) else { return Ok(None) };
        let same_browser = sha256(verifier).ct_eq(&record.challenge);
        let same_attempt = attempt.as_bytes().ct_eq(record.attempt.as_bytes());
        if !bool::from(same_browser & same_attempt) {
            return Ok(None);
        }
        self.load(&record.grant, now).await
    }
}
