//! Beginning, granting, finding and ending sessions.
//!
//! Refuses: see the crate. A store that does not answer is an error, never "signed out".

mod cache;
mod health;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use self::cache::{Cache, CacheKey};
use self::health::Health;
use crate::record::{GrantRecord, Place, SessionId, SessionRecord, name_of};
use crate::registry::{Known, Registry};
use crate::{
    Expected, LiveSession, NewSession, Put, RecordKind, Sealer, Secret32, SessionStore, SessionsError,
    StoreUnavailable, Ticket,
};

/// How much of a browser's own name is kept, in characters.
const LONGEST_USER_AGENT: usize = 256;
/// The longest a session may be asked to last: as long as browsers keep a cookie at most (RFC 6265bis §5.5).
const LONGEST_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// How often expired records are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

type Gate = Box<dyn Fn(&LiveSession) -> bool + Send + Sync>;

/// All sessions of this Doorward.
pub struct Sessions {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) server_secret: Secret32,
    lifetime: Duration,
    registry: Registry,
    cache: Cache,
    pub(crate) health: Health,
    gate: Option<Gate>,
}

impl Sessions {
    /// Sessions kept in `store`, under keys derived from the server's `secret`, over after `lifetime` at the
    /// latest (at most 400 days).
    pub fn new(store: Arc<dyn SessionStore>, secret: &[u8; 32], lifetime: Duration) -> Self {
        Self {
            store,
            server_secret: Secret32::new(*secret),
            lifetime: lifetime.min(LONGEST_LIFETIME),
            registry: Registry::default(),
            cache: Cache::new(),
            health: Health::default(),
            gate: None,
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

    /// Begins a session. No browser can use it before a ticket is granted.
    ///
    /// # Errors
    /// [`SessionsError::StoreUnavailable`]; [`SessionsError::TooLong`] when the provider said too much of the
    /// person; [`SessionsError::Over`] when the gate refuses it; [`SessionsError::Cryptography`].
    pub async fn begin(&self, new: NewSession, now: SystemTime) -> Result<Arc<LiveSession>, SessionsError> {
        let id = SessionId::random()?;
        let data_key = Secret32::random()?;
        let record = SessionRecord {
            identity: new.identity,
            provider: new.provider,
            tokens: new.tokens,
            client: new.client,
            user_agent: new.user_agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect()),
            created_at: now,
            expires_at: now.checked_add(self.lifetime).unwrap_or(now),
        };
        let place = self.session_place(id, &data_key)?;
        self.insert(&place, &place.seal(&record)?, record.expires_at, now).await?;
        let session = self.registry.admit(LiveSession::new(id, data_key, record)).ok_or(SessionsError::Over)?;
        if self.is_refused(&session) {
            self.end(&session).await?;
            return Err(SessionsError::Over);
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
        let place = self.place(RecordKind::Grant, &ticket, audience)?;
        let sealed = place.seal(&Self::grant_of(session, now)?)?;
        self.insert(&place, &sealed, session.expires_at(), now).await?;
        Ok(ticket)
    }

    /// The session of a cookie, if this process has met the two together: one SHA-256 and one look-up, no lock
    /// around the whole table, no allocation. `None` means ask [`Self::find`].
    pub fn find_cached(&self, cookie_value: &str, audience: &str, now: SystemTime) -> Option<Arc<LiveSession>> {
        if !self.health.cache_may_answer(now) {
            return None;
        }
        let session = self.cache.get(&CacheKey::of(cookie_value, audience)?)?;
        (!session.is_over(now)).then_some(session)
    }

    /// The session of a cookie. `Ok(None)` for a cookie that is malformed, unknown, another host's, expired or
    /// of a session that has ended.
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
        let place = self.place(RecordKind::Grant, &ticket, audience).map_err(StoreUnavailable::new)?;
        let Some(grant) = self.read::<GrantRecord>(&place, now).await? else { return Ok(None) };
        let Some(session) = self.load(&grant, now).await? else { return Ok(None) };
        self.cache.insert(cache_key, &session);
        // It may have ended since it was loaded: whoever ends it marks it first and clears the cache then.
        if session.is_over(now) {
            self.cache.remove(&cache_key);
            return Ok(None);
        }
        Ok(Some(session))
    }

    /// Ends the session: for every host, request and tunnel at once, whatever the store says.
    ///
    /// # Errors
    /// [`StoreUnavailable`] when the record could not be removed. The session stays ended in this process; only
    /// a restart before its expiry could bring it back, so say so to whoever asked.
    pub async fn end(&self, session: &LiveSession) -> Result<(), StoreUnavailable> {
        self.registry.end(session);
        self.cache.forget(session);
        let name = name_of(RecordKind::Session, session.session_id().bytes());
        self.store.remove(&name).await.map(drop)
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
        Sealer::new(&self.server_secret, purpose)
    }

    /// Removes what has expired, in memory and in the store; says how many records that were.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn sweep(&self, now: SystemTime) -> Result<usize, StoreUnavailable> {
        self.registry.sweep(now);
        self.health.watch(self.store.sweep(now), now).await
    }

