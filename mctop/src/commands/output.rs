//! Standard output, and the width of the terminal.

use std::io::{self, IsTerminal};

/// A reader that has ended (`mctop dump | head -3`) is not an error.
pub(super) fn ending_quietly(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| anyhow::Error::new(error).context("cannot write to standard output")),
    }
}

/// Columns of the terminal; `None` if its size is not set, as on serial consoles and with `ssh -tt` without a terminal.
pub(super) fn terminal_columns() -> Option<usize> {
    crossterm::terminal::size().ok().map(|(columns, _)| columns.into()).filter(|columns| *columns > 0)
}

/// Width of the terminal in columns, if standard output is one.
pub(super) fn terminal_width() -> Option<usize> {
    if io::stdout().is_terminal() { terminal_columns() } else { None }
}
