//! `/.doorward/arrived`: the last step of every sign-in. The browser shows that it returns its cookie, and goes on.
//!
//! Refuses to send a browser round again that has not got what it was just given: it is told what was found instead.

use axum::Extension;
use axum::extract::State;
use doorward_sessions::LiveSession;
use http::{StatusCode, Uri};
use serde::Deserialize;

use std::time::{Duration, SystemTime};

use super::{Core, Failed, escape, finish, query};
use crate::answers::{Answer, onward, redirect, with_cookies};
use crate::authenticator::Inner;
use crate::cause::{Cause, Clues};
use crate::return_to::ReturnTo;
use crate::trail::{CLOCKS_DIFFER, since_1970};
use crate::visit::{Shared, Visit};
use crate::{AuthenticateError, paths};

/// How long the step may take.
const WITHIN: Duration = Duration::from_secs(60);
/// How many arrivals within a minute may have changed nothing.
const IN_VAIN: usize = 2;

#[derive(Deserialize)]
struct Parameters {
    to: String,
    stamp: String,
}

impl Inner {
    /// Sends a browser that has just got its session on to a path of this host, by way of here. Where the cookie is
    /// `Strict` that takes a page: along a redirect that began on another site the cookie would not be sent, and the
    /// sign-in would begin anew.
    pub(super) fn arrive(
        &self,
        visit: &Visit,
        session: &LiveSession,
        status: StatusCode,
        path: &ReturnTo,
    ) -> Result<Answer, AuthenticateError> {
        let times = format!("{} {}", since_1970(visit.now), since_1970(session.expires_at()));
        let stamp =
            self.arrival_seal.seal(times.as_bytes(), &context(visit, path)).map_err(super::session::sessions_error)?;
        let url = format!("{}?to={}&stamp={stamp}", paths::ARRIVED, escape(path.as_str()));
        self.onward(visit, status, &url)
    }

    /// Sends a browser with a session on to an address of this host.
    pub(super) fn onward(&self, visit: &Visit, status: StatusCode, url: &str) -> Result<Answer, AuthenticateError> {
        if self.cookies.are_strict() { Ok(onward(visit, url)) } else { redirect(status, url) }
    }

    /// Refuses to begin a third sign-in within a minute, where two have changed nothing.
    pub(super) fn check_not_in_vain(&self, visit: &Visit, path: &ReturnTo, found: Option<Cause>) -> Result<(), Failed> {
        let trail = self.trails.read(visit.trails(), &visit.host);
        if trail.arrivals() < IN_VAIN {
            return Ok(());
        }
        let clues = Clues { trail: &trail, ends: None, clocks_differ: false };
        Err(in_vain(found.unwrap_or_else(|| self.why_no_session(visit, clues)), path))
    }

    /// Lets a person who is signed in pass by the sign-in to where they came from, but not again and again.
    pub(super) fn pass_by(&self, visit: &Visit, session: &LiveSession, path: &ReturnTo) -> Result<Answer, Failed> {
        // Our own pages do not send anybody here by themselves.
        if path.as_str().starts_with(paths::HOME) {
            return Ok(self.onward(visit, StatusCode::FOUND, path.as_str())?);
        }
        let trail = self.trails.read(visit.trails(), &visit.host);
        if trail.arrivals() > IN_VAIN {
            let link = Some((path.as_str().to_owned(), "Go on"));
            return Err(Failed { error: AuthenticateError::InVain(Cause::Application), link, cookies: Vec::new() });
        }
        let trail = self.trails.leave(&trail.and(visit.now, session.expires_at()), &visit.host)?;
        Ok(with_cookies(self.onward(visit, StatusCode::FOUND, path.as_str())?, [trail]))
    }
}

/// A page with a way to try again that counts from the beginning.
fn in_vain(cause: Cause, path: &ReturnTo) -> Failed {
    let url = format!("{}?return={}&again=yes", paths::SIGN_IN, escape(path.as_str()));
    Failed { error: AuthenticateError::InVain(cause), link: Some((url, "Try again")), cookies: Vec::new() }
}

/// `GET /.doorward/arrived`.
pub(super) async fn arrived(
    State(inner): Core,
    Extension(visit): Extension<Shared>,
    uri: Uri,
) -> axum::response::Response {
    finish(&visit, arrived_here(&inner, &visit, &uri).await)
}

async fn arrived_here(inner: &Inner, visit: &Visit, uri: &Uri) -> Result<Answer, Failed> {
    let Parameters { to, stamp } = query(uri)?;
    let path = ReturnTo::parse(&to)
        .map_err(|_| AuthenticateError::BadRequest("the address to go on to is no path of this host"))?;
    let stamped = inner.arrival_seal.open(&stamp, &context(visit, &path)).and_then(|times| read(&times));
    if let Some(session) = inner.session_of(visit).await? {
        let trail = inner.trails.read(visit.trails(), &visit.host).and(visit.now, session.expires_at());
        let trail = inner.trails.leave(&trail, &visit.host)?;
        return Ok(with_cookies(redirect(StatusCode::FOUND, path.as_str())?, [trail]));
    }
    let Some((at, ends)) = stamped else {
        return Err(in_vain(Cause::SealedElsewhere, &path));
    };
    let clocks_differ = match visit.now.duration_since(at) {
        Ok(since) => since > WITHIN,
        Err(ahead) => ahead.duration() > CLOCKS_DIFFER,
    };
    let trail = inner.trails.read(visit.trails(), &visit.host);
    let clues = Clues { trail: &trail, ends: Some(ends), clocks_differ };
    Err(in_vain(inner.why_no_session(visit, clues), &path))
}

/// What the stamp is bound to.
fn context(visit: &Visit, path: &ReturnTo) -> Vec<u8> {
    format!("{}{}", visit.host, path.as_str()).into_bytes()
}

/// When the sign-in was done, and when its session ends.
fn read(times: &[u8]) -> Option<(SystemTime, SystemTime)> {
    let (at, ends) = std::str::from_utf8(times).ok()?.split_once(' ')?;
    let time = |text: &str| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(text.parse().ok()?));
    Some((time(at)?, time(ends)?))
}
