//! `/.doorward/sign_in`: where every sign-in begins, and where built-in accounts post their password.
//!
//! Refuses: ways back that are no path of this host, hosts that are not ours, forms of other sites, too many
//! tries; and to tell a wrong password from an unknown address.

use std::sync::Arc;

use crate::typed::Typed;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::{Extension, Form};
use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_pages::{Page, SignIn as SignInPage};
use doorward_sessions::LiveSession;
use doorward_telemetry::{AuditEvent, audit};
use http::{StatusCode, Uri};
use serde::Deserialize;
use tokio::time::{Duration, timeout};

use super::{Core, Failed, finish, form, go_to_sign_in, handover, query, sign_in_required};
use crate::accounts::Account;
use crate::answers::{Answer, page, redirect, with_cookies};
use crate::attempt::{Asked, Attempt, AttemptId, Path, Target};
use crate::authenticator::{BuiltIn, Inner, LOCAL_ISSUER, People};
use crate::cause::Cause;
use crate::fresh::Fresh;
use crate::oidc::{Ready, RelyingParty, SignedIn};
use crate::return_to::ReturnTo;
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, paths};

const WRONG: &str = "This e-mail address and password do not belong together.";
/// How long a sign-in waits for its turn to be hashed.
const TURN_WITHIN: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Parameters {
    #[serde(rename = "return")]
    back: Option<String>,
    handover: Option<String>,
    attempt: Option<String>,
    challenge: Option<String>,
    /// How many seconds ago the sign-in may have been. Whoever alters it gains nothing: the route's rule decides.
    fresh: Option<u32>,
    /// Asked for by a person who has read why it was in vain.
    again: Option<String>,
}

/// `GET /.doorward/sign_in`.
pub(super) async fn begin(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    uri: Uri,
) -> axum::response::Response {
    finish(&visit, begin_here(&inner, &visit, &uri).await)
}

async fn begin_here(inner: &Inner, visit: &Visit, uri: &Uri) -> Result<Answer, Failed> {
    visit.check_not_embedded()?;
    let parameters: Parameters = query(uri)?;
    let fresh = parameters.fresh.map(Fresh::from);
    let is_fresh =
        |session: &LiveSession| fresh.is_none_or(|fresh| fresh.is_met_by(&session.known().identity, visit.now));
    let session = inner.session_of(visit).await?;
    let known = session.as_ref().map(|_| Cause::TooOldAtOnce);
    let session = session.filter(|session| is_fresh(session));
    let target =
        match &parameters {
            Parameters { back, handover: None, attempt: None, challenge: None, again, .. } => {
                let path = match back {
                    None => ReturnTo::root(),
                    Some(text) => ReturnTo::parse(text)
                        .map_err(|_| AuthenticateError::BadRequest("the way back is no path of this host"))?,
                };
                if let Some(session) = session {
                    return inner.pass_by(visit, &session, &path);
                }
                if again.is_none() {
                    inner.check_not_in_vain(visit, &path, known)?;
                }
                if visit.only_asks() {
                    return Ok(sign_in_required(visit, fresh));
                }
                let cookies = again.is_some().then(|| inner.trails.remove()).transpose()?;
                if !visit.is_sign_in_host {
                    return Ok(with_cookies(go_to_sign_in(inner, visit, path, fresh)?, cookies));
                }
                return Ok(with_cookies(ask_who(inner, visit, Target::Here(Path(path)), fresh).await?, cookies));
            }
            Parameters {
                back: None, handover: Some(host), attempt: Some(attempt), challenge: Some(challenge), ..
            } if visit.is_sign_in_host => handover::target(inner, host, attempt, challenge)?,
            _ => return Err(AuthenticateError::BadRequest("its parameters do not belong together").into()),
        };
    if visit.only_asks() {
        return Ok(sign_in_required(visit, fresh));
    }
    match session {
        Some(session) => Ok(inner.go_on(visit, &session, target, StatusCode::FOUND).await?),
        None => ask_who(inner, visit, target, fresh).await,
    }
}

/// Sends the browser to the provider, or shows the form of the built-in accounts.
async fn ask_who(inner: &Inner, visit: &Visit, target: Target, fresh: Option<Fresh>) -> Result<Answer, Failed> {
    inner.note_begun(visit)?;
    match &inner.people {
        People::Provider(provider, _) => {
            // The page's own address is the way to try again: it holds nothing that is used up.
            let ready = provider.ready().await.map_err(|error| Failed {
                error,
                link: Some((visit.path_and_query.to_string(), "Try again")),
                cookies: Vec::new(),
            })?;
            Ok(go_to_provider(inner, visit, (provider, &ready), target, Asked { fresh, insisted: false })?)
        }
        People::Accounts(_) => {
            let host = shown_host(visit, &target);
            let kept =
                inner.attempts.begin(&visit.host, visit.attempts(), visit.now, |_| Attempt::AtForm { target })?;
            let form = sign_in_page(&kept.id, &host, "", None);
            Ok(with_cookies(page(visit, &Page::SignIn(form)), kept.set_cookies))
        }
    }
}

/// Sends the browser to the provider, which comes back to an attempt begun here.
pub(super) fn go_to_provider(
    inner: &Inner,
    visit: &Visit,
    (provider, ready): (&RelyingParty, &Ready),
    target: Target,
    asked: Asked,
) -> Result<Answer, AuthenticateError> {
    let mut url = None;
    let kept = inner.attempts.begin(&visit.host, visit.attempts(), visit.now, |id| {
        let begun = provider.begin(ready, id.to_string(), asked);
        url = Some(begun.url);
        Attempt::AtProvider { nonce: begun.nonce, verifier: begun.verifier, target, asked }
    })?;
    let url = url.ok_or(AuthenticateError::Task)?;
    Ok(with_cookies(redirect(StatusCode::FOUND, url.as_str())?, kept.set_cookies))
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    email: String,
    password: Typed,
    attempt: String,
}

