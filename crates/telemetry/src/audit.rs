//! What somebody will want to know later: who signed in, who failed to, who signed out.

use std::net::IpAddr;

use tracing::{info, warn};

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
    /// Sessions ended because the account was removed or its password changed.
    SessionRevoked {
        /// E-mail address or subject.
        user: &'a str,
        /// The session's public id.
        session: &'a str,
        /// Why.
        reason: &'a str,
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
        AuditEvent::PasswordSet { user, client } => {
            info!(target: "audit", event = "password-set", user, %client, "password set");
        }
    }
}
