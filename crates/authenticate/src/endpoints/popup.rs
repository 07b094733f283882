//! The last page of a sign-in in a pop-up: it tells the page that waits, and closes.

use axum::Extension;
use axum::extract::State;
use doorward_pages::{Page, SignedIn};

use super::visitor::for_session;
use super::{Core, finish};
use crate::answers::page;
use crate::paths;
use crate::visit::Shared;

/// `GET /.doorward/signed_in`. Nothing secret is on it or told to anybody: who waits asks for itself who is signed in.
pub(super) async fn signed_in(State(inner): Core, Extension(visit): Extension<Shared>) -> axum::response::Response {
    let outcome = for_session(&inner, &visit, |visit, session| {
        let known = session.known();
        let who = known.identity.label();
        Ok(page(visit, &Page::SignedIn(SignedIn { who, script: paths::SIGNED_IN_SCRIPT, home: paths::HOME })))
    });
    finish(&visit, outcome.await)
}
