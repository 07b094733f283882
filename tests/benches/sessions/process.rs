//! What the system says of this process, and processes that fill a store, or write to it until they are killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{at, open, person, runtime};

/// The arguments that make the bench such a process.
pub(crate) const FILL: &str = "--fill";
pub(crate) const HOLD: &str = "--hold";

/// Resident memory that is no file's, in bytes.
pub(crate) fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Opens the store, begins sessions one after the other, says so, and goes on until it is killed.
pub(crate) fn hold(path: &Path) -> ! {
    runtime().block_on(async {
        let sessions = open(path);
        for number in 0.. {
            sessions.begin(person(number), at(0)).await.unwrap();
            if number == 100 {
                println!("writing");
                std::io::stdout().flush().unwrap();
            }
        }
    });
    unreachable!("numbers do not end");
}

/// Leaves the store as a process leaves it that is killed while it writes.
pub(crate) fn kill_amid_writes(path: &Path) {
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new(this).arg(HOLD).arg(path).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "writing\n");
    child.kill().unwrap();
    child.wait().unwrap();
}
