//! `doorward check`: every problem of a configuration at once.

use std::path::PathBuf;
use std::process::ExitCode;

use doorward_config::{Overrides, Provider};

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
    let certificates = if config.listeners.insecure {
        "none (insecure_server)".to_owned()
    } else if config.tls.self_signed {
        "from the local authority".to_owned()
    } else {
        format!("{} from files", config.tls.certificates.len())
    };
    say(format_args!("{}: good", file.display()));
    say(format_args!("  routes        {}", config.routes.len()));
    say(format_args!("  sign-in       {} by {who}", config.sign_in.origin));
    say(format_args!("  certificates  {certificates}"));
    say(format_args!("  listens on    {}", config.listeners.address));
    say(format_args!("  data in       {}", config.data_dir.display()));
    Ok(ExitCode::SUCCESS)
}
