//! The endpoints below `/.doorward`: an axum router that is only ever called with a [`Visit`] at hand.
//!
//! Refuses: bodies over 16 KiB or slower than ten seconds, unknown paths and methods, and whatever each endpoint
//! refuses, always with a page that says so and never with a redirect.

mod arrived;
mod backchannel_logout;
mod ending;
mod frontchannel_logout;
mod handover;
mod popup;
mod proof;
mod provider_callback;
mod script;
mod session;
mod sessions;
mod sign_in;
mod sign_out;
mod visitor;
mod welcome;

pub(crate) use self::session::sessions_error;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use bytes::Bytes;
use doorward_hygiene::CleanHead;
use doorward_pages::{Page, Problem, SignInRequired};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

use crate::answers::{Answer, failure, page, redirect, with_cookies};
use crate::attempt::{Attempt, Path};
use crate::authenticator::{Inner, People};
use crate::cause::Cause;
use crate::fresh::Fresh;
use crate::return_to::ReturnTo;
use crate::visit::{Opens, Shared, Visit};
use crate::{AuthenticateError, paths};

/// The largest form.
const LARGEST_BODY: usize = 16 * 1024;
const BODY_WITHIN: Duration = Duration::from_secs(10);

type Core = State<Arc<Inner>>;

/// The router over every endpoint.
pub(crate) fn router(inner: Arc<Inner>) -> Router {
    let mut router = Router::new()
        .route(paths::HOME, get(visitor::home))
        .route(paths::PREFIX, get(to_home))
        .route(paths::USER, get(visitor::user))
        .route(paths::ROUTES, get(visitor::routes))
        .route(paths::SESSIONS, get(sessions::list))
        .route(paths::END_SESSIONS, post(sessions::end))
        .route(paths::SESSION_SCRIPT, get(script::session))
        .route(paths::SIGNED_IN, get(popup::signed_in))
        .route(paths::SIGNED_IN_SCRIPT, get(script::signed_in))
        .route(paths::CALLBACK, get(handover::take))
        .route(paths::ARRIVED, get(arrived::arrived))
        .route(paths::SIGN_OUT, get(sign_out::ask).post(sign_out::end))
        .route(paths::SIGNED_OUT, get(sign_out::done));
    if inner.sign_in.dedicated {
        router = router.route("/", get(to_home));
    }
    router = match &inner.people {
        People::Provider(provider, _) => router
            .route(paths::SIGN_IN, get(sign_in::begin))
            .route(paths::BACKCHANNEL_LOGOUT, post(backchannel_logout::take))
            .route(paths::FRONTCHANNEL_LOGOUT, get(frontchannel_logout::take))
            .route(provider.redirect_path(), get(provider_callback::answer)),
        People::Accounts(_) => router
            .route(paths::SIGN_IN, get(sign_in::begin).merge(post(sign_in::password)))
            .route(paths::WELCOME, get(welcome::show).post(welcome::set)),
    };
    router.fallback(not_found).method_not_allowed_fallback(method_not_allowed).with_state(inner)
}

/// Reads the body, which only a form has, and asks the router.
pub(crate) async fn answer<B>(router: Router, visit: Shared, head: CleanHead, body: B) -> Answer
where
    B: Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let parts = head.request_parts();
    let form = if parts.method == Method::POST {
        match tokio::time::timeout(BODY_WITHIN, Limited::new(body, LARGEST_BODY).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => return plain(&visit, StatusCode::PAYLOAD_TOO_LARGE, "The form is too large"),
            Err(_) => return plain(&visit, StatusCode::REQUEST_TIMEOUT, "The form took too long"),
        }
    } else {
        Bytes::new()
    };
    let mut request = Request::from_parts(parts, axum::body::Body::from(form));
    request.extensions_mut().insert(Shared::clone(&visit));
    let Ok(answer) = router.oneshot(request).await;
    let (parts, body) = answer.into_parts();
    match body.collect().await {
        Ok(body) => Response::from_parts(parts, body.to_bytes()),
        Err(_) => failure(&visit, &AuthenticateError::Task, None),
    }
}

/// What a visitor without a session is answered: a redirect for a page load, else 401 without any cookie.
pub(crate) fn sign_in_first(inner: &Inner, visit: &Visit) -> Answer {
    sign_in_anew(inner, visit, None)
}

