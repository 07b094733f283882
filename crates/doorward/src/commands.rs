//! The commands, one file each, and what they share: finding and reading the configuration.

mod certificate;
mod check;
mod explain;
mod health;
mod protect;
mod routes;
mod serve;
mod session;
mod test;
mod tree;
mod user;

pub(crate) use routes::{from, to};

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use doorward_config::{DiskFiles, Loaded, Overrides, ProcessEnv, Source};

use crate::cli::Command;
use crate::terminal::complain;

/// Where a configuration is looked for when none is named.
const DEFAULT_FILES: [&str; 2] = ["config.yaml", "/etc/doorward/config.yaml"];

/// Runs one command and gives its exit code: 0 for well, 1 for not, or what the command says of itself.
pub(crate) fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Run(arguments) => serve::run(arguments),
        Command::Protect(arguments) => protect::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Routes(argument) => routes::run(argument.config),
        Command::Session(command) => session::run(command),
        Command::User(command) => user::run(command),
        Command::Certificate(command) => certificate::run(command),
        Command::Health(arguments) => health::run(&arguments),
    };
    outcome.unwrap_or_else(|failure| {
        complain(failure);
        ExitCode::FAILURE
    })
}

/// Why a command came to nothing, in words for whoever typed it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration has problems; they say where and how to mend them.
    #[error("{0}")]
    Configuration(doorward_config::Problems),
    /// Tests of the configuration fail; they say where, and what was decided instead.
    #[error("{0}")]
    Tests(String),
    /// There is no configuration.
    #[error(
        "error: no configuration found: neither config.yaml here nor /etc/doorward/config.yaml is there\n    \
         Name one with --config FILE, or protect one application without a file:\n    \
         doorward protect http://127.0.0.1:8080 --allow you@example.com"
    )]
    NoConfiguration,
    /// A configuration was named that cannot be read.
    #[error("error: cannot read {file}: {source}", file = .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Anything else, said in full.
    #[error("error: {0}")]
    Said(String),
}

impl Failure {
    /// A failure in the words of an error of ours, its causes included.
    pub(crate) fn of(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let further = error.to_string();
            // Many errors repeat their source in their own words.
            if !text.contains(&further) {
                text.push_str(": ");
                text.push_str(&further);
            }
            cause = error.source();
        }
        Self::Said(text)
    }
}

/// A configuration that is named, or the first of those looked for that is there.
pub(crate) fn configuration_file(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    named.or_else(|| DEFAULT_FILES.iter().map(PathBuf::from).find(|file| file.exists())).ok_or(Failure::NoConfiguration)
}

/// Reads and compiles a configuration file.
pub(crate) fn load_file(file: &Path, overrides: &Overrides) -> Result<Loaded, Failure> {
    let bytes =
        DiskFiles::read_configuration(file).map_err(|source| Failure::Unreadable { file: file.to_owned(), source })?;
    let name = file.display().to_string();
    let source = Source::from_bytes(&name, &bytes).map_err(Failure::Configuration)?;
    doorward_config::load(&source, overrides, &ProcessEnv, &DiskFiles, SystemTime::now())
        .map_err(Failure::Configuration)
}

/// Reads and compiles a configuration file that is to be served, or to be called good: its own tests have to pass.
pub(crate) fn load_to_serve(file: &Path, overrides: &Overrides) -> Result<Loaded, Failure> {
    let loaded = load_file(file, overrides)?;
    match test::failures(file, &loaded.config)? {
        None => Ok(loaded),
        Some(failures) => Err(Failure::Tests(failures)),
    }
}

#[cfg(test)]
pub(crate) use tree::lines as drawn;
