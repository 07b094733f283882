//! Signing in and out: the whole way, and every turn at which somebody could slip in.

mod binding;
mod cookies;
mod hosts;
mod outage;
mod races;
mod redirects;
mod sessions;
mod settings;
mod sign_out;
mod tabs;
mod whole_flow;

use crate::harness::browser::{Answer, Browser};

/// Whether an answer hands out a session.
fn gives_session(answer: &Answer) -> bool {
    answer
        .all("set-cookie")
        .iter()
        .any(|line| line.strip_prefix("__Host-doorward=").is_some_and(|rest| !rest.starts_with(';')))
}

/// Whether any answer on the way handed out a session.
fn gave_session(browser: &Browser) -> bool {
    browser.trail.iter().any(gives_session)
}