/// The same for somebody whose sign-in has to be as recent as that, who may be signed in.
pub(crate) fn sign_in_anew(inner: &Inner, visit: &Visit, fresh: Option<Fresh>) -> Answer {
    if visit.opens != Opens::Page {
        return sign_in_required(visit, fresh);
    }
    let path = ReturnTo::of_request(&visit.path_and_query);
    let known = fresh.filter(|_| inner.is_signed_in(visit)).map(|_| Cause::TooOldAtOnce);
    let outcome = inner.check_not_in_vain(visit, &path, known).and_then(|()| {
        // Nothing is begun for who only asks what would be.
        let answer = if visit.only_asks() {
            redirect(StatusCode::FOUND, &sign_in_url(&path, fresh))
        } else {
            go_to_sign_in(inner, visit, path, fresh)
        };
        Ok(answer?)
    });
    outcome.unwrap_or_else(|failed| failed.answer(visit))
}

/// 401 with the address to sign in at.
fn sign_in_required(visit: &Visit, fresh: Option<Fresh>) -> Answer {
    let fresh = fresh.map(|fresh| format!("?fresh={fresh}")).unwrap_or_default();
    let sign_in_url = format!("{}{}{fresh}", visit.here, paths::SIGN_IN);
    page(visit, &Page::SignInRequired(SignInRequired { sign_in_url: &sign_in_url }))
}

/// Where a sign-in begins on the host one is on.
fn sign_in_url(path: &ReturnTo, fresh: Option<Fresh>) -> String {
    let fresh = fresh.map(|fresh| format!("&fresh={fresh}")).unwrap_or_default();
    format!("{}?return={}{fresh}", paths::SIGN_IN, escape(path.as_str()))
}

/// Sends the browser to where people sign in, to come back to `path` on this host.
fn go_to_sign_in(
    inner: &Inner,
    visit: &Visit,
    path: ReturnTo,
    fresh: Option<Fresh>,
) -> Result<Answer, AuthenticateError> {
    if visit.is_sign_in_host {
        return redirect(StatusCode::FOUND, &sign_in_url(&path, fresh));
    }
    let mut verifier = [0; 32];
    aws_lc_rs::rand::fill(&mut verifier).map_err(|_| AuthenticateError::Cryptography)?;
    let kept = inner
        .attempts
        .begin(&visit.host, visit.attempts(), visit.now, |_| Attempt::Waiting { path: Path(path), verifier })?;
    let location = handover::ask_url(inner, visit, &kept.id, &verifier, fresh);
    Ok(with_cookies(redirect(StatusCode::FOUND, &location)?, kept.set_cookies))
}

/// What an endpoint could not do, with the way on it offers and the cookies it still sets.
struct Failed {
    error: AuthenticateError,
    link: Option<(String, &'static str)>,
    cookies: Vec<HeaderValue>,
}

impl<E: Into<AuthenticateError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), link: None, cookies: Vec::new() }
    }
}

impl Failed {
    fn answer(self, visit: &Visit) -> Answer {
        let link = self.link.as_ref().map_or(START_AGAIN, |(href, text)| (href.as_str(), *text));
        with_cookies(failure(visit, &self.error, Some(link)), self.cookies)
    }
}

/// The link on a failure that knows no better one.
const START_AGAIN: (&str, &str) = ("/", "Start again");

/// An endpoint's outcome as the router wants it.
fn finish(visit: &Visit, outcome: Result<Answer, Failed>) -> axum::response::Response {
    outcome.unwrap_or_else(|failed| failed.answer(visit)).map(axum::body::Body::from)
}

/// The query of a request as `T`; a parameter given twice is refused.
fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, AuthenticateError> {
    axum::extract::Query::try_from_uri(uri)
        .map(|query| query.0)
        .map_err(|_| AuthenticateError::BadRequest("its parameters are missing, malformed or given twice"))
}

/// A posted form.
fn form<T>(form: Result<Form<T>, FormRejection>) -> Result<T, AuthenticateError> {
    form.map(|form| form.0).map_err(|_| AuthenticateError::BadRequest("the form is incomplete or malformed"))
}

/// Percent-encodes a query value.
fn escape(text: &str) -> percent_encoding::PercentEncode<'_> {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
}

async fn to_home(Extension(visit): Extension<Shared>) -> axum::response::Response {
    finish(&visit, redirect(StatusCode::FOUND, paths::HOME).map_err(Failed::from))
}

async fn not_found(Extension(visit): Extension<Shared>) -> axum::response::Response {
    plain(&visit, StatusCode::NOT_FOUND, "Nothing is here").map(axum::body::Body::from)
}

async fn method_not_allowed(Extension(visit): Extension<Shared>) -> axum::response::Response {
    plain(&visit, StatusCode::METHOD_NOT_ALLOWED, "That cannot be done here").map(axum::body::Body::from)
}

fn plain(visit: &Visit, status: StatusCode, title: &str) -> Answer {
    let problem = Problem {
        status,
        title,
        explanation: "Everything below this address belongs to the door itself, and it has no use for this request.",
        advice: None,
        link: Some((paths::HOME, "Who you are")),
    };
    page(visit, &Page::Problem(problem))
}
