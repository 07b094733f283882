//! `doorward user`: built-in accounts, and who may not sign in. Works whether or not the server runs.

mod blocked;

pub(super) use blocked::block;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_authenticate::Accounts;
use doorward_config::{Config, Overrides, Provider};
use doorward_identity::Email;

use super::session::{config_of, harmless, minute};
use super::{Failure, configuration_file, load_file};
use crate::cli::{ConfigArgument, PersonArguments, UserCommand};
use crate::data_dir;
use crate::invitations::invitation_link;
use crate::terminal::{complain, say};

pub(crate) fn run(command: UserCommand) -> Result<ExitCode, Failure> {
    match command {
        UserCommand::Add { email, config } => add(&email, config.config),
        UserCommand::List(ConfigArgument { config }) => list(config),
        UserCommand::Remove { email, config } => remove(&email, config.config),
        UserCommand::Block(PersonArguments { email, config, json }) => block(&config_of(config.config)?, &email, json),
        UserCommand::Unblock(PersonArguments { email, config, json }) => {
            blocked::unblock(&config_of(config.config)?, &email, json)
        }
        UserCommand::Blocked { config, json } => blocked::list(&config_of(config.config)?, json),
    }
}

fn add(email: &str, config: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let email = parse(email)?;
    let (config, accounts) = open(config)?;
    let link = invitation_link(&accounts, &config.sign_in.origin, &email, SystemTime::now())
        .map_err(|error| Failure::of(&error))?;
    say(format_args!("{email} sets a password with this link, once, within 24 hours:"));
    say(format_args!("  {link}"));
    Ok(ExitCode::SUCCESS)
}

fn list(config: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let (config, accounts) = open(config)?;
    let list = accounts.list(SystemTime::now());
    // The accounts are worth showing even when that cannot be found out.
    let mut kept_out = blocked::people(&config).unwrap_or_else(|failure| {
        complain(format_args!("{failure}\n    So who of them is blocked is not shown."));
        Vec::new()
    });
    if list.is_empty() {
        say("no accounts yet; invite somebody with: doorward user add you@example.com");
    }
    for account in list {
        let state = match (account.has_password, account.invited_until) {
            (true, None) => "active",
            (true, Some(_)) => "active, and invited to set a new password",
            (false, Some(_)) => "invited, has not set a password yet",
            (false, None) => "invited, but the link has expired",
        };
        let place = kept_out.iter().position(|person| person.email == account.email.as_str());
        let block = place.map(|place| format!(", BLOCKED since {} UTC", minute(kept_out.swap_remove(place).since)));
        say(format_args!("{}  {state}{}", account.email, block.unwrap_or_default()));
    }
    for person in kept_out {
        let since = minute(person.since);
        say(format_args!("{}  BLOCKED since {since} UTC, has no account", harmless(&person.email)));
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(email: &str, config: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let email = parse(email)?;
    let (_, accounts) = open(config)?;
    if !accounts.remove(&email).map_err(|error| Failure::of(&error))? {
        return Err(Failure::Said(format!("there is no account {email}")));
    }
    say(format_args!("{email} is removed; their sessions end within seconds"));
    Ok(ExitCode::SUCCESS)
}

fn parse(email: &str) -> Result<Email, Failure> {
    Email::parse(email).map_err(|error| Failure::Said(format!("{email}: {error}")))
}

fn open(config: Option<PathBuf>) -> Result<(Config, Accounts), Failure> {
    let config = load_file(&configuration_file(config)?, &Overrides::default())?.config;
    if let Provider::Oidc(provider) = &config.sign_in.provider {
        return Err(Failure::Said(format!(
            "this configuration signs people in at {}\n    Built-in accounts are only used without `idp_provider`; add people there.",
            provider.issuer
        )));
    }
    data_dir::prepare(&config.data_dir).map_err(|error| Failure::of(&error))?;
    let accounts = Accounts::open(&config.data_dir).map_err(|error| Failure::of(&error))?;
    Ok((config, accounts))
}
