//! From what happened to an HTTP answer: redirects, and one clear page for each failure.

use bytes::Bytes;
use doorward_pages::{Blocked, Onward, Page, Problem, respond};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, Response, StatusCode};

use crate::oidc;
use crate::visit::Visit;
use crate::{AuthenticateError, RefusedFor, cause};

/// A whole answer.
pub(crate) type Answer = Response<Bytes>;

/// The page in the format this visit asked for.
pub(crate) fn page(visit: &Visit, page: &Page<'_>) -> Answer {
    respond(page, visit.format, &visit.request_id).map(Bytes::from)
}

/// A redirect that is never stored. `location` is a checked path of this host, or a URL of ours or the provider's.
pub(crate) fn redirect(status: StatusCode, location: &str) -> Result<Answer, AuthenticateError> {
    let location =
        HeaderValue::try_from(location).map_err(|_| AuthenticateError::BadRequest("the address is malformed"))?;
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The address may hold a one-time code.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(answer)
}

/// A page that goes on by itself to an address of this host.
pub(crate) fn onward(visit: &Visit, url: &str) -> Answer {
    page(visit, &Page::Onward(Onward { url }))
}

/// Adds `Set-Cookie` lines.
pub(crate) fn with_cookies(mut answer: Answer, lines: impl IntoIterator<Item = HeaderValue>) -> Answer {
    for line in lines {
        answer.headers_mut().append(SET_COOKIE, line);
    }
    answer
}

/// Where a page offers to go: (href, text).
pub(crate) type Link<'a> = (&'a str, &'a str);

