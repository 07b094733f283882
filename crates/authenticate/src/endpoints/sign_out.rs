//! Signing out: asked for, confirmed, and done on every host at once, of this browser or everywhere.
//!
//! Refuses: forms of other sites, forms made for another session, and to send anybody on to an address that is not
//! the provider's or the configuration's.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::{Extension, Form};
use doorward_pages::{Format, Page, Problem, SignOutConfirm, SignedOut};
use doorward_sessions::{LiveSession, StoreUnavailable};
use http::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::json;

use super::ending::Which;
use super::visitor::json_answer;
use super::{Core, Failed, finish, form};
use crate::answers::{Answer, page, redirect, with_cookies};
use crate::authenticator::{Inner, People};
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, NotRecognised, oidc, paths};

/// Marks our own last page as the end of signing out everywhere.
const EVERYWHERE: &str = "everywhere";

/// Who signs out where the browser brings tickets of several people.
const SEVERAL: &str = "several people at once";

/// `GET /.doorward/sign_out`: asks. A link or an image of another site can do no more than that.
pub(super) async fn ask(State(inner): Core, Extension(visit): Extension<Shared>) -> axum::response::Response {
    finish(&visit, ask_here(&inner, &visit).await)
}

async fn ask_here(inner: &Inner, visit: &Visit) -> Result<Answer, Failed> {
    let session = match inner.session_of(visit).await {
        Ok(Some(session)) => session,
        Ok(None) if !inner.several_of(visit).is_empty() => {
            // Nobody to prove anything for: the form needs no more than to come from a page of this host.
            let confirm = SignOutConfirm { action: paths::SIGN_OUT, csrf: "", who: SEVERAL };
            return Ok(page(visit, &Page::SignOutConfirm(confirm)));
        }
        Ok(None) => return Ok(last_page(inner, visit, false, false)?),
        Err(NotRecognised::Store(error)) => return Ok(not_now(visit, &error)),
        Err(error) => return Err(AuthenticateError::from(error).into()),
    };
    let csrf = inner.prove(visit, &session)?;
    let known = session.known();
    let confirm = SignOutConfirm { action: paths::SIGN_OUT, csrf: &csrf, who: known.identity.label() };
    Ok(page(visit, &Page::SignOutConfirm(confirm)))
}

#[derive(Deserialize)]
pub(super) struct SignOutForm {
    csrf: String,
    scope: Option<String>,
}

impl SignOutForm {
    fn which(&self) -> Result<Which, AuthenticateError> {
        match self.scope.as_deref() {
            None | Some("browser") => Ok(Which::Browser),
            Some("everywhere") => Ok(Which::Everywhere),
            Some(_) => Err(AuthenticateError::BadRequest("its scope is neither browser nor everywhere")),
        }
    }
}

/// `POST /.doorward/sign_out` with `csrf` and perhaps `scope`: ends the session, those in the same browser, or all of
/// the person's.
pub(super) async fn end(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    body: Result<Form<SignOutForm>, FormRejection>,
) -> axum::response::Response {
    finish(&visit, end_here(&inner, &visit, body).await)
}

async fn end_here(
    inner: &Arc<Inner>,
    visit: &Shared,
    body: Result<Form<SignOutForm>, FormRejection>,
) -> Result<Answer, Failed> {
    visit.check_same_origin()?;
    let session = match inner.session_of(visit).await {
        Ok(Some(session)) => session,
        Ok(None) => {
            return nobodys(inner, visit, body).await;
        }
        Err(NotRecognised::Store(error)) => return Ok(not_now(visit, &error)),
        Err(error) => return Err(AuthenticateError::from(error).into()),
    };
    let form = form(body)?;
    inner.check_proof(visit, &session, &form.csrf).map_err(|error| Failed {
        error,
        link: Some((paths::SIGN_OUT.to_owned(), "Sign out")),
        cookies: Vec::new(),
    })?;
    let which = form.which()?;
    leave(inner, visit, &session, which).await
}

/// Signs out a browser that nobody is known by: its cookie goes, and the sessions of all whose tickets it brings.
async fn nobodys(
    inner: &Arc<Inner>,
    visit: &Shared,
    body: Result<Form<SignOutForm>, FormRejection>,
) -> Result<Answer, Failed> {
    let cookies = [inner.cookies.remove(inner.cookies.scope(&visit.host))?, inner.trails.remove()?];
    let several = inner.several_of(visit);
    if several.is_empty() {
        return Ok(with_cookies(gone(inner, visit, None, false, 0)?, cookies));
    }
    let which = form(body)?.which()?;
    let everywhere = which == Which::Everywhere;
    for session in &several {
        revoke_tokens(inner, session);
    }
    let ended = inner.end_several(visit, several, which).await.map_err(|error| Failed {
        error,
        link: None,
        cookies: cookies.to_vec(),
    })?;
    let answer =
        if ended.is_unsure { only_here(inner, visit) } else { gone(inner, visit, None, everywhere, ended.count)? };
    Ok(with_cookies(answer, cookies))
}

