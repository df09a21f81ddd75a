//! Standard output, and the width of the terminal.

use std::io::{self, IsTerminal};

/// A reader that has ended (`mctop dump | head -3`) is not an error.
pub(super) fn ending_quietly(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| anyhow::Error::new(error).context("cannot write to standard output")),
    }
}

/// Width of the terminal in columns. `None` if `stream` is not a terminal or the size is not set, as on serial consoles and with
/// `ssh -tt` without a terminal.
pub(super) fn terminal_width(stream: &impl IsTerminal) -> Option<usize> {
    let columns = || crossterm::terminal::size().ok().map(|(columns, _)| columns.into());
    stream.is_terminal().then(columns).flatten().filter(|columns| *columns > 0)
}
