//! From a proven identity to a session, and on to where the person was going.

use doorward_hygiene::Authority;
use doorward_sessions::{LiveSession, NewSession, SessionsError};
use doorward_telemetry::{AuditEvent, audit};
use http::{HeaderValue, StatusCode};

use crate::answers::{Answer, redirect, with_cookies};
use crate::attempt::{AttemptId, Target};
use crate::authenticator::Inner;
use crate::endpoints::{escape, handover};
use crate::oidc::SignedIn;
use crate::visit::Visit;
use crate::{AuthenticateError, paths};

impl Inner {
    /// Begins a new session, whatever session the browser had: one planted before the sign-in gains nothing.
    pub(super) async fn begin_session(
        &self,
        visit: &Visit,
        who: SignedIn,
    ) -> Result<std::sync::Arc<LiveSession>, AuthenticateError> {
        let SignedIn { identity, tokens, tokens_expire_at } = who;
        self.note_refresh_token(&tokens);
        // Somebody else's session in the same browser ends; the same person's may be in use by another tab.
        let old = self.session_of(visit).await?;
        let browser =
            old.as_ref().filter(|old| old.known().identity.subject == identity.subject).map(|old| old.browser());
        if let Some(old) = old
            && old.known().identity.subject != identity.subject
        {
            audit(&AuditEvent::SessionRevoked {
                user: old.known().identity.label(),
                session: old.id(),
                reason: "somebody else signed in with the same browser",
            });
            self.sessions.end(&old).await?;
        }
        let new = NewSession {
            identity,
            provider: self.people.name().to_owned(),
            tokens,
            client: visit.client,
            user_agent: visit.user_agent.clone(),
            tokens_expire_at,
            browser,
        };
        let user = new.identity.label().to_owned();
        let session = match self.sessions.begin(new, visit.now).await {
            Ok(session) => session,
            Err(SessionsError::Blocked) => {
                audit(&AuditEvent::SignInFailed {
                    user: Some(&user),
                    provider: self.people.name(),
                    reason: "this person is blocked",
                    client: visit.client,
                    request_id: &visit.request_id,
                });
                return Err(AuthenticateError::Blocked { support_contact: self.support_contact.clone() });
            }
            Err(error) => return Err(sessions_error(error)),
        };
        audit(&AuditEvent::SignedIn {
            user: session.known().identity.label(),
            provider: session.provider(),
            session: session.id(),
            client: visit.client,
        });
        Ok(session)
    }

    /// The cookie that lets this browser use the session on the host it is visiting.
    pub(super) async fn grant(&self, visit: &Visit, session: &LiveSession) -> Result<HeaderValue, AuthenticateError> {
        let scope = self.cookies.scope(&visit.host);
        let ticket = self.sessions.grant(session, scope.audience, visit.now).await.map_err(sessions_error)?;
        self.cookies.set(scope, ticket.to_cookie_value(), session.expires_at(), visit.now)
    }

    /// Signs the browser in on the sign-in host, ends the attempt, and sends it on by way of where it shows its cookie.
    pub(super) async fn signed_in(
        &self,
        visit: &Visit,
        attempt: &AttemptId,
        target: Target,
        who: SignedIn,
        status: StatusCode,
    ) -> Result<Answer, AuthenticateError> {
        let session = self.begin_session(visit, who).await?;
        let cookies = [self.grant(visit, &session).await?, self.attempts.remove(attempt)?];
        let answer = match target {
            Target::Here(path) => self.arrive(visit, &session, status, &path.0)?,
            target @ Target::Host { .. } => self.go_on(visit, &session, target, status).await?,
        };
        Ok(with_cookies(answer, cookies))
    }

    /// Sends a signed-in browser on to its target.
    pub(super) async fn go_on(
        &self,
        visit: &Visit,
        session: &LiveSession,
        target: Target,
        status: StatusCode,
    ) -> Result<Answer, AuthenticateError> {
        match target {
            Target::Here(path) => self.onward(visit, status, path.0.as_str()),
            Target::Host { authority, attempt, challenge } => {
                let url = handover::offer(self, visit, session, &authority, attempt, challenge).await?;
                redirect(status, &url)
            }
        }
    }

    /// Where to begin again what was on its way to this target.
    pub(super) fn again(&self, target: &Target) -> (String, &'static str) {
        let url = match target {
            Target::Here(path) => format!("{}?return={}", paths::SIGN_IN, escape(path.0.as_str())),
            Target::Host { authority, .. } => Authority::parse(authority)
                .ok()
                .and_then(|authority| self.sign_in.origin_at(&authority))
                .map_or_else(|| "/".to_owned(), |origin| format!("{origin}/")),
        };
        (url, "Try again")
    }
}

pub(crate) fn sessions_error(error: SessionsError) -> AuthenticateError {
    match error {
        SessionsError::StoreUnavailable(error) => AuthenticateError::Store(error),
        error => AuthenticateError::Sessions(error),
    }
}
