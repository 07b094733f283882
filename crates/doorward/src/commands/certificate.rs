//! `doorward certificate`: what there is to know about certificates.

mod authority;

use std::process::ExitCode;

use super::Failure;
use crate::cli::CertificateCommand;

pub(crate) fn run(command: CertificateCommand) -> Result<ExitCode, Failure> {
    match command {
        CertificateCommand::Authority(arguments) => authority::run(arguments),
    }
}
