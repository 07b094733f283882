//! `doorward session revoke`: ends sessions, for every host, request and tunnel.
//!
//! Refuses: to end everybody's without having been told twice.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use doorward_config::Config;
use serde_json::json;

use super::{config_of, counted, harmless, misunderstood, say_ended, say_where};
use crate::admin::{Answer, Request, Wanted, perform};
use crate::cli::RevokeArguments;
use crate::commands::{Failure, user};
use crate::terminal::{complain, say};

pub(super) fn run(arguments: RevokeArguments) -> Result<ExitCode, Failure> {
    let RevokeArguments { ids, user, all, no_block, yes, json, config } = arguments;
    let config = config_of(config.config)?;
    match user {
        Some(email) if !no_block => user::block(&config, &email, json),
        Some(user) => revoke(&config, Wanted::Of(user), json),
        None if all => {
            if !yes {
                confirm(&config)?;
            }
            revoke(&config, Wanted::All, json)
        }
        None => revoke(&config, Wanted::Ids(ids), json),
    }
}

fn revoke(config: &Config, wanted: Wanted, as_json: bool) -> Result<ExitCode, Failure> {
    let nobody = match &wanted {
        Wanted::Of(user) => format!("{} is not signed in: nothing to end", harmless(user)),
        Wanted::Ids(_) | Wanted::All => "nobody is signed in: nothing to end".to_owned(),
    };
    let (Answer::Revoked { ended, total, unknown }, place) = perform(config, &Request::Revoke { wanted })? else {
        return Err(misunderstood());
    };
    if as_json {
        say(format_args!("{:#}", json!({ "ended": ended, "total": total, "unknown": unknown })));
    } else {
        say_ended(&ended, total);
        if total == 0 && unknown.is_empty() {
            complain(nobody);
        } else if total > 0 {
            say_where(place);
        }
    }
    if unknown.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let list: Vec<_> = unknown.iter().map(|id| harmless(id)).collect();
    Err(Failure::Said(format!(
        "there is no session {}: it has ended, or never was\n    `doorward session list` shows those there are.",
        list.join(", ")
    )))
}

/// Asks whoever types whether they mean it.
fn confirm(config: &Config) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Said(
            "--all ends the session of everybody; there is nobody to ask whether that is meant\n    Add --yes.".into(),
        ));
    }
    let (Answer::Sessions { total, .. }, _) = perform(config, &Request::List { user: None, most: 1 })? else {
        return Err(misunderstood());
    };
    let mut stderr = std::io::stderr().lock();
    let _gone = write!(stderr, "This ends {}. Type yes to go on: ", counted(total));
    let _gone = stderr.flush();
    drop(stderr);
    let mut said = String::new();
    std::io::stdin().read_line(&mut said).map_err(|error| Failure::of(&error))?;
    if said.trim() == "yes" { Ok(()) } else { Err(Failure::Said("nothing was ended".into())) }
}
