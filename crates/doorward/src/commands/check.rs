//! `doorward check`: every problem of a configuration at once.

use std::path::PathBuf;
use std::process::ExitCode;

use doorward_config::{Config, Overrides, Provider};

use super::{Failure, configuration_file, load_file};
use crate::terminal::{complain, say};

pub(crate) fn run(file: Option<PathBuf>) -> Result<ExitCode, Failure> {
    let file = configuration_file(file)?;
    let loaded = load_file(&file, &Overrides::default())?;
    loaded.hints.iter().for_each(complain);
    let config = loaded.config;
    let who = match &config.sign_in.provider {
        Provider::BuiltIn(users) => format!("built-in accounts ({} named)", users.len()),
        Provider::Oidc(provider) => format!("{} at {}", provider.kind.as_str(), provider.issuer),
    };
    say(format_args!("{}: good", file.display()));
    say(format_args!("  routes        {}", config.routes.len()));
    say(format_args!("  sign-in       {} by {who}", config.sign_in.origin));
    say(format_args!("  certificates  {}", certificates(&config)));
    say(format_args!("  listens on    {}", config.listeners.address));
    say(format_args!("  data in       {}", config.data_dir.display()));
    Ok(ExitCode::SUCCESS)
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
