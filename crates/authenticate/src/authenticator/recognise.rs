//! Whose the tickets of a request are, and why they are nobody's.
//!
//! Refuses: to choose where a request brings good tickets of several people.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use doorward_sessions::{LiveSession, MOST_TICKETS, Recognised};

use super::{Inner, revoked};
use crate::NotRecognised;
use crate::visit::Visit;

/// Why nobody is known of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nobody {
    /// It brings nothing that could be a ticket.
    NoTicket,
    /// What it brings is not good, or not any more.
    NoGoodTicket,
    /// It brings good tickets of several people: a sibling domain may have planted one of them.
    SeveralPeople,
}

impl Inner {
    /// The session of a request that brings these values of our cookie.
    pub(super) async fn find(
        &self,
        values: &[&str],
        audience: &str,
        client: IpAddr,
        now: SystemTime,
    ) -> Result<Option<Arc<LiveSession>>, NotRecognised> {
        let admits = |session: &LiveSession| {
            let admits = self.admits(session);
            if !admits {
                revoked(session);
            }
            admits
        };
        // What can be said without the store costs nothing, and nothing is held against anybody for it.
        let asks = self.sessions.recognise_cached(values, audience, now, |session| self.admits(session)).is_none();
        let charged = if asks { Some(self.rates.unknown(&self.limits, client, values.len())?) } else { None };
        let recognised = self.sessions.recognise(values, audience, now, admits).await?;
        if let Some(charged) = charged
            && !matches!(recognised, Recognised::Nobody)
        {
            self.rates.known(&self.limits, client, charged);
        }
        match recognised {
            Recognised::Somebody(session) => Ok(self.hear_first(&session, now).await.then_some(session)),
            Recognised::Nobody => Ok(None),
            Recognised::SeveralPeople => {
                tracing::warn!(host = audience, "a request brings tickets of several people and counts as nobody's");
                Ok(None)
            }
        }
    }

    /// The session of a visit.
    pub(crate) async fn session_of(&self, visit: &Visit) -> Result<Option<Arc<LiveSession>>, NotRecognised> {
        let audience = self.cookies.scope(&visit.host).audience;
        let values: Vec<&str> = visit.tickets.iter().map(String::as_str).collect();
        let session = self.find(&values, audience, visit.client, visit.now).await?;
        if session.is_none() {
            let request_id = &*visit.request_id;
            tracing::debug!(request_id, host = audience, why = ?self.why_nobody(visit), "nobody is known of a visit");
        }
        Ok(session)
    }

    /// Why nobody is known on a visit, after [`Self::session_of`] or the proxy has found nobody. Asks nobody.
    pub(crate) fn why_nobody(&self, visit: &Visit) -> Nobody {
        let audience = self.cookies.scope(&visit.host).audience;
        let values: Vec<&str> = visit.tickets.iter().map(String::as_str).collect();
        match self.sessions.recognise_cached(&values, audience, visit.now, |_| true) {
            _ if values.is_empty() => Nobody::NoTicket,
            Some(Recognised::SeveralPeople) => Nobody::SeveralPeople,
            _ => Nobody::NoGoodTicket,
        }
    }

    /// Whether it is known already, without asking anybody, whose visit it is.
    pub(crate) fn is_signed_in(&self, visit: &Visit) -> bool {
        let audience = self.cookies.scope(&visit.host).audience;
        let values: Vec<&str> = visit.tickets.iter().map(String::as_str).collect();
        let recognised = self.sessions.recognise_cached(&values, audience, visit.now, |session| self.admits(session));
        matches!(recognised, Some(Recognised::Somebody(_)))
    }

    /// The sessions whose good tickets a visit of several people brings, after [`Self::session_of`] has found nobody for
    /// that reason. Asks nobody.
    pub(crate) fn several_of(&self, visit: &Visit) -> Vec<Arc<LiveSession>> {
        if self.why_nobody(visit) != Nobody::SeveralPeople {
            return Vec::new();
        }
        let audience = self.cookies.scope(&visit.host).audience;
        let tickets = visit.tickets.iter().rev().take(MOST_TICKETS);
        tickets.filter_map(|ticket| self.sessions.find_cached(ticket, audience, visit.now)).collect()
    }
}
