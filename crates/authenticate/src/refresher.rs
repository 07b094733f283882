//! Keeps what is known of signed-in people current, in the background while they are active.
//!
//! Refuses: to ask about sessions nobody uses, to ask for more than a few at once, and to let a session that slept for
//! long go on unasked. A provider that is down stops nobody; the hard end of the session does.

mod due;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use doorward_identity::{Groups, Identity};
use doorward_sessions::{Heard, Known, LiveSession, Refreshed, Renewed, Tokens};
use doorward_telemetry::{AuditEvent, audit};
use tokio::sync::Semaphore;

use self::due::Interval;
use crate::authenticator::{BuiltIn, Inner, People};

/// How often it is looked who is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many sessions are refreshed at once in the background.
const IN_BACKGROUND: usize = 16;
/// And how many while somebody waits.
const WHILE_WAITING: usize = 64;
/// How long a request waits for its session to be refreshed.
const WAIT: Duration = Duration::from_secs(5);

/// What limits refreshing.
#[derive(Debug)]
pub(crate) struct Refresher {
    background: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Whether it has been said that the provider gives no refresh tokens.
    said: AtomicBool,
}

impl Default for Refresher {
    fn default() -> Self {
        Self {
            background: Arc::new(Semaphore::new(IN_BACKGROUND)),
            waiting: Arc::new(Semaphore::new(WHILE_WAITING)),
            said: AtomicBool::new(false),
        }
    }
}

impl Inner {
    /// Refreshes the sessions that are in use and due, once a second. Never ends by itself.
    pub(crate) async fn keep_refreshing(&self) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let now = self.now();
            for session in self.sessions.alive() {
                if !self.is_due(&session, now) {
                    continue;
                }
                let Ok(place) = Arc::clone(&self.refresher.background).acquire_owned().await else { return };
                let Some(inner) = self.me.upgrade() else { return };
                tokio::spawn(async move {
                    inner.refresh(&session, |known| inner.ask(known)).await;
                    drop(place);
                });
            }
        }
    }

    /// Whether a session that is in use has to be heard of before it goes on. Called for every request.
    pub(crate) fn is_overdue(&self, session: &LiveSession, now: SystemTime) -> bool {
        match &self.people {
            People::Provider(provider, _) => {
                let heard = session.last_heard();
                heard.can_be_refreshed
                    && Interval(provider.refresh_every()).is_overdue(&heard, now)
                    && !is_resting(session, now)
            }
            People::Accounts(_) => false,
        }
    }

    /// Has the session of a request refreshed where that is overdue. Whether it is still good; a provider that does not
    /// answer in time does not end it.
    pub(crate) async fn hear_first(&self, session: &Arc<LiveSession>, now: SystemTime) -> bool {
        let has_changed = match &self.people {
            People::Provider(..) => false,
            People::Accounts(built_in) => built_in.changed(&session.known().identity).is_some(),
        };
        if !has_changed && !self.is_overdue(session, now) {
            return true;
        }
        if let Some(inner) = self.me.upgrade() {
            let session = Arc::clone(session);
            // A task of its own: it goes on when the request is given up.
            let refreshed = tokio::spawn(async move {
                inner.refresh(&session, |known| inner.ask_in_turn(known)).await;
            });
            let _late_or_done = tokio::time::timeout(WAIT, refreshed).await;
        }
        !session.is_over(now)
    }

    /// Says once what it means that the provider gave no refresh token.
    pub(crate) fn note_refresh_token(&self, tokens: &Tokens) {
        let People::Provider(_, issuer) = &self.people else { return };
        if tokens.refresh_token.is_none() && !self.refresher.said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                issuer,
                "the identity provider gave no refresh token: people stay who they were at sign-in until the session ends, \
                 also when their account is disabled; docs/sessions.md says how to get one (`idp_scopes`, \
                 `idp_request_params`)"
            );
        }
    }

    fn is_due(&self, session: &LiveSession, now: SystemTime) -> bool {
        let may = || {
            !session.is_over(now) && !session.is_being_refreshed() && !is_resting(session, now) && self.admits(session)
        };
        // What most sessions answer with no comes first: all of them are asked every second.
        match &self.people {
            People::Provider(provider, _) => {
                let (heard, interval) = (session.last_heard(), Interval(provider.refresh_every()));
                heard.can_be_refreshed
                    && interval.is_in_use(session.last_seen_at(), now)
                    && interval.is_due(&heard, spread(session), now)
                    && may()
            }
            People::Accounts(built_in) => may() && built_in.changed(&session.known().identity).is_some(),
        }
    }

    async fn refresh<F: Future<Output = Heard> + Send>(
        &self,
        session: &Arc<LiveSession>,
        ask: impl FnOnce(Arc<Known>) -> F + Send,
    ) {
        let outcome = self.sessions.refresh(session, &self.clock, ask).await;
        report(session, &outcome);
    }

    /// Asks when there is a place for it. One place for each session, however many of its requests wait: nobody keeps
    /// others from being heard of. Where there is none in time the session rests, as after any other failure.
    async fn ask_in_turn(&self, known: Arc<Known>) -> Heard {
        match tokio::time::timeout(WAIT, self.refresher.waiting.acquire()).await {
            Ok(Ok(_place)) => self.ask(known).await,
            Ok(Err(_)) | Err(_) => Heard::Unavailable {
                reason: "too many others are being asked about, and none comes to an end".to_owned(),
                refresh_token: None,
            },
        }
    }

    async fn ask(&self, known: Arc<Known>) -> Heard {
        match &self.people {
            People::Provider(provider, _) => provider.refresh(&known, self.now()).await,
            People::Accounts(built_in) => {
                let identity = built_in.changed(&known.identity).unwrap_or_else(|| known.identity.clone());
                Heard::Renewed(Box::new(Renewed { identity, tokens: Tokens::default(), tokens_expire_at: None }))
            }
        }
    }
}

impl BuiltIn {
    /// The person as the configuration has them now, if it says something else than is known.
    fn changed(&self, known: &Identity) -> Option<Identity> {
        let user = self.configured.get(known.email.verified()?)?;
        let groups = Groups::new(user.groups.iter().cloned());
        (user.name != known.name || groups != known.groups).then(|| Identity {
            name: user.name.clone(),
            groups,
            ..known.clone()
        })
    }
}

/// Tells the audit log: of failures once for each outage.
fn report(session: &LiveSession, outcome: &Refreshed) {
    let (reason, ended) = match outcome {
        Refreshed::Ended(reason) => (reason, true),
        Refreshed::Unavailable { reason, first: true } => (reason, false),
        Refreshed::Unavailable { reason, first: false } | Refreshed::Hindered(reason) => {
            tracing::debug!(session = session.id(), reason, "a session could not be refreshed");
            return;
        }
        Refreshed::Renewed => {
            let (user, provider) = (&session.known().identity, session.provider());
            audit(&AuditEvent::Refreshed { user: user.label(), session: session.id(), provider });
            return;
        }
        Refreshed::Already | Refreshed::Over => return,
    };
    audit(&AuditEvent::RefreshFailed {
        user: session.known().identity.label(),
        session: session.id(),
        provider: session.provider(),
        reason,
        ended,
    });
}

/// Whether the last try failed a moment ago.
fn is_resting(session: &LiveSession, now: SystemTime) -> bool {
    session.rests_until().is_some_and(|until| now < until)
}

/// A number that is the session's own, so that many of one age are not all due at once.
fn spread(session: &LiveSession) -> u8 {
    session.id().bytes().fold(0, |sum: u8, byte| sum.wrapping_mul(31).wrapping_add(byte))
}
