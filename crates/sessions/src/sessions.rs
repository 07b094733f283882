//! Beginning, granting, finding and ending sessions.
//!
//! Refuses: see the crate. A store that does not answer is an error, never "signed out".

mod blocks;
mod cache;
mod changes;
mod ending;
mod keeper;
mod lists;
mod look_up;
mod recognise;
mod records;
mod refresh;
mod regrant;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

pub use self::blocks::{BlockedPerson, Blocking};
use self::cache::Cache;
use self::ending::Untold;
pub use self::recognise::{MOST_TICKETS, Recognised};
pub use self::refresh::{Heard, LastHeard, Refreshed, Renewed};
use crate::limits::SharedLimits;
use crate::live::{Begun, Standing};
use crate::record::{GrantRecord, SessionId, SessionRecord};
use crate::registry::Registry;
use crate::store::{Health, WatchedStore};
use crate::{
    BrowserId, Known, Limits, LiveSession, NewSession, RecordKey, RecordKind, Sealer, Secret32, SecretRing,
    SessionStore, SessionsError, Ticket, Vault, Version,
};

/// How much of a browser's own name is kept, in characters.
const LONGEST_USER_AGENT: usize = 256;

type Gate = Box<dyn Fn(&LiveSession) -> bool + Send + Sync>;
type Listener = Box<dyn Fn(&Arc<LiveSession>) + Send + Sync>;

/// All sessions of this Doorward.
pub struct Sessions {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) secrets: SecretRing,
    vault: Vault,
    limits: Arc<SharedLimits>,
    registry: Registry,
    cache: Cache,
    health: Arc<Health>,
    gate: Option<Gate>,
    listener: OnceLock<Listener>,
    /// The blocks that this process is about to put in place, and therefore need not hear of.
    blocks_told: Mutex<Vec<RecordKey>>,
    is_shared: bool,
    untold: Untold,
    /// Counts what casts doubt on what was read before: people being blocked, lost words. A session that was being
    /// loaded meanwhile is asked about again.
    doubts: AtomicU64,
    /// Whether every session has to be asked about, because that failed when it was due.
    to_verify_all: AtomicBool,
    /// Up to which change of the ring what is kept for long has been sealed anew, and the cache emptied.
    resealed_up_to: AtomicU64,
    losses_seen: AtomicU64,
}

impl Sessions {
    /// Sessions kept in `store`, under keys derived from the server's `secrets`, that last as `limits` say.
    pub fn new(store: Arc<dyn SessionStore>, secrets: impl Into<SecretRing>, limits: impl Into<Limits>) -> Self {
        let health = Arc::<Health>::default();
        let store: Arc<dyn SessionStore> = Arc::new(WatchedStore::new(store, Arc::clone(&health)));
        let secrets = secrets.into();
        Self {
            vault: Vault::new(Arc::clone(&store), secrets.clone()),
            secrets,
            limits: Arc::new(SharedLimits::new(limits.into())),
            registry: Registry::default(),
            cache: Cache::new(),
            is_shared: store.is_shared(),
            store,
            health,
            gate: None,
            listener: OnceLock::new(),
            blocks_told: Mutex::default(),
            untold: Untold::default(),
            doubts: AtomicU64::new(0),
            to_verify_all: AtomicBool::new(false),
            resealed_up_to: AtomicU64::new(0),
            losses_seen: AtomicU64::new(0),
        }
    }

    /// Asks `gate` about every session that begins or is read from the store; one it says no to is ended instead
    /// of returned.
    ///
    /// [`Self::end_live`] reaches only sessions in memory; this is for those that sleep in the store when
    /// their account goes away.
    #[must_use]
    pub fn with_gate(mut self, gate: impl Fn(&LiveSession) -> bool + Send + Sync + 'static) -> Self {
        self.gate = Some(Box::new(gate));
        self
    }

    /// Tells `listener` of every live session whose [`LiveSession::known`] has changed. To be called once.
    pub fn on_news(&self, listener: impl Fn(&Arc<LiveSession>) + Send + Sync + 'static) {
        // A second listener would be a mistake of ours; the first one stays.
        let _ = self.listener.set(Box::new(listener));
    }

