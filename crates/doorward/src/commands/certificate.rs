//! `doorward certificate`: what there is to know about certificates.

use std::process::ExitCode;
use std::time::SystemTime;

use doorward_certificates::LocalAuthority;
use doorward_config::Overrides;

use super::{Failure, configuration_file, load_file, protect};
use crate::cli::{CertificateCommand, ConfigArgument};
use crate::data_dir;
use crate::terminal::say;

pub(crate) fn run(command: CertificateCommand) -> Result<ExitCode, Failure> {
    match command {
        CertificateCommand::Authority(ConfigArgument { config }) => authority(config),
    }
}

/// Prints the local authority's certificate, making the authority if there is none yet.
fn authority(config: Option<std::path::PathBuf>) -> Result<ExitCode, Failure> {
    let config = match configuration_file(config) {
        Ok(file) => load_file(&file, &Overrides::default())?.config,
        // `doorward protect` needs no file, so neither does the authority it made.
        Err(Failure::NoConfiguration) => protect::any_configuration()?,
        Err(failure) => return Err(failure),
    };
    let data_dir = config.data_dir;
    data_dir::prepare(&data_dir).map_err(|error| Failure::of(&error))?;
    let authority =
        LocalAuthority::open_or_create(&data_dir, SystemTime::now()).map_err(|error| Failure::of(&error))?;
    say(authority.pem().trim_end());
    Ok(ExitCode::SUCCESS)
}