/// The page that says what went wrong, with a way on. It never redirects: a failure cannot become a loop.
pub(crate) fn failure(visit: &Visit, error: &AuthenticateError, link: Option<Link<'_>>) -> Answer {
    if let AuthenticateError::Blocked { support_contact } = error {
        return page(visit, &Page::Blocked(Blocked { support_contact: support_contact.as_deref() }));
    }
    let words = words(error);
    if let AuthenticateError::InVain(cause) = error {
        let (cause, host) = (cause.word(), visit.host.as_str());
        tracing::warn!(request_id = &*visit.request_id, cause, host, "signing in was in vain; no redirect followed");
    } else if words.status.is_server_error() {
        tracing::warn!(request_id = &*visit.request_id, error = %oidc::chain(error), "sign-in endpoint failed");
    } else {
        tracing::debug!(request_id = &*visit.request_id, error = %oidc::chain(error), "sign-in endpoint refused");
    }
    let problem = Problem {
        status: words.status,
        title: words.title,
        explanation: &words.explanation,
        advice: Some(words.advice),
        link,
    };
    let mut answer = page(visit, &Page::Problem(problem));
    if let Some(reason) = error.limit() {
        answer.extensions_mut().insert(RefusedFor(reason));
    }
    if let Some(seconds) = words.retry_after {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

struct Words {
    status: StatusCode,
    title: &'static str,
    explanation: String,
    advice: &'static str,
    retry_after: Option<u64>,
}

/// One place maps every error to its status and words. Causes that only help an operator stay in the log.
#[expect(clippy::too_many_lines, reason = "a table: one arm for each error")]
fn words(error: &AuthenticateError) -> Words {
    use AuthenticateError as E;
    let say = |status, title, explanation: &str, advice| Words {
        status,
        title,
        explanation: explanation.to_owned(),
        advice,
        retry_after: None,
    };
    match error {
        E::BadRequest(what) => say(
            StatusCode::BAD_REQUEST,
            "That request makes no sense",
            &format!("Something is wrong with it: {what}."),
            "Start again from the application you want to open.",
        ),
        E::AttemptLost => say(
            StatusCode::BAD_REQUEST,
            "This sign-in could not be finished",
            "It took longer than ten minutes, was begun in another browser, or has been finished already.",
            "Start again; nothing was changed.",
        ),
        E::Blocked { .. } | E::Sessions(doorward_sessions::SessionsError::Blocked) => say(
            StatusCode::FORBIDDEN,
            "You may not sign in here",
            "Whoever runs this site does not let this account in.",
            "Ask them if you think you should have access.",
        ),
        E::InVain(cause) => {
            let (title, found, mend) = cause.page();
            say(StatusCode::BAD_REQUEST, title, found, mend)
        }
        E::ClocksDiffer { by, ahead } => {
            let advice = "Whoever runs this site has to set the clocks right; then try again.";
            say(StatusCode::BAD_GATEWAY, "Two clocks differ", &cause::clocks_differ(*by, *ahead), advice)
        }
        E::NotAnew { said } => {
            let advice = "Sign out there first, then try again; else show this to whoever runs this site.";
            let title = "Your identity provider did not sign you in anew";
            say(StatusCode::FORBIDDEN, title, &cause::not_anew(*said), advice)
        }
        E::CrossSite => say(
            StatusCode::FORBIDDEN,
            "This form came from another site",
            "Another web site tried to do this in your name, so nothing was done.",
            "If you meant to do it, do it from here.",
        ),
        E::TooMany { retry_after } => Words {
            retry_after: Some(retry_after.as_secs().max(1)),
            ..say(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many tries",
                &format!("After this many failed tries, the next is possible in {}.", minutes(retry_after.as_secs())),
                "If you have forgotten your password, ask whoever runs this site for a new invitation.",
            )
        },
        E::TooManyBegun { retry_after } => Words {
            retry_after: Some(retry_after.as_secs() + 1),
            ..say(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many sign-ins at once",
                "More sign-ins were begun from your network in the last minute than are allowed.",
                "Try again in a moment. Whoever is signed in already stays so.",
            )
        },
        E::TooManyUnknown { retry_after } => Words {
            retry_after: Some(retry_after.as_secs() + 1),
            ..say(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many unknown sessions",
                "So many session cookies that nobody knows came from your network that no more are looked up just now.",
                "Try again in a moment.",
            )
        },
        E::ProviderUnreachable(_) => Words {
            retry_after: Some(5),
            ..say(
                StatusCode::SERVICE_UNAVAILABLE,
                "The identity provider cannot be reached",
                "Signing in takes an answer from your identity provider, and none came.",
                "Try again in a moment. Whoever is signed in already stays so.",
            )
        },
        E::ProviderRefused { code, text } => {
            let text = if text.is_empty() { String::new() } else { format!(" It says: {text}") };
            let explanation = format!("Your identity provider refused the sign-in ({code}).{text}");
            let advice = "Try again, perhaps with another account; else show this to whoever runs this site.";
            say(refused_status(code), "Your identity provider refused", &explanation, advice)
        }
        E::Untrusted(_) => say(
            StatusCode::BAD_GATEWAY,
            "The identity provider's answer cannot be trusted",
            "Something about it does not fit, so nobody was signed in. The reason is in the log.",
            "Try again; if it stays so, give the request number below to whoever runs this site.",
        ),
        E::Store(_) | E::Sessions(doorward_sessions::SessionsError::StoreUnavailable(_)) => Words {
            retry_after: Some(5),
            ..say(
                StatusCode::SERVICE_UNAVAILABLE,
                "Signing in is not possible just now",
                "The place where sign-ins are kept does not take them at the moment. The reason is in the log.",
                "Try again in a moment. Whoever is signed in already stays so.",
            )
        },
        E::Busy => Words {
            retry_after: Some(5),
            ..say(
                StatusCode::SERVICE_UNAVAILABLE,
                "Try again in a moment",
                "Signing in is not possible just now.",
                "Whoever is signed in already stays so.",
            )
        },
        E::Sessions(doorward_sessions::SessionsError::TooLong { .. }) => say(
            StatusCode::BAD_GATEWAY,
            "The identity provider said too much",
            "What it says about you is too long to be kept.",
            "Ask whoever runs this site to have the provider send fewer claims or groups.",
        ),
        E::Settings(_)
        | E::AccountsFile { .. }
        | E::AccountsDamaged { .. }
        | E::Sessions(_)
        | E::Cryptography
        | E::Task => say(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something is broken here",
            "This is not your fault. The reason is in the log.",
            "Give the request number below to whoever runs this site.",
        ),
    }
}

/// RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6.
fn refused_status(code: &str) -> StatusCode {
    match code {
        "access_denied"
        | "consent_required"
        | "account_selection_required"
        | "interaction_required"
        | "login_required" => StatusCode::FORBIDDEN,
        "server_error"
        | "temporarily_unavailable"
        | "invalid_client"
        | "unauthorized_client"
        | "invalid_scope"
        | "unsupported_response_type"
        | "redirect_uri_mismatch" => StatusCode::BAD_GATEWAY,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn minutes(seconds: u64) -> String {
    match seconds.div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}
