//! Signing out: asked for, confirmed, and done on every host at once.
//!
//! Refuses: forms of other sites, and forms made for another session.

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::{Extension, Form};
use doorward_pages::{Page, SignOutConfirm, SignedOut};
use doorward_sessions::LiveSession;
use doorward_telemetry::{AuditEvent, audit};
use http::{StatusCode, Uri};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::session::sessions_error;
use super::{Core, Failed, finish, form};
use crate::answers::{Answer, page, redirect, with_cookies};
use crate::authenticator::{Inner, People};
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, paths};

/// `GET /.doorward/sign_out`: asks. A link or an image of another site can do no more than that.
pub(super) async fn ask(State(inner): Core, Extension(visit): Extension<Shared>) -> axum::response::Response {
    finish(&visit, ask_here(&inner, &visit).await)
}

async fn ask_here(inner: &Inner, visit: &Visit) -> Result<Answer, Failed> {
    let Some(session) = inner.session_of(visit).await? else {
        return Ok(signed_out_page(visit, false));
    };
    let csrf =
        inner.sign_out_seal.seal(session.id().as_bytes(), visit.host.as_str().as_bytes()).map_err(sessions_error)?;
    let known = session.known();
    let confirm = SignOutConfirm { action: paths::SIGN_OUT, csrf: &csrf, who: known.identity.label() };
    Ok(page(visit, &Page::SignOutConfirm(confirm)))
}

#[derive(Deserialize)]
pub(super) struct SignOutForm {
    csrf: String,
}

/// `POST /.doorward/sign_out` with `csrf`: ends the session.
pub(super) async fn end(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    body: Result<Form<SignOutForm>, FormRejection>,
) -> axum::response::Response {
    finish(&visit, end_here(&inner, &visit, body).await)
}

async fn end_here(
    inner: &Inner,
    visit: &Visit,
    body: Result<Form<SignOutForm>, FormRejection>,
) -> Result<Answer, Failed> {
    visit.check_same_origin()?;
    let removal = inner.cookies.remove(inner.cookies.scope(&visit.host))?;
    let Some(session) = inner.session_of(visit).await? else {
        return Ok(with_cookies(redirect(StatusCode::SEE_OTHER, paths::SIGNED_OUT)?, [removal]));
    };
    let form = form(body)?;
    let opened = inner.sign_out_seal.open(&form.csrf, visit.host.as_str().as_bytes());
    let is_ours = opened.is_some_and(|id| id.as_slice().ct_eq(session.id().as_bytes()).into());
    if !is_ours {
        return Err(Failed {
            error: AuthenticateError::CrossSite,
            link: Some((paths::SIGN_OUT.to_owned(), "Sign out")),
            cookies: Vec::new(),
        });
    }
    inner.sessions.end(&session).await.map_err(|error| Failed {
        error: error.into(),
        link: None,
        cookies: vec![removal.clone()],
    })?;
    audit(&AuditEvent::SignedOut {
        user: session.known().identity.label(),
        session: session.id(),
        client: visit.client,
    });
    let location = at_provider(inner, &session).unwrap_or_else(|| paths::SIGNED_OUT.to_owned());
    Ok(with_cookies(redirect(StatusCode::SEE_OTHER, &location)?, [removal]))
}

/// Where the provider ends its own session, when it has such a place.
fn at_provider(inner: &Inner, session: &LiveSession) -> Option<String> {
    let People::Provider(provider, _) = &inner.people else { return None };
    let back = format!("{}{}", inner.sign_in.origin, paths::SIGNED_OUT);
    let ready = provider.known()?;
    Some(provider.end_session_url(&ready, session.known().tokens.id_token.as_ref(), &back)?.into())
}

/// `GET /.doorward/signed_out`.
pub(super) async fn done(Extension(visit): Extension<Shared>, uri: Uri) -> axum::response::Response {
    // Only what the page says depends on it, so it need not be proven.
    let provider_too = uri.query().is_some_and(|query| {
        query.split('&').any(|pair| pair.split_once('=') == Some(("state", paths::PROVIDER_SIGNED_OUT)))
    });
    signed_out_page(&visit, provider_too).map(axum::body::Body::from)
}

fn signed_out_page(visit: &Visit, provider_too: bool) -> Answer {
    page(visit, &Page::SignedOut(SignedOut { provider_too, sign_in: paths::SIGN_IN }))
}