    /// From now on sessions last as these limits say; those that have begun keep their absolute end.
    pub fn set_limits(&self, limits: Limits) {
        self.limits.set(limits);
    }

    /// Begins a session. No browser can use it before a ticket is granted.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`]; [`SessionsError::TooLong`] when the provider said too much of the
    /// person; [`SessionsError::Blocked`]; [`SessionsError::Over`] when the gate refuses it;
    /// [`SessionsError::SealedOtherwise`]; [`SessionsError::Cryptography`].
    pub async fn begin(&self, new: NewSession, now: SystemTime) -> Result<Arc<LiveSession>, SessionsError> {
        let id = SessionId::random()?;
        let data_key = Secret32::random()?;
        let record = SessionRecord {
            known: Known {
                identity: new.identity,
                tokens: new.tokens,
                revision: 1,
                refreshed_at: now,
                tokens_expire_at: new.tokens_expire_at,
            },
            begun: Begun {
                provider: new.provider,
                client: new.client,
                user_agent: new.user_agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect()),
                created_at: now,
                expires_at: now.checked_add(self.limits.lifetime()).unwrap_or(now),
                browser: new.browser.map_or_else(BrowserId::random, Ok)?,
            },
        };
        // Before anything is written, and again behind it: whoever blocks somebody does it the other way round.
        if self.is_blocked(&record.known.identity, now).await? {
            return Err(SessionsError::Blocked);
        }
        let place = self.session_place(id, &data_key);
        let sealed = place.seal(&record)?;
        let version = self.insert(&place, &sealed, record.begun.expires_at, now).await?;
        let standing = Standing {
            last_seen: now,
            seen_here: true,
            verified_at: now,
            version,
            card_version: Version(0),
            size: sealed.len(),
        };
        let session = LiveSession::new(id, data_key, record, &standing, Arc::clone(&self.limits));
        self.insert_card(&session, now).await?;
        let session = self.registry.admit(session).ok_or(SessionsError::Over)?;
        if self.is_refused(&session) {
            self.end(&session).await?;
            return Err(SessionsError::Over);
        }
        if self.is_blocked(&session.known().identity, now).await? {
            self.end(&session).await?;
            return Err(SessionsError::Blocked);
        }
        Ok(session)
    }

    /// Grants the session to one more host: the ticket for its cookie. `audience` is the host, or the cookie's
    /// domain; the ticket is worth nothing with another.
    ///
    /// # Errors
    /// [`SessionsError::Over`], [`SessionsError::StoreUnavailable`], [`SessionsError::Cryptography`].
    pub async fn grant(&self, session: &LiveSession, audience: &str, now: SystemTime) -> Result<Ticket, SessionsError> {
        let ticket = Ticket::random()?;
        let place = self.place(RecordKind::Grant, &ticket, audience);
        let sealed = place.seal(&Self::grant_of(session, now)?)?;
        self.insert(&place, &sealed, session.expires_at(), now).await?;
        Ok(ticket)
    }

    /// A sealer for cookies and form fields, with a key for this purpose alone.
    pub fn sealer(&self, purpose: &'static str) -> Sealer {
        Sealer::new(&self.secrets, purpose)
    }

    /// The records of the server itself, in the same store.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Since when the store has been failing; None while it is well, as far as the last call tells.
    pub fn store_failing_since(&self) -> Option<SystemTime> {
        self.health.failing_since()
    }

    /// What a grant or hand-over of this session holds.
    pub(crate) fn grant_of(session: &LiveSession, now: SystemTime) -> Result<GrantRecord, SessionsError> {
        if session.is_over(now) {
            return Err(SessionsError::Over);
        }
        Ok(GrantRecord {
            session: session.session_id(),
            data_key: session.data_key().clone(),
            rights: session.rights(),
            replaced_at: None,
        })
    }

    fn is_refused(&self, session: &LiveSession) -> bool {
        self.gate.as_ref().is_some_and(|gate| !gate(session))
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
