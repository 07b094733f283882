//! What somebody will want to know later: who signed in, who failed to, who signed out.

use std::net::IpAddr;

use tracing::{debug, info, warn};

/// Something that happened to a person's access.
#[derive(Debug, Clone)]
pub enum AuditEvent<'a> {
    /// A session began.
    SignedIn {
        /// E-mail address or subject.
        user: &'a str,
        /// The provider that vouched.
        provider: &'a str,
        /// The session's public id.
        session: &'a str,
        /// Where from.
        client: IpAddr,
    },
    /// A sign-in did not come about.
    SignInFailed {
        /// Whom it was tried as, when known.
        user: Option<&'a str>,
        /// The provider asked.
        provider: &'a str,
        /// Why, in words for an operator; never anything secret.
        reason: &'a str,
        /// Where from.
        client: IpAddr,
        /// The request it failed in.
        request_id: &'a str,
    },
    /// A session was ended by its person.
    SignedOut {
        /// E-mail address or subject.
        user: &'a str,
        /// The session's public id.
        session: &'a str,
        /// Where from.
        client: IpAddr,
    },
    /// A session was ended by somebody or something else than a sign-out in it.
    SessionRevoked {
        /// E-mail address or subject.
        user: &'a str,
        /// The session's public id.
        session: &'a str,
        /// Why, and by whom: the person elsewhere, an operator, the provider, a removed account.
        reason: &'a str,
    },
    /// A session of this process was ended by another one, or is no longer in the store they share.
    SessionEndedElsewhere {
        /// E-mail address or subject.
        user: &'a str,
        /// The session's public id.
        session: &'a str,
    },
    /// What the provider says of a person was heard again. Told at the level of `debug`: it happens all the time.
    Refreshed {
        /// E-mail address or subject.
        user: &'a str,
        /// The session's public id.
        session: &'a str,
        /// The provider asked.
        provider: &'a str,
    },
    /// What the provider says of a person could not be heard again.
    RefreshFailed {
        /// E-mail address or subject.
        user: &'a str,
        /// The session's public id.
        session: &'a str,
        /// The provider asked.
        provider: &'a str,
        /// Why, in words for an operator; never anything secret.
        reason: &'a str,
        /// Whether that ended the session; an outage does not.
        ended: bool,
    },
    /// Nobody may sign in with this address any more.
    PersonBlocked {
        /// E-mail address.
        user: &'a str,
    },
    /// They may again.
    PersonUnblocked {
        /// E-mail address.
        user: &'a str,
    },
    /// A built-in account set its password through a one-time link.
    PasswordSet {
        /// E-mail address.
        user: &'a str,
        /// Where from.
        client: IpAddr,
    },
}

/// Writes an event to the log, target `audit`, so that it can be kept apart.
pub fn audit(event: &AuditEvent<'_>) {
    match event {
        AuditEvent::SignedIn { user, provider, session, client } => {
            info!(target: "audit", event = "signed-in", user, provider, session, %client, "signed in");
        }
        AuditEvent::SignInFailed { user, provider, reason, client, request_id } => {
            warn!(target: "audit", event = "sign-in-failed", user, provider, reason, %client, request_id, "sign-in failed");
        }
        AuditEvent::SignedOut { user, session, client } => {
            info!(target: "audit", event = "signed-out", user, session, %client, "signed out");
        }
        AuditEvent::SessionRevoked { user, session, reason } => {
            info!(target: "audit", event = "session-revoked", user, session, reason, "session revoked");
        }
        AuditEvent::SessionEndedElsewhere { user, session } => {
            info!(target: "audit", event = "session-ended-elsewhere", user, session, "session ended elsewhere");
        }
        AuditEvent::Refreshed { user, session, provider } => {
            debug!(target: "audit", event = "refreshed", user, session, provider, "refreshed");
        }
        AuditEvent::RefreshFailed { user, session, provider, reason, ended } => {
            warn!(target: "audit", event = "refresh-failed", user, session, provider, reason, ended, "refresh failed");
        }
        AuditEvent::PersonBlocked { user } => {
            info!(target: "audit", event = "person-blocked", user, "blocked");
        }
        AuditEvent::PersonUnblocked { user } => {
            info!(target: "audit", event = "person-unblocked", user, "no longer blocked");
        }
        AuditEvent::PasswordSet { user, client } => {
            info!(target: "audit", event = "password-set", user, %client, "password set");
        }
    }
}