    /// Sweeps once a minute until `stop`.
    pub async fn run_sweeper(&self, clock: fn() -> SystemTime, stop: CancellationToken) {
        let mut tick = tokio::time::interval(SWEEP_EVERY);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            match self.sweep(clock()).await {
                Ok(0) => {}
                Ok(swept) => tracing::debug!(swept, "expired session records removed"),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "sweeping sessions failed"),
            }
        }
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
        let session = match self.registry.find(grant.session) {
            Known::Alive(session) => session,
            Known::Ended => return Ok(None),
            Known::Unknown => {
                let place = self.session_place(grant.session, &grant.data_key).map_err(StoreUnavailable::new)?;
                let Some(record) = self.read::<SessionRecord>(&place, now).await? else { return Ok(None) };
                let read = LiveSession::new(grant.session, grant.data_key.clone(), record);
                // Before it is admitted: from there on a look-up beside this one would return it.
                if self.is_refused(&read) {
                    self.end(&read).await?;
                    return Ok(None);
                }
                let Some(session) = self.registry.admit(read) else { return Ok(None) };
                // And again: its account may have gone since, and `end_live` have passed before it was there.
                if self.is_refused(&session) {
                    self.end(&session).await?;
                    return Ok(None);
                }
                session
            }
        };
        Ok((!session.is_over(now)).then_some(session))
    }

    /// The record at `place`, if there is one and it is authentic.
    pub(crate) async fn read<T: serde::de::DeserializeOwned>(
        &self,
        place: &Place,
        now: SystemTime,
    ) -> Result<Option<T>, StoreUnavailable> {
        let Some(stored) = self.health.watch(self.store.get(&place.name, now), now).await? else { return Ok(None) };
        Ok(place.open(&stored.sealed))
    }

    /// Writes a record under a name nobody has.
    pub(crate) async fn insert(
        &self,
        place: &Place,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> Result<(), SessionsError> {
        let written = self.store.put(&place.name, Expected::Absent, sealed, expires_at, now);
        match self.health.watch(written, now).await? {
            Put::Stored(_) => Ok(()),
            // The names are random: two alike mean that the randomness is none.
            Put::Conflict => Err(SessionsError::Cryptography),
        }
    }

    /// Where the record that a ticket or code opens is kept.
    pub(crate) fn place(&self, kind: RecordKind, ticket: &Ticket, audience: &str) -> Result<Place, SessionsError> {
        Place::new(kind, ticket.id(), ticket.key(), &self.server_secret, audience)
    }

    fn is_refused(&self, session: &LiveSession) -> bool {
        self.gate.as_ref().is_some_and(|gate| !gate(session))
    }

    fn session_place(&self, id: SessionId, data_key: &Secret32) -> Result<Place, SessionsError> {
        Place::new(RecordKind::Session, id.bytes(), data_key, &self.server_secret, "")
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}
