//! Real servers, as the contract of the session stores has them.

#[path = "../../../../../sessions/tests/store_contract/servers/certificates.rs"]
pub(super) mod certificates;
#[path = "../../../../../sessions/tests/store_contract/servers/postgres.rs"]
pub(super) mod postgres;
#[path = "../../../../../sessions/tests/store_contract/servers/process.rs"]
pub(super) mod process;
#[path = "../../../../../sessions/tests/store_contract/servers/redis.rs"]
pub(super) mod redis;

use std::path::{Path, PathBuf};

/// Says loudly that tests did not run, and notes it in the file that `SKIPPED` names.
pub(super) fn skip(reason: &str) {
    use std::io::Write;
    // Written past the harness, which shows nothing of a test that went well.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.unwrap(), "shared certificates: {reason}").unwrap();
    }
}

/// A program that was installed below `.tools/`.
pub(super) fn installed(program: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools").join(program);
    path.exists().then_some(path)
}

/// A program of the system.
pub(super) fn of_the_system(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.exists())
}
