//! A session in memory, shared by every request and tunnel that runs under it.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use doorward_identity::{Identity, Subject};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::browser::BrowserId;
use crate::limits::SharedLimits;
use crate::record::{SessionId, SessionRecord, name_of};
use crate::refreshing::Refreshing;
use crate::seal::Secret32;
use crate::store::{millis, time_of};
use crate::{LastHeard, RecordKey, RecordKind, Tokens, Version, rights};

/// Activity is noted to the second.
const NOTED_EVERY: u64 = 1000;

/// What a sign-in has found out, from which a session begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who signed in.
    pub identity: Identity,
    /// Which provider said so, as the configuration names it.
    pub provider: String,
    /// What the provider issued.
    pub tokens: Tokens,
    /// Until when the access token is good, where the provider says.
    pub tokens_expire_at: Option<SystemTime>,
    /// Where from.
    pub client: IpAddr,
    /// With which browser; kept up to 256 characters.
    pub user_agent: Option<String>,
    /// The browser of the session that this one follows, if it is known; else it counts as a new one.
    pub browser: Option<BrowserId>,
}

/// What the provider says of the person, as last heard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Known {
    /// Who they are.
    pub identity: Identity,
    /// What the provider issued.
    #[serde(with = "crate::record::tokens")]
    pub tokens: Tokens,
    /// Counts what the provider has said, from 1 at sign-in.
    pub revision: u64,
    /// When it was last heard.
    pub refreshed_at: SystemTime,
    /// Until when the access token is good, where the provider says.
    pub tokens_expire_at: Option<SystemTime>,
}

/// What does not change from sign-in on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) provider: String,
    pub(crate) client: IpAddr,
    pub(crate) user_agent: Option<String>,
    pub(crate) created_at: SystemTime,
    pub(crate) expires_at: SystemTime,
    pub(crate) browser: BrowserId,
}

/// One sign-in of one identity in one browser, alive until it ends or expires.
///
/// There is at most one of it in a process for each session, so ending it ends it for every holder at once.
pub struct LiveSession {
    id: SessionId,
    id_text: Box<str>,
    name: RecordKey,
    data_key: Secret32,
    begun: Begun,
    known: ArcSwap<Known>,
    limits: Arc<SharedLimits>,
    over: AtomicBool,
    ended: CancellationToken,
    /// Milliseconds since 1970: when a request was last seen here, or by another replica as far as is known.
    last_seen: AtomicU64,
    /// What of [`Self::last_seen`] the store knows.
    pub(crate) seen_in_store: AtomicU64,
    /// Whether anything was done in it in this process. If not, [`Self::last_seen`] is only what somebody told.
    seen_here: AtomicBool,
    /// What the person may be let in for, as [`crate::rights`] marks it.
    rights: AtomicU64,
    /// Whether there are tickets that were granted for other rights.
    outdated_tickets: AtomicBool,
    /// Held while what is known is put in the place of what was known, so that it never goes back.
    learning: Mutex<()>,
    /// About how much memory it takes, in bytes.
    size: usize,
    /// When the store was last asked about this session, in milliseconds since 1970.
    pub(crate) verified_at: AtomicU64,
    /// The versions of the records in the store.
    pub(crate) version: AtomicU64,
    pub(crate) card_version: AtomicU64,
    pub(crate) refreshing: Refreshing,
    /// Where the cache holds this session, to take it out when it ends.
    cached_at: Mutex<CachedAt>,
}

/// Keys of the cache, and at how many of them those that are there no more are looked for.
struct CachedAt {
    keys: Vec<[u8; 32]>,
    full_at: usize,
}

/// From how many keys on it is asked which are still good: few hosts have more.
const FEW_KEYS: usize = 32;

/// When a session was last seen, and under which versions its records are in the store.
pub(crate) struct Standing {
    pub(crate) last_seen: SystemTime,
    /// Whether that was here, and not only told.
    pub(crate) seen_here: bool,
    /// When the store was asked, or told.
    pub(crate) verified_at: SystemTime,
    pub(crate) version: Version,
    pub(crate) card_version: Version,
    /// How long its record is, in bytes.
    pub(crate) size: usize,
}

