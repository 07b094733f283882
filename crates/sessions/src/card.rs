//! What a list of sessions shows of one, readable without its ticket.
//!
//! A session without its card is over: the card also says when something was last done in it.

use std::net::IpAddr;
use std::time::SystemTime;

use doorward_identity::{Identity, Subject};
use serde::{Deserialize, Serialize};

use crate::LiveSession;
use crate::browser::BrowserId;

/// A session, as its person and operators see it. Opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCard {
    /// The session's public name.
    pub id: String,
    /// Whom the provider calls so.
    pub subject: Subject,
    /// What to call them: the e-mail address where there is one, else the subject.
    pub user: String,
    /// Their e-mail address, verified or not.
    pub email: Option<String>,
    /// Which provider said so.
    pub provider: String,
    /// The provider's name for its own session (`sid`), where it has one.
    pub provider_session: Option<String>,
    /// The address the sign-in came from.
    pub client: IpAddr,
    /// The browser, as it called itself.
    pub user_agent: Option<String>,
    /// The browser, as we call it.
    pub browser: BrowserId,
    /// When it began.
    pub created_at: SystemTime,
    /// When it is over at the latest.
    pub expires_at: SystemTime,
    /// When something was last done in it, to the minute or so.
    pub last_seen_at: SystemTime,
}

impl SessionCard {
    /// The card of a session as it is now.
    pub fn of(session: &LiveSession) -> Self {
        let known = session.known();
        let identity = &known.identity;
        Self {
            id: session.id().to_owned(),
            subject: identity.subject.clone(),
            user: identity.label().to_owned(),
            email: identity.email.for_display().map(|email| email.as_str().to_owned()),
            provider: session.provider().to_owned(),
            provider_session: provider_session(identity),
            client: session.client(),
            user_agent: session.user_agent().map(str::to_owned),
            browser: session.browser(),
            created_at: session.created_at(),
            expires_at: session.expires_at(),
            last_seen_at: session.last_seen_at(),
        }
    }
}

/// The provider's name for its own session (OpenID Connect Back-Channel Logout §2.1).
pub(crate) fn provider_session(identity: &Identity) -> Option<String> {
    identity.claims.get("sid").and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// The group of a person's cards.
pub(crate) fn group_of(subject: &Subject) -> String {
    format!("{}\n{}", subject.issuer, subject.id)
}

/// The group of the sessions that a provider's session has led to.
pub(crate) fn provider_group(issuer: &str, sid: &str) -> String {
    format!("{issuer}\n{sid}")
}
