//! `doorward session show`: all that is known of one session. What opens anything is not in it.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;

use super::list::ago;
use super::{config_of, harmless, misunderstood};
use crate::admin::{Answer, Request, perform};
use crate::cli::SessionShowArguments;
use crate::commands::Failure;
use crate::terminal::say;

pub(super) fn run(arguments: SessionShowArguments) -> Result<ExitCode, Failure> {
    let config = config_of(arguments.config.config)?;
    let request = Request::Show { id: arguments.id.clone() };
    let (Answer::Sessions { mut sessions, .. }, _) = perform(&config, &request)? else { return Err(misunderstood()) };
    let Some(session) = sessions.pop() else {
        return Err(Failure::Said(format!(
            "there is no session {}: it has ended, or never was\n    `doorward session list` shows those there are.",
            harmless(&arguments.id)
        )));
    };
    if arguments.json {
        say(format_args!("{:#}", json!(session)));
        return Ok(ExitCode::SUCCESS);
    }
    let seen = format!("{} ({})", session.last_seen_at, ago(Timestamp::now().duration_since(session.last_seen_at)));
    for (name, value) in [
        ("id", session.id),
        ("user", session.user),
        ("e-mail", session.email.unwrap_or_else(|| "-".to_owned())),
        ("subject", session.subject),
        ("issuer", session.issuer),
        ("provider", session.provider),
        ("from", session.client.to_string()),
        ("browser", session.user_agent.unwrap_or_else(|| "-".to_owned())),
        ("signed in", session.created_at.to_string()),
        ("last seen", seen),
        ("ends", session.expires_at.to_string()),
    ] {
        say(format_args!("{name:<10} {}", harmless(&value)));
    }
    Ok(ExitCode::SUCCESS)
}
