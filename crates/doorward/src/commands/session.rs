//! `doorward session`: who is signed in, and signing them out.

mod list;
mod revoke;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use doorward_config::{Config, Overrides};
use jiff::Timestamp;

use super::{Failure, configuration_file, load_file};
use crate::admin::{Ended, Place};
use crate::cli::SessionCommand;
use crate::terminal::{complain, say};

pub(crate) fn run(command: SessionCommand) -> Result<ExitCode, Failure> {
    match command {
        SessionCommand::List(arguments) => list::run(arguments),
        SessionCommand::Show(arguments) => show::run(arguments),
        SessionCommand::Revoke(arguments) => revoke::run(arguments),
    }
}

pub(super) fn config_of(named: Option<PathBuf>) -> Result<Config, Failure> {
    Ok(load_file(&configuration_file(named)?, &Overrides::default())?.config)
}

/// Says which sessions were ended, of so many.
pub(super) fn say_ended(ended: &[Ended], total: usize) {
    for Ended { id, user } in ended {
        say(format_args!("ended {id}  {}", harmless(user)));
    }
    if let Some(more @ 1..) = total.checked_sub(ended.len()) {
        say(format_args!("… and {more} more"));
    }
}

/// Says, where it matters, who did it.
pub(super) fn say_where(place: Place) {
    match place {
        Place::Running => {}
        Place::File => complain("No doorward runs on this data_dir: this was done in its file."),
        Place::Shared => complain(
            "No doorward runs on this data_dir: this was done in the shared store, which tells those that run elsewhere.",
        ),
    }
}

/// A time as tables have it.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%F %H:%M").to_string()
}

/// What a stranger may have said, kept to its line.
pub(super) fn harmless(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// `1 session`, `2 sessions`.
pub(super) fn counted(number: usize) -> String {
    if number == 1 { "1 session".to_owned() } else { format!("{number} sessions") }
}

/// A failure of a request that was answered with what answers another: two programs that do not fit.
pub(super) fn misunderstood() -> Failure {
    Failure::Said("the running doorward answers something else: it is of another version than this command".into())
}