/// `POST /.doorward/sign_in` with `email`, `password`, `attempt`.
pub(super) async fn password(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    body: Result<Form<PasswordForm>, FormRejection>,
) -> axum::response::Response {
    let outcome = match &inner.people {
        People::Accounts(built_in) if visit.is_sign_in_host => try_password(&inner, built_in, &visit, body).await,
        _ => Err(AuthenticateError::BadRequest("nobody signs in with a password here").into()),
    };
    finish(&visit, outcome)
}

async fn try_password(
    inner: &Inner,
    built_in: &BuiltIn,
    visit: &Visit,
    body: Result<Form<PasswordForm>, FormRejection>,
) -> Result<Answer, Failed> {
    visit.check_same_origin()?;
    let typed = form(body)?;
    let id = AttemptId::parse(&typed.attempt).ok_or(AuthenticateError::BadRequest("its attempt is malformed"))?;
    let lost = || Failed {
        error: inner.why_lost(visit, &id),
        link: Some((paths::SIGN_IN.to_owned(), "Try again")),
        cookies: Vec::new(),
    };
    let Some(Attempt::AtForm { target }) = inner.attempts.open(&id, &visit.host, visit.attempts(), visit.now) else {
        return Err(lost());
    };
    let failed = |error: AuthenticateError| Failed { error, link: Some(inner.again(&target)), cookies: Vec::new() };
    let account = check_password(inner, built_in, visit, &typed).await.map_err(failed)?;
    let Some(account) = account else {
        let host = shown_host(visit, &target);
        return Ok(page(visit, &Page::SignIn(sign_in_page(&id, &host, &typed.email, Some(WRONG)))));
    };
    let identity = built_in.identity(account, visit);
    Ok(inner.signed_in(visit, &id, target, SignedIn::with_account(identity), StatusCode::SEE_OTHER).await?)
}

/// The account these words open. What cannot be an address is answered as any other wrong one.
async fn check_password(
    inner: &Inner,
    built_in: &BuiltIn,
    visit: &Visit,
    typed: &PasswordForm,
) -> Result<Option<Account>, AuthenticateError> {
    let email = Email::parse(typed.email.trim()).ok();
    let counted = match &email {
        Some(email) => inner.limiter.begin(email, visit.client, &inner.limits, visit.now),
        None => inner.limiter.begin_from(visit.client, &inner.limits, visit.now),
    };
    if let Err(too_many) = counted {
        fail(inner, visit, email.as_ref(), "too many failed tries");
        return Err(AuthenticateError::TooMany { retry_after: too_many.retry_after });
    }
    let account = match email.clone() {
        Some(email) => {
            let (accounts, password) = (Arc::clone(&built_in.accounts), typed.password.clone());
            built_in.hash(move || accounts.verify(&email, &password)).await?
        }
        None => None,
    };
    match &account {
        Some(account) => inner.limiter.succeeded(Some(&account.email), visit.client),
        None => fail(inner, visit, email.as_ref(), "unknown address or wrong password"),
    }
    Ok(account)
}

fn fail(inner: &Inner, visit: &Visit, user: Option<&Email>, reason: &str) {
    audit(&AuditEvent::SignInFailed {
        user: user.map(Email::as_str),
        provider: inner.people.name(),
        reason,
        client: visit.client,
        request_id: &visit.request_id,
    });
}

impl BuiltIn {
    /// Runs something that hashes a password, on a thread of its own and when it is its turn.
    pub(super) async fn hash<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AuthenticateError> + Send + 'static,
    ) -> Result<T, AuthenticateError> {
        let turn = timeout(TURN_WITHIN, Arc::clone(&self.hashing).acquire_owned())
            .await
            .map_err(|_| AuthenticateError::Busy)?
            .map_err(|_| AuthenticateError::Task)?;
        // The turn goes along: hashing goes on when the visitor has gone, and still counts.
        tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(turn);
            outcome
        })
        .await
        .map_err(|_| AuthenticateError::Task)?
    }

    /// Who an account is; name and groups are the configuration's.
    pub(super) fn identity(&self, account: Account, visit: &Visit) -> Identity {
        let configured = self.configured.get(&account.email);
        Identity {
            subject: Subject { issuer: LOCAL_ISSUER.to_owned(), id: account.id },
            name: configured.and_then(|user| user.name.clone()),
            groups: Groups::new(configured.map(|user| user.groups.clone()).unwrap_or_default()),
            email: VerifiedEmail::Verified(account.email),
            claims: Claims::new(by_password()),
            authenticated_at: visit.now,
        }
    }
}

/// How people sign in here (RFC 8176 §2).
fn by_password() -> serde_json::Map<String, serde_json::Value> {
    [("amr".to_owned(), serde_json::json!(["pwd"]))].into_iter().collect()
}

/// The host a person knows they are on their way to.
fn shown_host(visit: &Visit, target: &Target) -> String {
    match target {
        Target::Here(_) => visit.here.authority(),
        Target::Host { authority, .. } => authority.clone(),
    }
}

fn sign_in_page<'a>(id: &'a AttemptId, host: &'a str, email: &'a str, error: Option<&'a str>) -> SignInPage<'a> {
    SignInPage { action: paths::SIGN_IN, attempt: id.as_str(), host, email, error }
}
