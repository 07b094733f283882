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

/// Writes a table to standard output: each column as wide as its widest cell.
pub(crate) fn table<const COLUMNS: usize>(titles: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    laid_out(titles, rows).iter().for_each(say);
}

fn laid_out<const COLUMNS: usize>(titles: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> Vec<String> {
    // A cell may hold what a stranger said: it stays in its line, and does not steer the terminal.
    let harmless = |cell: &str| cell.replace(char::is_control, " ");
    let lines: Vec<[String; COLUMNS]> = std::iter::once(titles.map(str::to_owned))
        .chain(rows.iter().cloned())
        .map(|row| row.map(|cell| harmless(&cell)))
        .collect();
    let mut widths = [0; COLUMNS];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |cells: &[String; COLUMNS]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_nothing_trails() {
        let rows = [["code.example".to_owned(), "é".to_owned()], ["a".to_owned(), String::new()]];
        assert_eq!(laid_out(["NAME", "X"], &rows), ["NAME          X", "code.example  é", "a"]);
        assert_eq!(laid_out(["NAME"], &[]), ["NAME"]);
    }

    #[test]
    fn a_cell_neither_breaks_its_line_nor_steers_the_terminal() {
        let rows = [["a\nb\u{1b}[2J\u{9b}c".to_owned()]];
        assert_eq!(laid_out(["X"], &rows), ["X", "a b [2J c"]);
    }
}
