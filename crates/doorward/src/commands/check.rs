//! `doorward check`: every problem of a configuration at once, and what it changes against another one.

mod against;
mod named;
mod probes;

use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_config::{Config, Overrides, Provider};

use super::{Failure, configuration_file, load_file, load_to_serve};
use crate::cli::CheckArguments;
use crate::session_store;
use crate::terminal::{complain, say};

pub(crate) fn run(arguments: CheckArguments) -> Result<ExitCode, Failure> {
    let file = configuration_file(arguments.file)?;
    let loaded = load_to_serve(&file, &Overrides::default())?;
    loaded.hints.iter().for_each(complain);
    let config = loaded.config;
    if let Some(advice) = session_store::advice(&config) {
        complain(format_args!("warning: {advice}"));
    }
    let Some(old_file) = arguments.against else {
        tell(&file, &config);
        return Ok(ExitCode::SUCCESS);
    };
    // Whether its own tests pass is nothing to somebody who is about to replace it.
    let old = load_file(&old_file, &Overrides::default()).map_err(|failure| {
        let file = old_file.display();
        Failure::Said(format!("{file} cannot be compared with, because it has problems itself:\n{failure}"))
    })?;
    let changes = against::changes(&old.config, &config, SystemTime::now())?;
    if arguments.json {
        say(changes.in_json(&old_file, &file));
    } else {
        tell(&file, &config);
        changes.tell(&old_file, &file);
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(file: &Path, config: &Config) {
    let who = match &config.sign_in.provider {
        Provider::BuiltIn(users) => format!("built-in accounts ({} named)", users.len()),
        Provider::Oidc(provider) => format!("{} at {}", provider.kind.as_str(), provider.issuer),
    };
    say(format_args!("{}: good", file.display()));
    say(format_args!("  routes        {}", config.routes.len()));
    say(format_args!("  sign-in       {} by {who}", config.sign_in.origin));
    say(format_args!("  certificates  {}", certificates(config)));
    say(format_args!("  listens on    {}", addresses(config)));
    say(format_args!("  data in       {}", config.data_dir.display()));
    if session_store::is_shared(&config.sessions.store) {
        say(format_args!("  sessions in   {}", session_store::kind(&config.sessions.store)));
    }
    if !config.tests.is_empty() {
        say(format_args!("  tests         {} passed", config.tests.len()));
    }
}

fn addresses(config: &Config) -> String {
    config.listeners.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Where the certificates come from, the first choice first.
fn certificates(config: &Config) -> String {
    if config.listeners.insecure {
        return "none (insecure_server)".to_owned();
    }
    let files = if config.tls.self_signed { 0 } else { config.tls.certificates.len() };
    let files = (files > 0).then(|| format!("{files} from files"));
    let acme = config.tls.acme.as_ref();
    let acme = acme.map(|acme| format!("{} ordered from {}", acme.names.len(), acme.directory));
    let both: Vec<_> = files.into_iter().chain(acme).collect();
    if both.is_empty() { "from the local authority".to_owned() } else { both.join(", ") }
}
