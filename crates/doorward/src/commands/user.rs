//! `doorward user`: built-in accounts. Works whether or not the server runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_authenticate::Accounts;
use doorward_config::{Config, Overrides, Provider};
use doorward_identity::Email;

use super::{Failure, configuration_file, load_file};
use crate::cli::{ConfigArgument, UserCommand};
use crate::data_dir;
use crate::invitations::invitation_link;
use crate::terminal::say;

pub(crate) fn run(command: UserCommand) -> Result<ExitCode, Failure> {
    match command {
        UserCommand::Add { email, config } => add(&email, config.config),
        UserCommand::List(ConfigArgument { config }) => list(config),
        UserCommand::Remove { email, config } => remove(&email, config.config),
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
    let (_, accounts) = open(config)?;
    let list = accounts.list(SystemTime::now());
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
        say(format_args!("{}  {state}", account.email));
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
