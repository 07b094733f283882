//! From text to configuration: the one way in.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::Config;
use crate::compile::Compiler;
use crate::problem::{Problem, Problems};
use crate::raw::Reading;
use crate::raw::top::RawConfig;
use crate::source::{Env, Files, LONGEST_TEXT, Overrides, Source, too_long};
use crate::yaml::{self, Naming};

/// A configuration that is taken.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings and hints, in the order of the file.
    pub hints: Vec<Problem>,
    /// Every file that was read for it: when one changes, so does the configuration.
    pub watched: Vec<PathBuf>,
}

/// Reads a configuration. `now` tells whether certificates have expired.
///
/// # Errors
/// Every problem of the text, warnings and hints among them, when at least one is an error.
pub fn load(
    source: &Source<'_>,
    overrides: &Overrides,
    env: &dyn Env,
    files: &dyn Files,
    now: SystemTime,
) -> Result<Loaded, Problems> {
    if source.text.len() > LONGEST_TEXT {
        let mut problems = Problems::default();
        too_long(source.name, &mut problems);
        return Err(problems);
    }
    load_named(source.text, &Naming::File(source.name.into()), overrides, env, files, now)
}

/// The same for a text whose places are called otherwise.
pub(crate) fn load_named(
    text: &str,
    naming: &Naming,
    overrides: &Overrides,
    env: &dyn Env,
    files: &dyn Files,
    now: SystemTime,
) -> Result<Loaded, Problems> {
    let mut problems = Problems::default();
    let raw = yaml::parse(text, naming, &mut problems)
        .and_then(|root| RawConfig::read(&root, &mut Reading { env, problems: &mut problems }));
    let mut watched = Vec::new();
    let config = raw.and_then(|raw| {
        let mut compiler = Compiler::new(env, files, now, &mut problems, &mut watched);
        compiler.compile(&raw, overrides, &naming.whole())
    });
    if config.is_none() && !problems.has_errors() {
        // Cannot come about; but to be refused without a word would be worse than this.
        problems.error(
            &naming.whole(),
            "the configuration could not be read",
            "Compare it with `config.example.yaml`.",
        );
    }
    let problems = problems.sorted();
    match config {
        Some(config) if !problems.has_errors() => Ok(Loaded { config, hints: problems.into_vec(), watched }),
        _ => Err(problems),
    }
}
