//! What a command says to the person who typed it.

use std::fmt;
use std::io::Write;

/// Writes a line to standard output. A reader that has gone away (`| head`) is no error.
pub(crate) fn say(line: impl fmt::Display) {
    let _gone = writeln!(std::io::stdout().lock(), "{line}");
}

/// Writes a line to standard error.
pub(crate) fn complain(line: impl fmt::Display) {
    let _gone = writeln!(std::io::stderr().lock(), "{line}");
}
