//! `doorward run`: the proxy itself.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_config::{CertificateFlag, Loaded, Overrides};

use super::{Failure, configuration_file, load_to_serve};
use crate::cli::{CertificateArguments, RunArguments};
use crate::server;
use crate::terminal::complain;

pub(crate) fn run(arguments: RunArguments) -> Result<ExitCode, Failure> {
    let overrides = overrides(arguments.certificate)?;
    let file = configuration_file(arguments.config.config)?;
    let watched = file.clone();
    serve(move || load_to_serve(&file, &overrides), Some(watched))
}

/// Loads with `load`, serves until told to stop, and loads again on each reload.
pub(crate) fn serve(
    load: impl Fn() -> Result<Loaded, Failure> + Send + Sync + 'static,
    file: Option<PathBuf>,
) -> Result<ExitCode, Failure> {
    let loaded_after = SystemTime::now();
    let loaded = load()?;
    loaded.hints.iter().for_each(complain);
    // The one provider of cryptography; every library that asks finds it.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return Err(Failure::Said("another cryptography provider is already installed".into()));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Said(format!("the system has no threads for the server: {error}")))?;
    let load = Box::new(move || load().map_err(|failure| failure.to_string()));
    runtime
        .block_on(server::run(loaded, server::Reloading { load, file, loaded_after }))
        .map_err(|error| Failure::of(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// What the flags say over the file.
pub(crate) fn overrides(flags: CertificateArguments) -> Result<Overrides, Failure> {
    let cert = match flags.cert {
        None => None,
        Some(None) => Some(CertificateFlag::SelfSigned),
        Some(Some(file)) => Some(CertificateFlag::File(file)),
    };
    match (&cert, &flags.cert_key) {
        (Some(CertificateFlag::File(file)), None) => Err(Failure::Said(format!(
            "--cert {file} needs the key that belongs to it\n    Add --cert-key FILE, or give --cert alone for a self-signed certificate.",
            file = file.display()
        ))),
        (Some(CertificateFlag::SelfSigned), Some(_)) => Err(Failure::Said(
            "--cert-key belongs to a certificate\n    Name it with --cert FILE, or leave out --cert-key for a self-signed certificate.".into(),
        )),
        _ => Ok(Overrides { cert, cert_key: flags.cert_key, cert_hosts: flags.cert_host }),
    }
}
