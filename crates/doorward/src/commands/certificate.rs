//! `doorward certificate`: what there is to know about certificates.

mod authority;
mod dial;
mod inspect;
mod list;
mod renew;
mod serving;

use std::process::ExitCode;
use std::time::SystemTime;

use doorward_certificates::{AcmeManager, AcmeSettings, Certificates, Sources};
use doorward_config::Config;

use super::Failure;
use crate::cli::CertificateCommand;
use crate::local_authority::{hosts, pairs};

pub(crate) fn run(command: CertificateCommand) -> Result<ExitCode, Failure> {
    match command {
        CertificateCommand::Authority(arguments) => authority::run(arguments),
        CertificateCommand::Inspect(arguments) => inspect::run(arguments),
        CertificateCommand::List(arguments) => list::run(arguments),
        CertificateCommand::Renew(arguments) => renew::run(arguments),
    }
}

/// The configured certificates, and those that were ordered; nothing is ordered.
fn configured(config: &Config, now: SystemTime) -> Result<(Certificates, Option<AcmeManager>), Failure> {
    let hosts = hosts(config);
    let sources = Sources { pairs: pairs(config), hosts: &hosts, authority: None };
    let certificates = Certificates::new(sources, now).map_err(|error| Failure::of(&error))?;
    let manager =
        config.tls.acme.clone().map(|acme| {
            AcmeManager::new(AcmeSettings { acme, obtained: certificates.obtained(), clock: SystemTime::now })
        });
    let manager = manager.transpose().map_err(|error| Failure::of(&error))?;
    Ok((certificates, manager))
}