/// Signs the browser out, which has proven that it means it, and sends it on to the provider where that has a place
/// for it.
pub(super) async fn leave(
    inner: &Arc<Inner>,
    visit: &Shared,
    session: &Arc<LiveSession>,
    which: Which,
) -> Result<Answer, Failed> {
    let removal = inner.cookies.remove(inner.cookies.scope(&visit.host))?;
    revoke_tokens(inner, session);
    let everywhere = which == Which::Everywhere;
    let ended = inner.end_sessions(visit, session, which).await.map_err(|error| Failed {
        error,
        link: None,
        cookies: vec![removal.clone()],
    })?;
    let answer = if ended.is_unsure {
        only_here(inner, visit)
    } else {
        gone(inner, visit, Some(session), everywhere, ended.count)?
    };
    // Who signs in again after this does not go round in circles.
    Ok(with_cookies(answer, [removal, inner.trails.remove()?]))
}

/// Where a browser goes that is signed out: to the provider, where the configuration says, or to our last page.
fn gone(
    inner: &Inner,
    visit: &Visit,
    session: Option<&LiveSession>,
    everywhere: bool,
    count: usize,
) -> Result<Answer, AuthenticateError> {
    // A program gets no token to read; the provider may then ask once more.
    let with_hint = visit.format != Format::Json;
    let location = session
        .and_then(|session| at_provider(inner, Some(session).filter(|_| with_hint)))
        .or_else(|| inner.sign_in.signed_out.clone())
        .unwrap_or_else(|| {
            let scope = if everywhere { "?scope=everywhere" } else { "" };
            format!("{}{scope}", paths::SIGNED_OUT)
        });
    if visit.format == Format::Json {
        return json_answer(&json!({
            "signed_out": true,
            "sessions_ended": count,
            "location": location,
            "request_id": &*visit.request_id,
        }));
    }
    redirect(StatusCode::SEE_OTHER, &location)
}

/// Where the provider ends its own session, when it has such a place. It sends the browser back to our last page,
/// since providers go only to addresses they were told of; from there it goes on.
fn at_provider(inner: &Inner, hinted: Option<&LiveSession>) -> Option<String> {
    let People::Provider(provider, _) = &inner.people else { return None };
    let back = format!("{}{}", inner.sign_in.origin, paths::SIGNED_OUT);
    let ready = provider.known()?;
    let known = hinted.map(LiveSession::known);
    let id_token = known.as_ref().and_then(|known| known.tokens.id_token.as_ref());
    Some(provider.end_session_url(&ready, id_token, &back)?.into())
}

/// Has the provider take its refresh token back, if it can. Nobody waits for that: the session is over either way, and
/// its tokens with it.
fn revoke_tokens(inner: &Arc<Inner>, session: &LiveSession) {
    let (inner, known) = (Arc::clone(inner), session.known());
    if known.tokens.refresh_token.is_none() {
        return;
    }
    tokio::spawn(async move {
        let People::Provider(provider, _) = &inner.people else { return };
        let (Some(ready), Some(token)) = (provider.known(), &known.tokens.refresh_token) else { return };
        if let Err(error) = provider.revoke(&ready, token).await {
            tracing::warn!(error = %oidc::chain(&error), "the provider did not take a refresh token back");
        }
    });
}

/// The session has ended in this process, and the store could not be told.
fn only_here(inner: &Inner, visit: &Visit) -> Answer {
    let onward = at_provider(inner, None);
    let problem = Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "You are signed out here, and perhaps not everywhere yet",
        explanation: "This browser is signed out, and all you had open through this server has closed. But the place \
                      where sessions are kept does not answer, so other servers and other browsers may not know yet.",
        advice: Some("Sign in and out once more in a while if you have to be sure."),
        link: Some(
            onward
                .as_deref()
                .map_or((paths::SIGN_IN, "Sign in again"), |url| (url, "Sign out at the identity provider")),
        ),
    };
    page(visit, &Page::Problem(problem))
}

/// Whose session it is cannot be found out just now.
fn not_now(visit: &Visit, error: &StoreUnavailable) -> Answer {
    tracing::warn!(request_id = &*visit.request_id, error = %oidc::chain(error), "a sign-out had to be put off");
    let problem = Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "You are not signed out yet",
        explanation: "The place where sessions are kept does not answer, so nothing was done.",
        advice: Some("Try again in a moment. If you leave this browser to others, delete its cookies."),
        link: Some((paths::SIGN_OUT, "Try again")),
    };
    page(visit, &Page::Problem(problem))
}

/// `GET /.doorward/signed_out`.
pub(super) async fn done(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    uri: Uri,
) -> axum::response::Response {
    // Only what the page says depends on it, so it need not be proven.
    let says =
        |wanted| uri.query().is_some_and(|query| query.split('&').any(|pair| pair.split_once('=') == Some(wanted)));
    let answer = last_page(&inner, &visit, says(("state", paths::PROVIDER_SIGNED_OUT)), says(("scope", EVERYWHERE)));
    finish(&visit, answer.map_err(Failed::from))
}

/// Our last page, or the one that is configured in its place.
fn last_page(inner: &Inner, visit: &Visit, provider_too: bool, everywhere: bool) -> Result<Answer, AuthenticateError> {
    match &inner.sign_in.signed_out {
        Some(url) if visit.format == Format::Html => redirect(StatusCode::FOUND, url),
        _ => {
            let signed_out = SignedOut { provider_too, everywhere, sign_in: paths::SIGN_IN };
            Ok(page(visit, &Page::SignedOut(signed_out)))
        }
    }
}
