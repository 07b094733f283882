//! `doorward user block`, `unblock`, `blocked`: who may not sign in, whichever provider vouches for them.

use std::process::ExitCode;

use doorward_config::Config;
use serde_json::json;

use super::parse;
use crate::admin::{Answer, Person, Request, perform};
use crate::commands::Failure;
use crate::commands::session::{harmless, minute, misunderstood, say_ended, say_where};
use crate::terminal::{complain, say, table};

/// Blocks an address and ends its sessions, and says how that is undone.
///
/// # Errors
/// [`Failure`].
pub(in crate::commands) fn block(config: &Config, email: &str, as_json: bool) -> Result<ExitCode, Failure> {
    let email = parse(email)?.as_str().to_owned();
    let (Answer::Blocked { is_new, ended }, place) = perform(config, &Request::Block { email: email.clone() })? else {
        return Err(misunderstood());
    };
    if as_json {
        say(format_args!("{:#}", json!({ "blocked": email, "new": is_new, "ended": ended })));
        return Ok(ExitCode::SUCCESS);
    }
    say_ended(&ended, ended.len());
    if ended.is_empty() {
        say("no session of theirs was there to end");
    }
    let since = if is_new { "is blocked now" } else { "was blocked already" };
    say(format_args!("{email} {since} and cannot sign in; to let them in again: doorward user unblock {email}"));
    say_where(place);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn unblock(config: &Config, email: &str, as_json: bool) -> Result<ExitCode, Failure> {
    let email = parse(email)?.as_str().to_owned();
    let request = Request::Unblock { email: email.clone() };
    let (Answer::Unblocked { was_blocked }, place) = perform(config, &request)? else { return Err(misunderstood()) };
    if as_json {
        say(format_args!("{:#}", json!({ "unblocked": email, "was_blocked": was_blocked })));
    }
    if !was_blocked {
        return Err(Failure::Said(format!(
            "{email} is not blocked: nothing to do\n    `doorward user blocked` shows who is."
        )));
    }
    if !as_json {
        say(format_args!("{email} may sign in again"));
        say_where(place);
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn list(config: &Config, as_json: bool) -> Result<ExitCode, Failure> {
    let people = people(config)?;
    if as_json {
        say(format_args!("{:#}", json!({ "blocked": people })));
    } else if people.is_empty() {
        complain("nobody is blocked");
    } else {
        let rows: Vec<_> = people.iter().map(|person| [harmless(&person.email), minute(person.since)]).collect();
        table(["EMAIL", "BLOCKED SINCE (UTC)"], &rows);
    }
    Ok(ExitCode::SUCCESS)
}

/// Everybody who is blocked, by address.
pub(super) fn people(config: &Config) -> Result<Vec<Person>, Failure> {
    let (Answer::People { people }, _) = perform(config, &Request::Blocked {})? else { return Err(misunderstood()) };
    Ok(people)
}
