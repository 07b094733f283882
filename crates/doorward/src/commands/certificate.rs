//! `doorward certificate`: what there is to know about certificates.

mod authority;
mod dial;
mod inspect;
mod serving;

use std::process::ExitCode;

use super::Failure;
use crate::cli::CertificateCommand;

pub(crate) fn run(command: CertificateCommand) -> Result<ExitCode, Failure> {
    match command {
        CertificateCommand::Authority(arguments) => authority::run(arguments),
        CertificateCommand::Inspect(arguments) => inspect::run(arguments),
    }
}
