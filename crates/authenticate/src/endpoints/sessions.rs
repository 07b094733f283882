//! A person's own sessions: seen, and ended one by one or all but this one.
//!
//! Refuses: forms of other sites, forms made for another session, and to see or end a session of anybody else.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::{Extension, Form};
use doorward_pages::{Format, Page, Problem, SessionEntry, When};
use doorward_sessions::{LiveSession, SessionCard};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ending::Which;
use super::visitor::json_answer;
use super::{Core, Failed, finish, form, sign_in_first, sign_out};
use crate::answers::{Answer, page, redirect};
use crate::authenticator::Inner;
use crate::browser_name::browser_name;
use crate::shorten::shorten;
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, oidc, paths, times};

/// The most that are shown.
const SHOWN: usize = 100;

/// The sessions of the person who asks, with the one that asks first and then the newest; and how many are left out.
struct Listed {
    cards: Vec<SessionCard>,
    hidden: usize,
}

async fn listed(inner: &Inner, visit: &Visit, session: &LiveSession) -> Result<Listed, AuthenticateError> {
    let mut cards =
        inner.sessions.of_person(&session.subject(), visit.now).await.map_err(super::session::sessions_error)?;
    cards.sort_by_key(|card| card.id != session.id());
    let hidden = cards.len().saturating_sub(SHOWN);
    cards.truncate(SHOWN);
    Ok(Listed { cards, hidden })
}

/// What the page about oneself shows of them, and how many it does not; none when the store does not say.
pub(super) async fn entries(inner: &Inner, visit: &Visit, session: &LiveSession) -> Option<(Vec<SessionEntry>, usize)> {
    let listed = listed(inner, visit, session).await.inspect_err(|error| {
        tracing::warn!(request_id = &*visit.request_id, error = %oidc::chain(error), "the list of sessions cannot be had");
    });
    let Listed { cards, hidden } = listed.ok()?;
    let when = |time: SystemTime| When { at: times::rfc3339(time), words: times::ago(time, visit.now) };
    let entry = |card: &SessionCard| SessionEntry {
        id: card.id.clone(),
        browser: browser_name(card.user_agent.as_deref()),
        client: card.client.to_string(),
        provider: shorten(&card.provider),
        signed_in: when(card.created_at),
        last_seen: when(card.last_seen_at),
        is_current: card.id == session.id(),
        is_in_this_browser: card.browser == session.browser(),
    };
    Some((cards.iter().map(entry).collect(), hidden))
}

#[derive(Serialize)]
struct SessionJson<'a> {
    id: &'a str,
    browser: String,
    user_agent: Option<&'a str>,
    client: String,
    provider: &'a str,
    signed_in_at: String,
    last_seen_at: String,
    expires_at: String,
    current: bool,
    this_browser: bool,
}

/// `GET /.doorward/sessions`: JSON whatever is accepted.
pub(super) async fn list(State(inner): Core, Extension(visit): Extension<Shared>) -> axum::response::Response {
    let outcome = async {
        let Some(session) = inner.session_of(&visit).await? else { return Ok(sign_in_first(&inner, &visit)) };
        let Listed { cards, hidden } = listed(&inner, &visit, &session).await?;
        let sessions: Vec<_> = cards
            .iter()
            .map(|card| SessionJson {
                id: &card.id,
                browser: browser_name(card.user_agent.as_deref()),
                user_agent: card.user_agent.as_deref(),
                client: card.client.to_string(),
                provider: &card.provider,
                signed_in_at: times::rfc3339(card.created_at),
                last_seen_at: times::rfc3339(card.last_seen_at),
                expires_at: times::rfc3339(card.expires_at),
                current: card.id == session.id(),
                this_browser: card.browser == session.browser(),
            })
            .collect();
        let csrf = inner.prove(&visit, &session)?;
        Ok(json_answer(&json!({ "sessions": sessions, "not_shown": hidden, "csrf": csrf }))?)
    };
    finish(&visit, outcome.await)
}

#[derive(Deserialize)]
pub(super) struct EndForm {
    csrf: String,
    session: Option<String>,
    others: Option<String>,
}

/// `POST /.doorward/sessions/end` with `csrf` and either `session` or `others`.
pub(super) async fn end(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    body: Result<Form<EndForm>, FormRejection>,
) -> axum::response::Response {
    finish(&visit, end_here(&inner, &visit, body).await)
}

async fn end_here(
    inner: &Arc<Inner>,
    visit: &Shared,
    body: Result<Form<EndForm>, FormRejection>,
) -> Result<Answer, Failed> {
    visit.check_same_origin()?;
    let Some(session) = inner.session_of(visit).await? else {
        // Ended from elsewhere while the page was open. A form cannot be sent again, so: back to where it was.
        return match visit.format {
            Format::Html => Ok(redirect(StatusCode::SEE_OTHER, paths::HOME)?),
            Format::Json | Format::Text => Ok(sign_in_first(inner, visit)),
        };
    };
    let form = form(body)?;
    inner.check_proof(visit, &session, &form.csrf).map_err(|error| Failed {
        error,
        link: Some((paths::HOME.to_owned(), "Your sessions")),
        cookies: Vec::new(),
    })?;
    let which = match (form.session, form.others.as_deref()) {
        // To end the one that asks is to sign out.
        (Some(id), None) if id == session.id() => {
            return sign_out::leave(inner, visit, &session, Which::Browser).await;
        }
        (Some(id), None) => Which::One(id),
        (None, Some("all")) => Which::Others,
        _ => return Err(AuthenticateError::BadRequest("it does not say which session").into()),
    };
    let ended = inner.end_sessions(visit, &session, which).await?;
    if ended.is_unsure {
        return Ok(unsure(visit));
    }
    if visit.format == Format::Html {
        return Ok(redirect(StatusCode::SEE_OTHER, paths::HOME)?);
    }
    Ok(json_answer(&json!({ "sessions_ended": ended.count, "request_id": &*visit.request_id }))?)
}

/// What this process knew of has ended; the store did not say what else there is.
fn unsure(visit: &Visit) -> Answer {
    let problem = Problem {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "This may not have worked yet",
        explanation: "What was open through this server has closed. But the place where sessions are kept does not \
                      answer, so other servers may not know yet.",
        advice: Some("Look at the list again in a moment, and end there what is still on it."),
        link: Some((paths::HOME, "Your sessions")),
    };
    page(visit, &Page::Problem(problem))
}
