//! The provider's answer comes back here.
//!
//! Refuses, before the code is redeemed: answers to no attempt of this browser, and answers of another provider.

use axum::Extension;
use axum::extract::State;
use doorward_sessions::Token;
use doorward_telemetry::{AuditEvent, audit};
use http::{Method, StatusCode, Uri};
use serde::Deserialize;

use super::sign_in::go_to_provider;
use super::{Core, Failed, finish, query};
use crate::answers::{Answer, with_cookies};
use crate::attempt::{Asked, Attempt, AttemptId};
use crate::authenticator::{Inner, People};
use crate::oidc::RelyingParty;
use crate::shorten::shorten;
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, paths};

#[derive(Deserialize)]
struct Parameters {
    state: Option<String>,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET` on the redirect URI.
pub(super) async fn answer(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    method: Method,
    uri: Uri,
) -> axum::response::Response {
    let outcome = match &inner.people {
        People::Provider(provider, _) if visit.is_sign_in_host && method == Method::GET => {
            take(&inner, provider, &visit, &uri).await
        }
        _ => Err(AuthenticateError::BadRequest("no provider answers here").into()),
    };
    // That somebody is blocked has been written down already, with who it is.
    if let Err(failed) = &outcome
        && !matches!(failed.error, AuthenticateError::Blocked { .. })
    {
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

async fn take(inner: &Inner, provider: &RelyingParty, visit: &Visit, uri: &Uri) -> Result<Answer, Failed> {
    visit.check_not_embedded()?;
    let parameters: Parameters = query(uri)?;
    let id = parameters
        .state
        .as_deref()
        .and_then(AttemptId::parse)
        .ok_or(AuthenticateError::BadRequest("its state is missing or malformed"))?;
    let Some(Attempt::AtProvider { nonce, verifier, target, asked }) =
        inner.attempts.open(&id, &visit.host, visit.attempts(), visit.now)
    else {
        return Err(Failed {
            error: inner.why_lost(visit, &id),
            link: Some((paths::HOME.to_owned(), "Start again")),
            cookies: Vec::new(),
        });
    };
    // From here on the attempt is over, whatever comes of it.
    let removal = inner.attempts.remove(&id)?;
    let failed =
        |error: AuthenticateError| Failed { error, link: Some(inner.again(&target)), cookies: vec![removal.clone()] };
    let ready = provider.ready().await.map_err(&failed)?;
    RelyingParty::check_issuer(&ready, parameters.iss.as_deref()).map_err(&failed)?;
    let code = code_of(parameters).map_err(&failed)?;
    // A code costs a question to the provider: whoever sends wrong ones would have it refuse everybody's.
    inner
        .limiter
        .begin_from(visit.client, &inner.limits, visit.now)
        .map_err(|too_many| failed(AuthenticateError::TooMany { retry_after: too_many.retry_after }))?;
    let finished = provider.finish(&ready, &code, verifier, nonce, visit.now).await;
    if !finished.as_ref().is_err_and(is_of_the_visitor) {
        inner.limiter.succeeded(None, visit.client);
    }
    let signed_in = finished.map_err(&failed)?;
    if let Some(fresh) = asked.fresh
        && let Err(said) = fresh.check(signed_in.identity.claims.at_path("auth_time"), visit.now)
    {
        if asked.insisted {
            return Err(failed(AuthenticateError::NotAnew { said }));
        }
        // Many take `max_age` for a wish; `prompt=login` is harder to overhear.
        let insisting = Asked { insisted: true, ..asked };
        let again = go_to_provider(inner, visit, (provider, &ready), target.clone(), insisting).map_err(&failed)?;
        return Ok(with_cookies(again, [removal.clone()]));
    }
    inner.signed_in(visit, &id, target.clone(), signed_in, StatusCode::FOUND).await.map_err(&failed)
}

/// Whether what went wrong may be the fault of whoever brought the code, and not of the provider.
fn is_of_the_visitor(error: &AuthenticateError) -> bool {
    matches!(error, AuthenticateError::ProviderRefused { .. } | AuthenticateError::Untrusted(_))
}

/// The code, or the provider's refusal (RFC 6749 §4.1.2).
fn code_of(parameters: Parameters) -> Result<Token, AuthenticateError> {
    match parameters {
        Parameters { error: Some(code), error_description, .. } => Err(AuthenticateError::ProviderRefused {
            code: shorten(&code),
            text: shorten(&error_description.unwrap_or_default()),
        }),
        Parameters { code: Some(code), .. } if !code.is_empty() => Ok(Token::new(code)),
        _ => Err(AuthenticateError::BadRequest("it holds neither a code nor an error")),
    }
}