impl LiveSession {
    pub(crate) fn new(
        id: SessionId,
        data_key: Secret32,
        record: SessionRecord,
        standing: &Standing,
        limits: Arc<SharedLimits>,
    ) -> Self {
        let last_seen = millis(standing.last_seen);
        Self {
            id,
            id_text: id.to_text().into(),
            name: name_of(RecordKind::Session, id.bytes()),
            data_key,
            begun: record.begun,
            rights: AtomicU64::new(rights::mark(&record.known.identity)),
            known: ArcSwap::from_pointee(record.known),
            limits,
            over: AtomicBool::new(false),
            ended: CancellationToken::new(),
            last_seen: AtomicU64::new(last_seen),
            seen_in_store: AtomicU64::new(last_seen),
            seen_here: AtomicBool::new(standing.seen_here),
            outdated_tickets: AtomicBool::new(false),
            learning: Mutex::new(()),
            size: standing.size,
            verified_at: AtomicU64::new(millis(standing.verified_at)),
            version: AtomicU64::new(standing.version.0),
            card_version: AtomicU64::new(standing.card_version.0),
            refreshing: Refreshing::default(),
            cached_at: Mutex::new(CachedAt { keys: Vec::new(), full_at: FEW_KEYS }),
        }
    }

    /// What the provider says of the person, as last heard. Ask once for a request, so that the request is decided and
    /// forwarded as the same person.
    pub fn known(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// When the provider was last heard. Cheap enough for every request.
    pub fn last_heard(&self) -> LastHeard {
        let known = self.known.load();
        LastHeard {
            at: known.refreshed_at,
            tokens_expire_at: known.tokens_expire_at,
            can_be_refreshed: known.tokens.refresh_token.is_some(),
        }
    }

    /// Who signed in; this never changes.
    pub fn subject(&self) -> Subject {
        self.known.load().identity.subject.clone()
    }

    /// Which provider said so.
    pub fn provider(&self) -> &str {
        &self.begun.provider
    }

    /// The session's public name, 22 characters: for logs, lists and the `sid` of assertions. Opens nothing.
    pub fn id(&self) -> &str {
        &self.id_text
    }

    /// The address the sign-in came from.
    pub fn client(&self) -> IpAddr {
        self.begun.client
    }

    /// The browser that signed in, as it called itself.
    pub fn user_agent(&self) -> Option<&str> {
        self.begun.user_agent.as_deref()
    }

    /// The browser that signed in, as we call it.
    pub fn browser(&self) -> BrowserId {
        self.begun.browser
    }

    /// When it began.
    pub fn created_at(&self) -> SystemTime {
        self.begun.created_at
    }

    /// When it is over at the latest.
    pub fn expires_at(&self) -> SystemTime {
        self.begun.expires_at
    }

    /// When something was last done in it, as far as is known here.
    pub fn last_seen_at(&self) -> SystemTime {
        time_of(self.last_seen.load(Ordering::Relaxed))
    }

    /// Cancelled when the session ends before its time (sign-out, revocation, idleness). It does not fire at
    /// [`Self::expires_at`]: who holds a session open also watches that.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Whether it has ended or expired. Whether it has been idle for too long takes asking the store:
    /// [`crate::Sessions::find`] does.
    pub fn is_over(&self, now: SystemTime) -> bool {
        // Not the cancellation token, which would take a lock for every request of the session.
        self.over.load(Ordering::Acquire) || now >= self.begun.expires_at
    }

    /// Notes that something is being done in it. Cheap enough for every request and every byte.
    pub fn touch(&self, now: SystemTime) {
        let now = millis(now);
        if now >= self.last_seen.load(Ordering::Relaxed).saturating_add(NOTED_EVERY) {
            self.last_seen.fetch_max(now, Ordering::Relaxed);
            self.seen_here.store(true, Ordering::Relaxed);
        }
    }

    /// Whether tickets may be about that were granted before the person's rights changed: a page load should ask for
    /// a new one, see [`crate::Sessions::regrant`].
    pub fn has_outdated_tickets(&self) -> bool {
        self.outdated_tickets.load(Ordering::Relaxed)
    }

    /// Whether nothing has been done in it here for as long as idleness may last, and `slack` longer.
    pub(crate) fn seems_idle(&self, now: SystemTime, slack: Duration) -> bool {
        let Some(idle) = self.limits.idle() else { return false };
        let quiet = now.duration_since(self.last_seen_at()).unwrap_or_default();
        quiet >= idle.saturating_add(slack)
    }

    /// Takes over what another replica saw.
    pub(crate) fn seen_elsewhere(&self, at: SystemTime) {
        self.last_seen.fetch_max(millis(at), Ordering::Relaxed);
        self.seen_in_store.fetch_max(millis(at), Ordering::Relaxed);
    }

    /// Takes over what the provider said later; false when it is no news.
    pub(crate) fn learn(&self, known: Known, version: Version) -> bool {
        let _learning = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        if self.version.load(Ordering::Acquire) >= version.0 {
            return false;
        }
        self.replace_known(known);
        // Last: whoever sees the version may rely on the rest.
        self.version.store(version.0, Ordering::Release);
        true
    }

    /// Takes over what the provider said, though the store has not taken it yet.
    pub(crate) fn learn_unsaved(&self, known: Known) {
        let _learning = self.learning.lock().unwrap_or_else(PoisonError::into_inner);
        self.replace_known(known);
    }

    fn replace_known(&self, known: Known) {
        let rights = rights::mark(&known.identity);
        self.known.store(Arc::new(known));
        if self.rights.swap(rights, Ordering::Relaxed) != rights {
            self.outdated_tickets.store(true, Ordering::Relaxed);
        }
    }

    /// What the person may be let in for.
    pub(crate) fn rights(&self) -> u64 {
        self.rights.load(Ordering::Relaxed)
    }

    /// Notes for which rights a ticket of it was granted.
    pub(crate) fn note_ticket(&self, rights: u64) {
        if rights != self.rights() {
            self.outdated_tickets.store(true, Ordering::Relaxed);
        }
    }

    /// Whether [`Self::last_seen_at`] is only what the store or another replica told.
    pub(crate) fn is_only_told(&self) -> bool {
        !self.seen_here.load(Ordering::Relaxed)
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Marks the session as ended; every holder sees it from here on.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::Release);
        self.ended.cancel();
    }

