//! `doorward certificate authority`: the local authority's certificate, and how to have it trusted.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_certificates::LocalAuthority;
use doorward_config::Overrides;

use crate::cli::AuthorityArguments;
use crate::commands::{Failure, configuration_file, load_file, protect};
use crate::terminal::say;
use crate::{data_dir, local_authority};

/// How to make everything trust the authority. `{command}` stands for the command that prints it.
const INSTALL_HELP: &str = include_str!("install_help.txt");

pub(super) fn run(arguments: AuthorityArguments) -> Result<ExitCode, Failure> {
    let config = arguments.config.config;
    if arguments.install_help {
        say(install_help(config.as_ref()).trim_end());
    } else {
        say(authority(config)?.pem().trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

/// The local authority, made if there is none yet.
fn authority(config: Option<PathBuf>) -> Result<LocalAuthority, Failure> {
    let now = SystemTime::now();
    let failed = |error: &dyn std::error::Error| Failure::of(error);
    let config = match configuration_file(config) {
        Ok(file) => load_file(&file, &Overrides::default())?.config,
        // `doorward protect` needs no file, so neither does the authority it made, for whichever host.
        Err(Failure::NoConfiguration) => {
            let config = protect::any_configuration()?;
            if let Some(kept) = LocalAuthority::open(&config.data_dir, now).map_err(|error| failed(&error))? {
                return Ok(kept);
            }
            config
        }
        Err(failure) => return Err(failure),
    };
    data_dir::prepare(&config.data_dir).map_err(|error| failed(&error))?;
    local_authority::open(&config, now).map_err(|error| failed(&error))
}

fn install_help(config: Option<&PathBuf>) -> String {
    let command = match config {
        Some(file) => format!("doorward certificate authority --config {}", file.display()),
        None => "doorward certificate authority".to_owned(),
    };
    INSTALL_HELP.replace("{command}", &command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_the_command_as_it_must_be_typed() {
        assert!(install_help(None).contains("doorward certificate authority > doorward-authority.pem"));
        let named = install_help(Some(&PathBuf::from("/etc/d.yaml")));
        assert!(named.contains("doorward certificate authority --config /etc/d.yaml > doorward-authority.pem"));
        assert!(!named.contains("{command}"), "a place was left open");
    }
}
