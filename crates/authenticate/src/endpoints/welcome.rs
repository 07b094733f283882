//! Where an invitation leads: a built-in account chooses its password and is signed in.
//!
//! Refuses: invitations that are wrong, used, replaced or expired; weak passwords; forms of other sites. Looking
//! at the page uses nothing up, since mail programs look at links before people do.

use std::sync::Arc;

use crate::typed::Typed;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::{Extension, Form};
use doorward_hygiene::Origin;
use doorward_identity::Email;
use doorward_pages::{Page, Problem, SetPassword as SetPasswordPage};
use doorward_sessions::LiveSession;
use doorward_telemetry::{AuditEvent, audit};
use http::{StatusCode, Uri};
use serde::Deserialize;

use super::{Core, Failed, finish, form, query};
use crate::accounts::SetPassword;
use crate::answers::{Answer, page, redirect, with_cookies};
use crate::authenticator::{BuiltIn, Inner, People};
use crate::oidc::SignedIn;
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, paths};

#[derive(Deserialize)]
struct Parameters {
    token: Typed,
}

/// `GET /.doorward/welcome?token=…`.
pub(super) async fn show(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    uri: Uri,
) -> axum::response::Response {
    let outcome = async {
        let built_in = built_in(&inner, &visit)?;
        let Parameters { token } = query(&uri)?;
        match invited(built_in, &token, &visit).await? {
            Some(email) => Ok(form_page(&visit, &token, &email, None)),
            None => Ok(no_invitation(&visit)),
        }
    };
    finish(&visit, outcome.await)
}

#[derive(Deserialize)]
pub(super) struct WelcomeForm {
    token: Typed,
    password: Typed,
    again: Typed,
}

/// `POST /.doorward/welcome` with `token`, `password`, `again`.
pub(super) async fn set(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    body: Result<Form<WelcomeForm>, FormRejection>,
) -> axum::response::Response {
    finish(&visit, set_here(&inner, &visit, body).await)
}

async fn set_here(
    inner: &Inner,
    visit: &Visit,
    body: Result<Form<WelcomeForm>, FormRejection>,
) -> Result<Answer, Failed> {
    visit.check_same_origin()?;
    let built_in = built_in(inner, visit)?;
    let WelcomeForm { token, password, again } = form(body)?;
    let Some(email) = invited(built_in, &token, visit).await? else {
        return Ok(no_invitation(visit));
    };
    if password != again {
        return Ok(form_page(visit, &token, &email, Some("The two passwords are not the same.")));
    }
    let outcome = {
        let (accounts, token, now) = (Arc::clone(&built_in.accounts), token.clone(), visit.now);
        built_in.hash(move || accounts.set_password(&token, &password, now)).await?
    };
    let account = match outcome {
        SetPassword::Set(account) => account,
        SetPassword::Weak(why) => return Ok(form_page(visit, &token, &email, Some(&why.to_string()))),
        SetPassword::NoInvitation => return Ok(no_invitation(visit)),
    };
    audit(&AuditEvent::PasswordSet { user: email.as_str(), client: visit.client });
    // Whoever knew the old password is out before anybody is in by the new one.
    inner.end_unadmitted().await;
    inner.limiter.succeeded(Some(&email), visit.client);
    let identity = built_in.identity(account, visit);
    let session = inner.begin_session(visit, SignedIn::with_account(identity)).await?;
    let cookie = inner.grant(visit, &session).await?;
    Ok(with_cookies(redirect(StatusCode::SEE_OTHER, &first_stop(inner, visit, &session))?, [cookie]))
}

/// The one route that is open to them, else the portal.
fn first_stop(inner: &Inner, visit: &Visit, session: &LiveSession) -> String {
    match (inner.routes_of)(&session.known().identity, visit.client, &visit.headers).as_slice() {
        [only] => only.address.link().filter(|url| is_ours(inner, url)).unwrap_or(paths::ROUTES).to_owned(),
        _ => paths::ROUTES.to_owned(),
    }
}

fn is_ours(inner: &Inner, url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    Origin::parse(&url.origin().ascii_serialization()).is_ok_and(|origin| inner.sign_in.knows(&origin))
}

fn built_in<'a>(inner: &'a Inner, visit: &Visit) -> Result<&'a BuiltIn, AuthenticateError> {
    match &inner.people {
        People::Accounts(built_in) if visit.is_sign_in_host => Ok(built_in),
        _ => Err(AuthenticateError::BadRequest("invitations are taken on the sign-in host")),
    }
}

async fn invited(built_in: &BuiltIn, token: &Typed, visit: &Visit) -> Result<Option<Email>, AuthenticateError> {
    let (accounts, token, now) = (Arc::clone(&built_in.accounts), token.clone(), visit.now);
    tokio::task::spawn_blocking(move || accounts.invited(&token, now)).await.map_err(|_| AuthenticateError::Task)?
}

fn form_page(visit: &Visit, token: &str, email: &Email, error: Option<&str>) -> Answer {
    let form = SetPasswordPage { action: paths::WELCOME, token, email: email.as_str(), error };
    page(visit, &Page::SetPassword(form))
}

fn no_invitation(visit: &Visit) -> Answer {
    let problem = Problem {
        status: StatusCode::NOT_FOUND,
        title: "This link does not work any more",
        explanation: "An invitation works once, for one day, and until a newer one is made.",
        advice: Some("If you have set your password already, sign in with it; else ask for a new invitation."),
        link: Some((paths::SIGN_IN, "Sign in")),
    };
    page(visit, &Page::Problem(problem))
}
