//! From the sign-in host to another host of ours: one code, for one browser, once.
//!
//! Refuses: hosts that are not ours, a code without the attempt it was made for in this very browser, and codes
//! used twice or late.

use aws_lc_rs::digest::{SHA256, digest};
use axum::Extension;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_hygiene::Authority;
use doorward_sessions::{Handover, LiveSession};
use doorward_telemetry::{AuditEvent, audit};
use http::{Method, StatusCode, Uri};
use serde::Deserialize;

use super::session::sessions_error;
use super::{Core, Failed, finish, query};
use crate::answers::{Answer, redirect, with_cookies};
use crate::attempt::{Attempt, AttemptId, Target};
use crate::authenticator::Inner;
use crate::fresh::Fresh;
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, paths};

/// Where this host sends the browser to be signed in.
pub(super) fn ask_url(
    inner: &Inner,
    visit: &Visit,
    attempt: &AttemptId,
    verifier: &[u8; 32],
    fresh: Option<Fresh>,
) -> String {
    let fresh = fresh.map(|fresh| format!("&fresh={fresh}")).unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier));
    format!(
        "{}{}?handover={}&attempt={attempt}&challenge={challenge}{fresh}",
        inner.sign_in.origin,
        paths::SIGN_IN,
        super::escape(&visit.here.authority()),
    )
}

/// The target that such an address names, if its host is ours.
pub(super) fn target(
    inner: &Inner,
    authority: &str,
    attempt: &str,
    challenge: &str,
) -> Result<Target, AuthenticateError> {
    let wrong = AuthenticateError::BadRequest;
    let authority = Authority::parse(authority).map_err(|_| wrong("it names no host to go to"))?;
    let origin = inner.sign_in.origin_at(&authority).ok_or(wrong("the host to go to is none of ours"))?;
    if origin == inner.sign_in.origin {
        return Err(wrong("the host to go to is this one"));
    }
    Ok(Target::Host {
        authority: origin.authority(),
        attempt: AttemptId::parse(attempt).ok_or(wrong("its attempt is malformed"))?,
        challenge: URL_SAFE_NO_PAD
            .decode(challenge)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(wrong("its challenge is malformed"))?,
    })
}

/// Offers the session to the other host: the address that takes it there.
pub(super) async fn offer(
    inner: &Inner,
    visit: &Visit,
    session: &LiveSession,
    authority: &str,
    attempt: AttemptId,
    challenge: [u8; 32],
) -> Result<String, AuthenticateError> {
    // The configuration may have changed since the attempt was sealed.
    let origin = Authority::parse(authority)
        .ok()
        .and_then(|authority| inner.sign_in.origin_at(&authority))
        .ok_or(AuthenticateError::BadRequest("the host to go to is none of ours"))?;
    let handover = Handover { host: origin.authority(), attempt: attempt.to_string(), challenge };
    let code = inner.sessions.offer_handover(session, handover, visit.now).await.map_err(sessions_error)?;
    Ok(format!("{origin}{}?code={code}&attempt={attempt}", paths::CALLBACK))
}

#[derive(Deserialize)]
struct Parameters {
    code: String,
    attempt: String,
}

/// `GET /.doorward/callback`: takes the session over on this host.
pub(super) async fn take(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    method: Method,
    uri: Uri,
) -> axum::response::Response {
    let outcome = if method == Method::HEAD {
        Err(AuthenticateError::BadRequest("a code is taken by GET").into())
    } else {
        take_over(&inner, &visit, &uri).await
    };
    if let Err(failed) = &outcome {
        audit(&AuditEvent::SignInFailed {
            user: None,
            provider: inner.people.name(),
            reason: &failed.error.to_string(),
            client: visit.client,
            request_id: &visit.request_id,
        });
    }
    finish(&visit, outcome)
}

async fn take_over(inner: &Inner, visit: &Visit, uri: &Uri) -> Result<Answer, Failed> {
    visit.check_not_embedded()?;
    let Parameters { code, attempt } = query(uri)?;
    let id = AttemptId::parse(&attempt).ok_or(AuthenticateError::BadRequest("its attempt is malformed"))?;
    let Some(Attempt::Waiting { path, verifier }) = inner.attempts.open(&id, &visit.host, visit.attempts(), visit.now)
    else {
        // Gone back or reloaded after it had worked: there is nothing to mend, and nothing to loop on.
        if inner.session_of(visit).await?.is_some() {
            return Ok(redirect(StatusCode::FOUND, "/")?);
        }
        return Err(inner.why_lost(visit, &id).into());
    };
    let path = path.0;
    let removal = inner.attempts.remove(&id)?;
    let failed = |error: AuthenticateError| Failed {
        error,
        link: Some((path.as_str().to_owned(), "Try again")),
        cookies: vec![removal.clone()],
    };
    let session = inner
        .sessions
        .redeem_handover(&code, &visit.here.authority(), id.as_str(), &verifier, visit.now)
        .await
        .map_err(|error| failed(error.into()))?
        .ok_or_else(|| failed(AuthenticateError::AttemptLost))?;
    let cookie = inner.grant(visit, &session).await.map_err(&failed)?;
    let answer = inner.arrive(visit, &session, StatusCode::FOUND, &path)?;
    Ok(with_cookies(answer, [cookie, removal.clone()]))
}
