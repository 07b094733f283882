//! A session in memory, shared by every request and tunnel that runs under it.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use doorward_identity::Identity;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::record::{SessionId, SessionRecord};
use crate::seal::Secret32;

/// A secret text an identity provider issued, without `Debug` of its content, erased when dropped.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What the identity provider issued at sign-in (OpenID Connect Core §3.1.3.3). Built-in accounts have none.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// For `id_token_hint` at sign-out.
    pub id_token: Option<Token>,
    /// For the provider's own endpoints.
    pub access_token: Option<Token>,
    /// For getting new ones.
    pub refresh_token: Option<Token>,
}

/// What a sign-in has found out, from which a session begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Who signed in.
    pub identity: Identity,
    /// Which provider said so, as the configuration names it.
    pub provider: String,
    /// What the provider issued.
    pub tokens: Tokens,
    /// Where from.
    pub client: IpAddr,
    /// With which browser; kept up to 256 characters.
    pub user_agent: Option<String>,
}

/// One sign-in of one identity in one browser, alive until it ends or expires.
///
/// There is at most one of it in a process for each session, so ending it ends it for every holder at once.
pub struct LiveSession {
    id: SessionId,
    id_text: Box<str>,
    data_key: Secret32,
    record: SessionRecord,
    over: AtomicBool,
    ended: CancellationToken,
    /// Where the cache holds this session, to take it out when it ends.
    cached_at: Mutex<Vec<[u8; 32]>>,
}

impl LiveSession {
    pub(crate) fn new(id: SessionId, data_key: Secret32, record: SessionRecord) -> Self {
        Self {
            id,
            id_text: id.to_text().into(),
            data_key,
            record,
            over: AtomicBool::new(false),
            ended: CancellationToken::new(),
            cached_at: Mutex::new(Vec::new()),
        }
    }

    /// Who signed in.
    pub fn identity(&self) -> &Identity {
        &self.record.identity
    }

    /// Which provider said so.
    pub fn provider(&self) -> &str {
        &self.record.provider
    }

    /// What the provider issued.
    pub fn tokens(&self) -> &Tokens {
        &self.record.tokens
    }

    /// The session's public name, 22 characters: for logs, lists and the `sid` of assertions. Opens nothing.
    pub fn id(&self) -> &str {
        &self.id_text
    }

    /// The address the sign-in came from.
    pub fn client(&self) -> IpAddr {
        self.record.client
    }

    /// The browser that signed in, as it called itself.
    pub fn user_agent(&self) -> Option<&str> {
        self.record.user_agent.as_deref()
    }

    /// When it began.
    pub fn created_at(&self) -> SystemTime {
        self.record.created_at
    }

    /// When it is over at the latest.
    pub fn expires_at(&self) -> SystemTime {
        self.record.expires_at
    }

    /// Cancelled when the session ends before its time (sign-out, revocation). It does not fire at
    /// [`Self::expires_at`]: who holds a session open also watches that.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Whether it has ended or expired.
    pub fn is_over(&self, now: SystemTime) -> bool {
        // Not the cancellation token, which would take a lock for every request of the session.
        self.over.load(Ordering::Acquire) || now >= self.record.expires_at
    }

    /// Marks the session as ended; every holder sees it from here on.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::Release);
        self.ended.cancel();
    }

    pub(crate) fn session_id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn data_key(&self) -> &Secret32 {
        &self.data_key
    }

    /// Notes that the cache holds this session under `key`.
    pub(crate) fn note_cached_at(&self, key: [u8; 32]) {
        let mut keys = self.cached_at.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Every place in the cache noted so far.
    pub(crate) fn take_cached_at(&self) -> Vec<[u8; 32]> {
        std::mem::take(&mut self.cached_at.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession").field("id", &self.id_text).finish_non_exhaustive()
    }
}