    pub(crate) fn session_id(&self) -> SessionId {
        self.id
    }

    /// What the store calls its record.
    pub(crate) fn name(&self) -> &RecordKey {
        &self.name
    }

    pub(crate) fn data_key(&self) -> &Secret32 {
        &self.data_key
    }

    /// As it is to be stored, knowing this.
    pub(crate) fn record(&self, known: Known) -> SessionRecord {
        SessionRecord { known, begun: self.begun.clone() }
    }

    /// Notes that the cache holds this session under `key`. `is_cached` tells of another key whether it still does: a
    /// session with very many tickets remembers no more than twice as many as are in use.
    pub(crate) fn note_cached_at(&self, key: [u8; 32], is_cached: impl Fn(&[u8; 32]) -> bool) {
        let mut cached_at = self.cached_at.lock().unwrap_or_else(PoisonError::into_inner);
        let CachedAt { keys, full_at } = &mut *cached_at;
        if keys.contains(&key) {
            return;
        }
        if keys.len() >= *full_at {
            keys.retain(is_cached);
            *full_at = (keys.len() * 2).max(FEW_KEYS);
        }
        keys.push(key);
    }

    /// Every place in the cache noted so far.
    pub(crate) fn take_cached_at(&self) -> Vec<[u8; 32]> {
        std::mem::take(&mut self.cached_at.lock().unwrap_or_else(PoisonError::into_inner).keys)
    }
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession").field("id", &self.id_text).finish_non_exhaustive()
    }
}
