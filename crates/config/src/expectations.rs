//! Files of tests: from text to what is expected.
//!
//! Refuses: whatever is wrong in one, all of it at once, as with a configuration.

use std::path::Path;
use std::time::SystemTime;

use crate::compile::Compiler;
use crate::domain::expectations::Expectations;
use crate::problem::Problems;
use crate::raw::Reading;
use crate::raw::expectations::RawExpectations;
use crate::source::{Env, Files, LONGEST_TEXT, Source, too_long};
use crate::yaml::{self, Content, Naming};

/// Reads a file of tests: `tests`, perhaps with `config`, or the list of tests alone. The files it names are relative
/// to its own folder.
///
/// # Errors
/// Every problem of the text.
pub fn load_expectations(source: &Source<'_>, env: &dyn Env, files: &dyn Files) -> Result<Expectations, Problems> {
    let mut problems = Problems::default();
    if source.text.len() > LONGEST_TEXT {
        too_long(source.name, &mut problems);
        return Err(problems);
    }
    let naming = Naming::File(source.name.into());
    let raw = yaml::parse(source.text, &naming, &mut problems)
        .and_then(|root| RawExpectations::read(&root, &mut Reading { env, problems: &mut problems }));
    let folder = Path::new(source.name).parent().unwrap_or(Path::new(""));
    let read = raw.map(|raw| {
        // Nothing in a test depends on when it is read.
        let now = SystemTime::UNIX_EPOCH;
        let mut watched = Vec::new();
        Compiler::new(env, files, now, &mut problems, &mut watched).expectations_of(&raw, folder)
    });
    let problems = problems.sorted();
    match read {
        Some(expectations) if !problems.has_errors() => Ok(expectations),
        _ => Err(problems),
    }
}

/// Whether a text is a configuration rather than a file of tests: it has routes. One that cannot be read is none.
pub fn is_configuration(source: &Source<'_>) -> bool {
    let naming = Naming::File(source.name.into());
    let root = (source.text.len() <= LONGEST_TEXT).then(|| yaml::parse(source.text, &naming, &mut Problems::default()));
    match root.flatten().map(|root| root.content) {
        Some(Content::Map(entries)) => entries.iter().any(|entry| matches!(entry.key.as_str(), "routes" | "policy")),
        _ => false,
    }
}
