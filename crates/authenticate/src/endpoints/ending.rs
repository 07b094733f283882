//! Ending sessions of one person, as they asked: all that is in this process at once, the rest as the store allows.
//!
//! Refuses: to touch a session of anybody else, and to stop half-way because the browser has gone.

use std::sync::Arc;

use doorward_identity::Subject;
use doorward_sessions::{BrowserId, LiveSession};
use doorward_telemetry::{AuditEvent, audit};

use crate::AuthenticateError;
use crate::authenticator::Inner;
use crate::oidc;
use crate::visit::{Shared, Visit};

/// Which sessions end, seen from one that asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// The one that asks, and every other in the same browser.
    Browser,
    /// Every one of the person.
    Everywhere,
    /// Every one of the person but the one that asks.
    Others,
    /// Another one, by its public name.
    One(String),
}

impl Which {
    fn ends_itself(&self) -> bool {
        matches!(self, Self::Browser | Self::Everywhere)
    }

    /// Whether another session of the person is meant.
    fn means(&self, asking: &LiveSession, id: &str, browser: BrowserId) -> bool {
        match self {
            _ if id == asking.id() => false,
            Self::Browser => browser == asking.browser(),
            Self::Everywhere | Self::Others => true,
            Self::One(one) => id == one,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Browser => "its person signed out in the same browser",
            Self::Everywhere => "its person signed out everywhere",
            Self::Others | Self::One(_) => "its person ended it from another session",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    /// How many sessions have ended.
    pub(super) count: usize,
    /// Whether the store did not take all of it: sessions in this process have ended, and other places may not know.
    pub(super) is_unsure: bool,
}

impl Inner {
    /// Ends sessions of the person whose session asks. Goes on to the end when nobody waits for it any more.
    pub(super) async fn end_sessions(
        self: &Arc<Self>,
        visit: &Shared,
        asking: &Arc<LiveSession>,
        which: Which,
    ) -> Result<Ended, AuthenticateError> {
        let (inner, visit, asking) = (Arc::clone(self), Arc::clone(visit), Arc::clone(asking));
        let task = tokio::spawn(async move { inner.end_now(&visit, &asking, &which).await });
        task.await.map_err(|_| AuthenticateError::Task)
    }

    /// The same for each of the people whose good tickets a visit brings, which counts as nobody's: signing out has to
    /// end what one could be put back into.
    pub(super) async fn end_several(
        self: &Arc<Self>,
        visit: &Shared,
        several: Vec<Arc<LiveSession>>,
        which: Which,
    ) -> Result<Ended, AuthenticateError> {
        let (inner, visit) = (Arc::clone(self), Arc::clone(visit));
        let task = tokio::spawn(async move {
            let mut ended = Ended::default();
            for session in several {
                let one = inner.end_now(&visit, &session, &which).await;
                ended.count += one.count;
                ended.is_unsure |= one.is_unsure;
            }
            ended
        });
        task.await.map_err(|_| AuthenticateError::Task)
    }

    async fn end_now(&self, visit: &Visit, asking: &LiveSession, which: &Which) -> Ended {
        let mut ended = Ended::default();
        let troubled = |error: &dyn std::error::Error| {
            tracing::warn!(request_id = &*visit.request_id, error = %oidc::chain(error), "the session store was not told of an end");
            true
        };
        if which.ends_itself() {
            audit(&AuditEvent::SignedOut {
                user: asking.known().identity.label(),
                session: asking.id(),
                client: visit.client,
            });
            ended.count += 1;
            if let Err(error) = self.sessions.end(asking).await {
                ended.is_unsure = troubled(&error);
            }
        }
        let subject = asking.subject();
        let cards = match self.sessions.of_person(&subject, visit.now).await {
            Ok(cards) => cards,
            Err(error) => {
                ended.is_unsure = troubled(&error);
                ended.count += self.end_in_memory(asking, &subject, which).await;
                return ended;
            }
        };
        for card in cards.iter().filter(|card| which.means(asking, &card.id, card.browser)) {
            match self.sessions.end_listed(card, visit.now).await {
                // Somebody else was quicker.
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) => ended.is_unsure = troubled(&error),
            }
            ended.count += 1;
            audit(&AuditEvent::SessionRevoked { user: &card.user, session: &card.id, reason: which.reason() });
        }
        ended
    }

    /// Without the list, ends at least what this process knows of; says how many that were.
    async fn end_in_memory(&self, asking: &LiveSession, subject: &Subject, which: &Which) -> usize {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let keep = |session: &LiveSession| {
            let is_meant = session.subject() == *subject && which.means(asking, session.id(), session.browser());
            if is_meant {
                count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let user = session.known().identity.label().to_owned();
                audit(&AuditEvent::SessionRevoked { user: &user, session: session.id(), reason: which.reason() });
            }
            !is_meant
        };
        // That the store does not hear of it is known already.
        let _unheard = self.sessions.end_live(keep).await;
        count.into_inner()
    }
}
