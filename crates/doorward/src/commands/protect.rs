//! `doorward protect`: one application behind sign-in, without a file.

use std::process::ExitCode;
use std::time::SystemTime;

use doorward_config::{Config, DiskFiles, Overrides, ProcessEnv, ProtectRequest};

use super::{Failure, serve};
use crate::cli::ProtectArguments;

pub(crate) fn run(arguments: ProtectArguments) -> Result<ExitCode, Failure> {
    let overrides = serve::overrides(arguments.certificate)?;
    let load = move || {
        let request =
            ProtectRequest { upstream: &arguments.upstream, allow: &arguments.allow, from: Some(&arguments.from) };
        Config::one_route(&request, &overrides, &ProcessEnv, &DiskFiles, SystemTime::now())
            .map_err(Failure::Configuration)
    };
    serve::serve(load, None)
}

/// What `protect` would run with, for those who only ask where it keeps its things.
pub(super) fn any_configuration() -> Result<Config, Failure> {
    let request =
        ProtectRequest { upstream: "http://127.0.0.1:8080", allow: &["you@example.com".to_owned()], from: None };
    Config::one_route(&request, &Overrides::default(), &ProcessEnv, &DiskFiles, SystemTime::now())
        .map(|loaded| loaded.config)
        .map_err(Failure::Configuration)
}
