//! The one place where a refusal becomes a status, a page, and a line in the log.
//!
//! A visitor is told what they can do and the request's id; names, addresses and reasons, of policies as of upstreams, are
//! for the log.

pub(crate) mod grpc;

use std::error::Error;

use doorward_hygiene::Accepts;
use doorward_identity::Presented;
use doorward_pages::{ClientCertificate, Denied, Format, Page, Problem, respond};
use http::header::{CONNECTION, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use crate::ProxyBody;
use crate::account::Account;
use crate::error::{Blame, ForwardError};
use crate::refusal::Refusal;

/// Where signing out begins, on every host of ours.
const SIGN_OUT: &str = "/.doorward/sign_out";

/// Answers a refusal and logs what an operator has to know.
pub(crate) fn refuse(refusal: &Refusal, account: &Account) -> Response<ProxyBody> {
    log(refusal, account);
    let host = account.host();
    // The only text of a problem that is not fixed.
    let words = match refusal {
        Refusal::Unclean(unclean) => unclean.to_string(),
        _ => String::new(),
    };
    let page = match refusal {
        Refusal::ClientCertificate(presented) => Page::ClientCertificate(ClientCertificate {
            host: &host,
            refused: match presented {
                Presented::Refused { reason, .. } => Some(reason),
                Presented::Nothing | Presented::Accepted(_) => None,
            },
        }),
        Refusal::Denied(denial) => Page::Denied(Denied {
            host: &host,
            who: account.user(),
            needed: denial.needed.as_deref(),
            support_contact: denial.support_contact.as_deref(),
            sign_out: SIGN_OUT,
            sign_in_again: denial.sign_in_again(),
        }),
        other => Page::Problem(problem(other, &words)),
    };
    if account.is_grpc() {
        let (status, title) = match &page {
            Page::Problem(problem) => (problem.status, problem.title),
            _ => (StatusCode::FORBIDDEN, "Access denied"),
        };
        return grpc::refusal(refusal, status, title);
    }
    let mut response = respond(&page, account.format(), account.request_id().as_str()).map(ProxyBody::full);
    let headers = response.headers_mut();
    match refusal {
        Refusal::Unclean(unclean) => {
            unclean.amend(headers);
            // Where this request ended may be read two ways too: what follows on the connection is not read.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Refusal::StoreDown(_) | Refusal::TooManyTunnels => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Refusal::Overloaded | Refusal::TooManyOfAddress => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Refusal::RateLimited { retry_after, .. } | Refusal::TooManyUnknownSessions { retry_after } => {
            headers.insert(RETRY_AFTER, (*retry_after).into());
        }
        Refusal::Forward(error)
            if matches!(**error, ForwardError::Overloaded { .. } | ForwardError::Unhealthy { .. }) =>
        {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        Refusal::Forward(error)
            if matches!(**error, ForwardError::ClientStalled { .. } | ForwardError::TooLarge { .. }) =>
        {
            // RFC 9110 §15.5.9 and §15.5.14: we give this connection up, since the rest of the body is still to come.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    response
}

fn problem<'a>(refusal: &Refusal, words: &'a str) -> Problem<'a> {
    let (status, title, explanation, advice) = match refusal {
        Refusal::Unclean(unclean) => (
            unclean.status(),
            "This request was not understood",
            words,
            Some("Check the address, or tell whoever made the client that sent it."),
        ),
        Refusal::UnknownHost => (
            StatusCode::NOT_FOUND,
            "Nothing is served under this name",
            "The request reached Doorward, but no route is configured for this host.",
            Some("Check the address. If you run this server, add a route whose `from` is this host."),
        ),
        Refusal::NoRoute => (
            StatusCode::NOT_FOUND,
            "Nothing is served at this address",
            "This host is served here, but no route is configured for this path.",
            Some("Check the address."),
        ),
        Refusal::AmbiguousPath => (
            StatusCode::BAD_REQUEST,
            "This address can be read in two ways",
            "Read strictly and read loosely (without `;parameters`, with doubled slashes merged), the path belongs to \
             two different applications.",
            Some("Check the address for doubled slashes and semicolons."),
        ),
        Refusal::TlsTakenOff => (
            StatusCode::BAD_REQUEST,
            "This would go round in circles",
            "The request came over https, but whatever stands before Doorward passed it on without. Sent to https again, \
             it would come back just the same.",
            Some(
                "If you run this server, have what stands before it pass connections on as they are (TCP), or connect to \
                 Doorward by https; else set `insecure_server: true`.",
            ),
        ),
        Refusal::StoreDown(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Sign-ins cannot be checked just now",
            "You are most likely still signed in, but the place where sign-ins are kept does not answer.",
            Some("Try again in a moment."),
        ),
        Refusal::TooManyUnknownSessions { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many unknown sessions",
            "So many requests with session cookies that nobody knows came from your network that no more are looked up \
             just now.",
            Some("Try again in a moment; if it lasts, sign in again."),
        ),
        Refusal::Overloaded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Too much is going on just now",
            "As many requests are being answered as this server takes on at once.",
            Some("Try again in a moment."),
        ),
        Refusal::RateLimited { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "More was asked for in a short time than is allowed here.",
            Some("Wait a moment, then try again. Programs are told how long by `Retry-After`."),
        ),
        Refusal::TooManyOfAddress => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests at once",
            "As many requests are under way from your address as are allowed at once.",
            Some("Wait a moment, then try again. Others behind the same address count too."),
        ),
        Refusal::TooManyTunnels => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many WebSockets",
            "This session has as many WebSockets open as one may have.",
            Some("Close some windows of the application, then try again."),
        ),
        Refusal::CrossOrigin => (
            StatusCode::FORBIDDEN,
            "Refused: cross-origin",
            "A page of another site tried to open a WebSocket to this application in your name.",
            None,
        ),
        Refusal::NoWebSockets => (
            StatusCode::FORBIDDEN,
            "WebSockets are not allowed here",
            "This route does not forward WebSockets.",
            Some("If you run this server and the application needs them, set `allow_websockets: true` on the route."),
        ),
        Refusal::NoWebSocket => (
            StatusCode::BAD_REQUEST,
            "There is no WebSocket here",
            "A WebSocket was asked for, and what is at this address answers with pages.",
            None,
        ),
        // Answered with pages of their own; here for the type's sake.
        Refusal::Denied(_) | Refusal::ClientCertificate(_) => {
            (StatusCode::FORBIDDEN, "Access denied", "Policy does not allow this.", None)
        }
        Refusal::Forward(error) => return forward_problem(error),
    };
    Problem { status, title, explanation, advice, link: None }
}

