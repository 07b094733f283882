//! Hearing of a session's person anew, one at a time wherever the session is in use.
//!
//! In this process whoever comes second waits for the first; across replicas a lease says whose turn it is, and the
//! record is read again under it. Refuses: an answer about somebody else, and what is no longer the session's to write.

mod written;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use doorward_identity::Identity;

use super::Sessions;
use crate::lease::{Clock, Holder, Lease};
use crate::record::sha256;
use crate::{Known, LiveSession, RecordKey, RecordKind, SessionsError, Token, Tokens};

/// How long a lease lasts that is not renewed: a replica that dies in the middle of a refresh holds the others up that long.
const LEASE: Duration = Duration::from_secs(30);
/// How long another replica is waited for.
const OTHERS_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether another replica is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What asking the provider has come to.
#[derive(Debug)]
pub enum Heard {
    /// The person is as it says.
    Renewed(Box<Renewed>),
    /// They may not go on: the session ends. Why, in words for an operator.
    Ended(String),
    /// Nothing could be found out.
    Unavailable {
        /// Why, in words for an operator.
        reason: String,
        /// A refresh token that came all the same: the one before may be spent.
        refresh_token: Option<Token>,
    },
}

/// What the provider says now.
#[derive(Debug)]
pub struct Renewed {
    /// Who the person is. Somebody else ends the session.
    pub identity: Identity,
    /// What it issued; what it did not issue anew stays.
    pub tokens: Tokens,
    /// Until when the access token is good, where the provider says.
    pub tokens_expire_at: Option<SystemTime>,
}

/// What a refresh has come to. Only one of those who wait for a refresh is told more than [`Refreshed::Already`].
#[derive(Debug)]
pub enum Refreshed {
    /// The session knows what the provider says now.
    Renewed,
    /// It was somebody else's turn, and that is over; here or at another replica.
    Already,
    /// The provider, or what it said, has ended the session, and why.
    Ended(String),
    /// Nothing could be found out; the session goes on with what is known, and is left alone for a while.
    Unavailable {
        /// Why.
        reason: String,
        /// Whether this is the first failure since the provider last answered.
        first: bool,
    },
    /// The store, or a replica that does not come to an end, kept us from asking at all.
    Hindered(String),
    /// The session had ended before.
    Over,
}

/// When a session was last heard of, cheaply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastHeard {
    /// When it was last heard.
    pub at: SystemTime,
    /// Until when the access token is good, where the provider says.
    pub tokens_expire_at: Option<SystemTime>,
    /// Whether there is a refresh token to ask with.
    pub can_be_refreshed: bool,
}

/// Why it is not our turn.
enum NotOurs {
    Learnt,
    Over,
    Hindered(String),
}

impl LiveSession {
    /// Until when nothing is asked about this session, because asking failed.
    pub fn rests_until(&self) -> Option<SystemTime> {
        self.refreshing.rests_until()
    }

    /// Whether somebody here is asking at this moment.
    pub fn is_being_refreshed(&self) -> bool {
        self.refreshing.turn.try_lock().is_err()
    }
}

impl Sessions {
    /// Every session in memory.
    pub fn alive(&self) -> Vec<Arc<LiveSession>> {
        self.registry.alive()
    }

    /// Asks about the session's person with `ask`, unless somebody else does so at this moment: then waits for that.
    ///
    /// What is heard is written before anybody uses it. When the store fails just then, it is used all the same, and
    /// written as soon as the store is back: the refresh token of before may be spent. To be run to its end in a task
    /// of its own: when it is dropped after the provider was asked, a new refresh token is lost.
    pub async fn refresh<A, F>(self: &Arc<Self>, session: &Arc<LiveSession>, clock: &Clock, ask: A) -> Refreshed
    where
        A: FnOnce(Arc<Known>) -> F + Send,
        F: Future<Output = Heard> + Send,
    {
        let (turns, before) = (session.refreshing.turns(), session.known().revision);
        let _turn = session.refreshing.turn.lock().await;
        if session.is_over(clock()) {
            return Refreshed::Over;
        }
        if session.refreshing.turns() != turns || session.known().revision != before {
            return Refreshed::Already;
        }
        let mut outcome = self.take_turn(session, clock, ask).await;
        match &mut outcome {
            Refreshed::Unavailable { first, .. } => {
                session.refreshing.failed(clock(), chance());
                *first = session.refreshing.is_news();
            }
            Refreshed::Hindered(_) => session.refreshing.failed(clock(), chance()),
            _ => session.refreshing.succeeded(),
        }
        outcome
    }

    async fn take_turn<A, F>(self: &Arc<Self>, session: &Arc<LiveSession>, clock: &Clock, ask: A) -> Refreshed
    where
        A: FnOnce(Arc<Known>) -> F + Send,
        F: Future<Output = Heard> + Send,
    {
        let lease = match self.lease_of(session, clock).await {
            Ok(lease) => lease,
            Err(NotOurs::Learnt) => return Refreshed::Already,
            Err(NotOurs::Over) => return Refreshed::Over,
            Err(NotOurs::Hindered(reason)) => return Refreshed::Hindered(reason),
        };
        let known = session.known();
        let heard = ask(Arc::clone(&known)).await;
        self.take_in(session, clock, &known, heard, lease).await
    }

    /// Whether it is this replica's turn: with the lease, and nothing newer in the store. No lease where no other
    /// process uses the store.
    async fn lease_of(&self, session: &LiveSession, clock: &Clock) -> Result<Option<Lease>, NotOurs> {
        if !self.store.is_shared() {
            return Ok(None);
        }
        let failed = |error: SessionsError| NotOurs::Hindered(error.to_string());
        let before = session.known().revision;
        let id = sha256(&[b"doorward refresh ".as_slice(), &session.name().id].concat());
        let (key, holder) = (RecordKey { kind: RecordKind::Lease, id }, Holder::random().map_err(failed)?);
        let give_up = tokio::time::Instant::now() + OTHERS_WITHIN;
        loop {
            let lease = Lease::acquire(&self.store, key, holder, LEASE, clock).await;
            let lease = lease.map_err(|error| failed(error.into()))?;
            // Under the lease as without: the other one may be done by now.
            let looked = self.verify(session, clock()).await;
            let verdict = match looked {
                Err(error) => Some(failed(error.into())),
                Ok(()) if session.is_over(clock()) => Some(NotOurs::Over),
                Ok(()) if session.known().revision != before => Some(NotOurs::Learnt),
                Ok(()) => None,
            };
            match (lease, verdict) {
                (Some(lease), None) => return Ok(Some(lease)),
                (Some(lease), Some(not_ours)) => {
                    let _expires_by_itself = lease.release().await;
                    return Err(not_ours);
                }
                (None, Some(not_ours)) => return Err(not_ours),
                (None, None) if tokio::time::Instant::now() >= give_up => {
                    return Err(NotOurs::Hindered("another replica has been asking for a minute".to_owned()));
                }
                (None, None) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }
}

fn unavailable(reason: String) -> Refreshed {
    Refreshed::Unavailable { reason, first: false }
}

/// A random byte, or one that is none where the system has none: it only spreads the load.
fn chance() -> u8 {
    let mut byte = [0; 1];
    let _ = rand::fill(&mut byte);
    let [byte] = byte;
    byte
}
