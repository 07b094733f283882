//! Real servers on free loopback ports, with data of their own that goes when they go.

pub(crate) mod certificates;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod redis;

use std::path::{Path, PathBuf};

/// Says loudly that tests did not run, and notes it in the file that `SKIPPED` names.
pub(crate) fn skip(reason: &str) {
    use std::io::Write;
    eprintln!("SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.unwrap(), "session stores: {reason}").unwrap();
    }
}

/// A program that was installed below `.tools/`.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools").join(program);
    path.exists().then_some(path)
}

/// A program of the system.
pub(crate) fn of_the_system(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.exists())
}
