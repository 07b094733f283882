//! Beginning, granting, finding and ending sessions.
//!
//! Refuses: see the crate. A store that does not answer is an error, never "signed out".

mod blocks;
mod cache;
mod changes;
mod keeper;
mod lists;
mod records;
mod refresh;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

pub use self::blocks::BlockedPerson;
use self::cache::{Cache, CacheKey};
pub use self::refresh::{Heard, LastHeard, Refreshed, Renewed};
use crate::limits::SharedLimits;
use crate::live::{Begun, Standing};
use crate::record::{GrantRecord, SessionId, SessionRecord, name_of};
use crate::registry::{Found, Registry};
use crate::store::{Health, WatchedStore};
use crate::{
    BrowserId, Known, Limits, LiveSession, NewSession, RecordKind, Sealer, Secret32, SecretRing, SessionStore,
    SessionsError, StoreUnavailable, Ticket, Vault, Version,
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
    /// Counts the words about blocked people: a session that was being loaded when one came is asked about again.
    blocks_heard: AtomicU64,
}

impl Sessions {
    /// Sessions kept in `store`, under keys derived from the server's `secrets`, that last as `limits` say.
    pub fn new(store: Arc<dyn SessionStore>, secrets: impl Into<SecretRing>, limits: impl Into<Limits>) -> Self {
        let health = Arc::<Health>::default();
        let store: Arc<dyn SessionStore> = Arc::new(WatchedStore::new(store, Arc::clone(&health)));
        let secrets = secrets.into();
        Self {
            vault: Vault::new(Arc::clone(&store), secrets.clone()),
            store,
            secrets,
            limits: Arc::new(SharedLimits::new(limits.into())),
            registry: Registry::default(),
            cache: Cache::new(),
            health,
            gate: None,
            listener: OnceLock::new(),
            blocks_heard: AtomicU64::new(0),
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
        let version = self.insert(&place, &place.seal(&record)?, record.begun.expires_at, now).await?;
        let standing = Standing { last_seen: now, version, card_version: Version(0) };
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

    /// The session of a cookie, if this process has met the two together: one SHA-256 and one look-up, no lock
    /// around the whole table, no allocation. `None` means ask [`Self::find`].
    pub fn find_cached(&self, cookie_value: &str, audience: &str, now: SystemTime) -> Option<Arc<LiveSession>> {
        if !self.health.cache_may_answer(self.limits.grace(), now) {
            return None;
        }
        let session = self.cache.get(&CacheKey::of(cookie_value, audience)?)?;
        if session.is_over(now) || session.seems_idle(now, std::time::Duration::ZERO) {
            return None;
        }
        session.touch(now);
        Some(session)
    }

    /// The session of a cookie. `Ok(None)` for a cookie that is malformed, unknown, another host's, expired or
    /// of a session that has ended or was idle for too long.
    ///
    /// # Errors
    /// [`StoreUnavailable`], which says nothing about the session.
    pub async fn find(
        &self,
        cookie_value: &str,
        audience: &str,
        now: SystemTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreUnavailable> {
        if let Some(session) = self.find_cached(cookie_value, audience, now) {
            return Ok(Some(session));
        }
        let Some((ticket, cache_key)) = Ticket::parse(cookie_value).zip(CacheKey::of(cookie_value, audience)) else {
            return Ok(None);
        };
        let place = self.place(RecordKind::Grant, &ticket, audience);
        let Some((grant, _)) = self.read::<GrantRecord>(&place, now).await? else { return Ok(None) };
        let Some(session) = self.load(&grant, now).await? else { return Ok(None) };
        self.cache.insert(cache_key, &session);
        // It may have ended since it was loaded: whoever ends it marks it first and clears the cache then.
        if session.is_over(now) {
            self.cache.remove(&cache_key);
            return Ok(None);
        }
        session.touch(now);
        Ok(Some(session))
    }

    /// Ends the session: for every host, request and tunnel at once, whatever the store says; on other replicas as
    /// soon as the store has told them.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the record could not be removed. The session stays ended in this process; only
    /// a restart before its expiry, or another replica, could bring it back, so say so to whoever asked.
    pub async fn end(&self, session: &LiveSession) -> Result<(), StoreUnavailable> {
        self.end_here(session);
        self.remove_records(session.name(), &crate::SessionCard::of(session), session.last_seen_at()).await?;
        Ok(())
    }

    /// Ends every session in memory that `keep` says no to; all of them are ended here even when the store fails.
    ///
    /// # Errors
    /// The first [`StoreUnavailable`], as for [`Self::end`].
    pub async fn end_live(&self, keep: impl Fn(&LiveSession) -> bool) -> Result<(), StoreUnavailable> {
        let doomed: Vec<_> = self.registry.alive().into_iter().filter(|session| !keep(session)).collect();
        let mut outcome = Ok(());
        for session in doomed {
            outcome = outcome.and(self.end(&session).await);
        }
        outcome
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
        Ok(GrantRecord { session: session.session_id(), data_key: session.data_key().clone() })
    }

    /// The session a grant names, unless it is over.
    pub(crate) async fn load(
        &self,
        grant: &GrantRecord,
        now: SystemTime,
    ) -> Result<Option<Arc<LiveSession>>, StoreUnavailable> {
        let session = match self.registry.find(&name_of(RecordKind::Session, grant.session.bytes())) {
            Found::Alive(session) => session,
            Found::Ended => return Ok(None),
            Found::Unknown => {
                let heard = self.blocks_heard.load(Ordering::Acquire);
                let Some(read) = self.read_session(grant, now).await? else { return Ok(None) };
                // Before it is admitted: from there on a look-up beside this one would return it.
                if self.is_refused(&read) || self.is_blocked(&read.known().identity, now).await? {
                    self.end(&read).await?;
                    return Ok(None);
                }
                let Some(session) = self.registry.admit(read) else { return Ok(None) };
                // And again: its account may have gone since, and `end_live` have passed before it was there.
                let refused = self.is_refused(&session)
                    || self.blocks_heard.load(Ordering::Acquire) != heard
                        && self.is_blocked(&session.known().identity, now).await?;
                if refused {
                    self.end(&session).await?;
                    return Ok(None);
                }
                session
            }
        };
        if session.is_over(now) || !self.is_in_use(&session, now).await? {
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// Ends the session in this process alone.
    fn end_here(&self, session: &LiveSession) {
        self.registry.end(session);
        self.cache.forget(session);
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
