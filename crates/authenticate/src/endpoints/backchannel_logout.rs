//! The provider tells that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0).
//!
//! Refuses: whatever is no logout token of the provider's for us, one that was used before, and floods of either.

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::{Extension, Form};
use bytes::Bytes;
use doorward_identity::Subject;
use doorward_sessions::{Expected, Put, RecordKind, SessionCard, SessionsError};
use doorward_telemetry::{AuditEvent, audit};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use serde::Deserialize;

use super::{Core, not_found};
use crate::answers::Answer;
use crate::authenticator::{Inner, People};
use crate::oidc::{LogoutRefused, LogoutToken, RelyingParty, chain};
use crate::visit::{Shared, Visit};

#[derive(Deserialize)]
pub(super) struct LogoutForm {
    logout_token: String,
}

/// Why nothing was done: an OAuth error code, and words for the provider's log (§2.8).
struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

/// Try again: it is our fault.
const NOT_NOW: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    error: "temporarily_unavailable",
    description: "the sessions cannot be ended just now",
};

impl From<LogoutRefused> for Refusal {
    fn from(LogoutRefused(description): LogoutRefused) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "invalid_request", description }
    }
}

impl From<SessionsError> for Refusal {
    fn from(error: SessionsError) -> Self {
        tracing::error!(error = %chain(&error), "the identity provider ended a session, and the store does not answer");
        NOT_NOW
    }
}

/// `POST /.doorward/backchannel_logout` with `logout_token`, on the sign-in host.
pub(super) async fn take(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    body: Result<Form<LogoutForm>, FormRejection>,
) -> axum::response::Response {
    let People::Provider(provider, _) = &inner.people else { return not_found(Extension(visit)).await };
    if !visit.is_sign_in_host {
        return not_found(Extension(visit)).await;
    }
    let outcome = log_out(&inner, provider, &visit, body).await;
    if let Err(refusal) = &outcome {
        tracing::warn!(
            request_id = &*visit.request_id,
            client = %visit.client,
            reason = refusal.description,
            "a back-channel logout was refused"
        );
    }
    answer(&outcome).map(axum::body::Body::from)
}

async fn log_out(
    inner: &Inner,
    provider: &RelyingParty,
    visit: &Visit,
    body: Result<Form<LogoutForm>, FormRejection>,
) -> Result<(), Refusal> {
    if !inner.wrong_logouts.may(visit.client, visit.now) {
        let (status, error) = (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable");
        return Err(Refusal { status, error, description: "too many wrong ones came from here" });
    }
    let wrong = |refused: LogoutRefused| {
        inner.wrong_logouts.spend(visit.client, visit.now);
        Refusal::from(refused)
    };
    let Form(form) = body.map_err(|_| wrong(LogoutRefused("there is no form with a `logout_token`")))?;
    let ready = provider.ready().await.map_err(|_| NOT_NOW)?;
    let token = provider.logout_token(&ready, &form.logout_token, visit.now).await.map_err(wrong)?;
    if inner.note_use(&token, Use::Begun, visit).await? == Use::Done {
        return Err(wrong(LogoutRefused("it was used before")));
    }
    // Marked as done only behind it: where anything fails, the provider may try again with the very same token, and to
    // end what has ended already does no harm.
    inner.end_logged_out(&token, visit).await?;
    inner.note_use(&token, Use::Done, visit).await?;
    Ok(())
}

/// How far the use of a token has come, at any replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Somebody has begun to do what it says.
    Begun,
    /// It was done.
    Done,
}

impl Use {
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Begun => b"begun",
            Self::Done => b"done",
        }
    }
}

impl Inner {
    /// Notes how far the use of a token has come; how far it had come, where somebody was quicker.
    async fn note_use(&self, token: &LogoutToken, new: Use, visit: &Visit) -> Result<Use, SessionsError> {
        let (kind, group, until) = (RecordKind::Lease, used(token), Some(token.fresh_until));
        let vault = self.sessions.vault();
        let expected = match new {
            Use::Begun => Expected::Absent,
            Use::Done => Expected::Any,
        };
        match vault.write(kind, &group, &token.id, expected, new.as_bytes(), until, visit.now).await? {
            Put::Stored(_) => Ok(new),
            Put::Conflict => {
                let found = vault.read(kind, &group, &token.id, visit.now).await?;
                let is_begun = found.is_none_or(|found| found.bytes.as_slice() == Use::Begun.as_bytes());
                Ok(if is_begun { Use::Begun } else { Use::Done })
            }
        }
    }

    /// Ends what the provider's session, or everything the person's sign-ins there have led to.
    async fn end_logged_out(&self, token: &LogoutToken, visit: &Visit) -> Result<(), SessionsError> {
        let cards = match (&token.subject, &token.provider_session) {
            (Some(subject), sid) => {
                let subject = Subject { issuer: token.issuer.clone(), id: subject.clone() };
                let mut cards = self.sessions.of_person(&subject, visit.now).await?;
                // One that does not know which session of the provider's it came from may be of this one.
                let is_of = |card: &SessionCard| match (sid, &card.provider_session) {
                    (Some(sid), Some(of)) => sid == of,
                    (None, _) | (Some(_), None) => true,
                };
                cards.retain(is_of);
                cards
            }
            (None, Some(sid)) => self.sessions.of_provider_session(&token.issuer, sid, visit.now).await?,
            (None, None) => Vec::new(),
        };
        self.end_cards(&cards, "the identity provider ended it (back-channel logout)", visit).await
    }

    /// Ends these sessions; all of them as far as can be, even when one fails.
    pub(super) async fn end_cards(
        &self,
        cards: &[SessionCard],
        reason: &str,
        visit: &Visit,
    ) -> Result<(), SessionsError> {
        let mut outcome = Ok(());
        for card in cards {
            match self.sessions.end_listed(card, visit.now).await {
                Ok(_) => audit(&AuditEvent::SessionRevoked { user: &card.user, session: &card.id, reason }),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }
}

/// The group of the tokens of one issuer that were used.
fn used(token: &LogoutToken) -> String {
    format!("logout token\n{}", token.issuer)
}

fn answer(outcome: &Result<(), Refusal>) -> Answer {
    let mut answer = Response::new(Bytes::new());
    if let Err(Refusal { status, error, description }) = outcome {
        let body = serde_json::json!({ "error": error, "error_description": description });
        answer = Response::new(Bytes::from(body.to_string()));
        *answer.status_mut() = *status;
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !status.is_client_error() || *status == StatusCode::TOO_MANY_REQUESTS {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
    }
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