fn forward_problem(error: &ForwardError) -> Problem<'static> {
    let (status, title, explanation) = match error {
        ForwardError::NoAnswer { .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            "The application did not answer in time",
            "You are allowed in, but the application behind this address took too long to answer.",
        ),
        ForwardError::Unreachable { source, .. } if source.is_timeout() => (
            StatusCode::GATEWAY_TIMEOUT,
            "The application cannot be reached",
            "You are allowed in, but the application behind this address did not take the connection in time.",
        ),
        ForwardError::Unreachable { .. } => (
            StatusCode::BAD_GATEWAY,
            "The application cannot be reached",
            "You are allowed in, but no connection to the application behind this address came about.",
        ),
        ForwardError::ClosedAtOnce { .. } | ForwardError::BrokeOff { .. } | ForwardError::Misbehaved { .. } => (
            StatusCode::BAD_GATEWAY,
            "The application gave no usable answer",
            "You are allowed in, but what the application behind this address sent could not be passed on.",
        ),
        ForwardError::Overloaded { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The application is busy",
            "You are allowed in, but the application behind this address has as much to do as it may have at once.",
        ),
        ForwardError::Unhealthy { .. } => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The application is out of service just now",
            "You are allowed in, but the application behind this address is not well.",
        ),
        ForwardError::ClientStalled { .. } => {
            (StatusCode::REQUEST_TIMEOUT, "The request was not finished", "Nothing more of the request's body arrived.")
        }
        ForwardError::TooLarge { .. } => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request is too large",
            "What was sent is larger than may be sent to this address.",
        ),
        ForwardError::ClientGone(_) => {
            (StatusCode::BAD_REQUEST, "The request was not finished", "The request's body broke off.")
        }
        ForwardError::NoPath { .. } => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "This address cannot be passed on",
            "You are allowed in, but what this address is rewritten to for the application is no valid address.",
        ),
        ForwardError::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong here",
            "This is a mistake in Doorward, not yours.",
        ),
    };
    let advice = match error.blame() {
        Blame::Upstream => {
            Some("Try again in a moment. If it lasts, tell whoever runs it the request id; the log has the reason.")
        }
        Blame::Us => Some("Tell whoever runs it the request id; the log has the reason."),
        Blame::Client => None,
    };
    Problem { status, title, explanation, advice, link: None }
}

/// Once for each refusal, and only what nobody could see from the access line alone.
fn log(refusal: &Refusal, account: &Account) {
    let request_id = account.request_id();
    match refusal {
        Refusal::Forward(error) => {
            let route = account.route();
            match error.blame() {
                // The access line says it; one more for each request would be a load of its own.
                _ if matches!(**error, ForwardError::Overloaded { .. }) => {
                    tracing::debug!(%request_id, route, "{error}");
                }
                Blame::Upstream => tracing::warn!(%request_id, route, "{error}"),
                Blame::Us => tracing::error!(%request_id, route, "{error}"),
                Blame::Client => tracing::debug!(%request_id, route, "{error}"),
            }
        }
        Refusal::StoreDown(error) => {
            tracing::error!(%request_id, source = error.source().map(tracing::field::display), "{error}");
        }
        other => tracing::debug!(%request_id, "{other}"),
    }
}

/// What to answer in, for a client whose `Accept` line this is.
pub(crate) fn format(accept: Option<&HeaderValue>) -> Format {
    match Accepts::of_lines(accept) {
        Accepts::Html => Format::Html,
        Accepts::Json => Format::Json,
        Accepts::Text => Format::Text,
    }
}
