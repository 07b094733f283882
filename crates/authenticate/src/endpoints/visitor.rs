//! What a person may see of themselves: who they are, and what is open to them. Never a token.

use axum::Extension;
use axum::extract::State;
use bytes::Bytes;
use doorward_pages::{Format, Page, Routes, SessionList, UserInfo};
use doorward_sessions::LiveSession;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};
use serde::Serialize;

use super::{Core, Failed, finish, sessions, sign_in_first};
use crate::answers::{Answer, page};
use crate::authenticator::Inner;
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, paths, times};

/// `GET /.doorward/`.
pub(super) async fn home(State(inner): Core, Extension(visit): Extension<Shared>) -> axum::response::Response {
    let outcome = async {
        match inner.session_of(&visit).await? {
            Some(session) => Ok(home_page(&inner, &visit, &session).await?),
            None => Ok(sign_in_first(&inner, &visit)),
        }
    };
    finish(&visit, outcome.await)
}

/// `GET /.doorward/user`: JSON whatever is accepted.
pub(super) async fn user(State(inner): Core, Extension(visit): Extension<Shared>) -> axum::response::Response {
    finish(&visit, for_session(&inner, &visit, user_json).await)
}

/// `GET /.doorward/routes`.
pub(super) async fn routes(State(inner): Core, Extension(visit): Extension<Shared>) -> axum::response::Response {
    let show = |visit: &Visit, session: &LiveSession| {
        let identity = &session.known().identity;
        let routes = (inner.routes_of)(identity, visit.client, &visit.headers);
        let routes = Routes { who: identity.label(), routes: &routes, user: paths::HOME, sign_out: paths::SIGN_OUT };
        Ok(page(visit, &Page::Routes(routes)))
    };
    finish(&visit, for_session(&inner, &visit, show).await)
}

pub(super) async fn for_session(
    inner: &Inner,
    visit: &Visit,
    show: impl FnOnce(&Visit, &LiveSession) -> Result<Answer, AuthenticateError>,
) -> Result<Answer, Failed> {
    match inner.session_of(visit).await? {
        Some(session) => Ok(show(visit, &session)?),
        None => Ok(sign_in_first(inner, visit)),
    }
}

async fn home_page(inner: &Inner, visit: &Visit, session: &LiveSession) -> Result<Answer, AuthenticateError> {
    if visit.format == Format::Json {
        return user_json(visit, session);
    }
    let csrf = inner.prove(visit, session)?;
    let listed = sessions::entries(inner, visit, session).await;
    let list = listed.as_ref().map(|(sessions, hidden)| SessionList {
        sessions,
        hidden: *hidden,
        action: paths::END_SESSIONS,
        csrf: &csrf,
    });
    let identity = &session.known().identity;
    let info = UserInfo {
        who: identity.label(),
        name: identity.name.as_deref(),
        subject: &identity.subject.id,
        provider: &identity.subject.issuer,
        groups: identity.groups.as_slice(),
        signed_in_at: &times::rfc3339(session.created_at()),
        expires_at: &times::rfc3339(session.expires_at()),
        sessions: list,
        routes: paths::ROUTES,
        sign_out: paths::SIGN_OUT,
    };
    Ok(page(visit, &Page::UserInfo(info)))
}

#[derive(Serialize)]
struct UserJson<'a> {
    /// Its name in `/.doorward/sessions`: another after each sign-in.
    session: &'a str,
    subject: &'a str,
    issuer: &'a str,
    email: Option<&'a str>,
    email_verified: bool,
    name: Option<&'a str>,
    groups: &'a [String],
    claims: &'a doorward_identity::Claims,
    signed_in_at: String,
    authenticated_at: String,
    expires_at: String,
}

fn user_json(_: &Visit, session: &LiveSession) -> Result<Answer, AuthenticateError> {
    let identity = &session.known().identity;
    let user = UserJson {
        session: session.id(),
        subject: &identity.subject.id,
        issuer: &identity.subject.issuer,
        email: identity.email.for_display().map(doorward_identity::Email::as_str),
        email_verified: identity.email.verified().is_some(),
        name: identity.name.as_deref(),
        groups: identity.groups.as_slice(),
        claims: &identity.claims,
        signed_in_at: times::rfc3339(session.created_at()),
        authenticated_at: times::rfc3339(identity.authenticated_at),
        expires_at: times::rfc3339(session.expires_at()),
    };
    json_answer(&user)
}

/// An answer for programs about the visitor, never kept.
pub(super) fn json_answer(value: &impl Serialize) -> Result<Answer, AuthenticateError> {
    let body = serde_json::to_vec(value).map_err(|_| AuthenticateError::Task)?;
    let mut answer = Response::new(Bytes::from(body));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept, cookie"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(doorward_pages::INTERCEPTED, HeaderValue::from_static("true"));
    Ok(answer)
}
