//! What each command does, from parsed arguments to output.

mod attaching;
mod capture;
mod collector;
mod diff;
mod doctor;
mod dump;
mod live;
mod man;
mod observe;
mod progress;
mod recorded;
mod redaction;
mod replay;
mod report;
mod servers;
mod strict;
#[cfg(test)]
mod transcripts;

use std::io::{self, Write};

use anyhow::Context;
use clap::CommandFactory;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command};

/// Runs what was asked for.
///
/// # Errors
/// A [`crate::error::Failure`] where mctop can say what to do about it; anything else is a failure at run time.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        None => live::live(&cli.live).map_err(doctor::suggest),
        Some(Command::Dump(args)) => dump::dump(&args, cli.verbose).map_err(doctor::suggest),
        Some(Command::Capture(args)) => capture::capture(&args, cli.verbose).map_err(doctor::suggest),
        Some(Command::Report(args)) => report::report(&args),
        Some(Command::Diff(args)) => diff::diff(&args),
        Some(Command::Replay(args)) => replay::replay(&args),
        Some(Command::Doctor(args)) => doctor::doctor(&args, cli.verbose),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "mctop", &mut script);
            ending_quietly(io::stdout().write_all(&script))
        }
        Some(Command::Man) => {
            let mut page = Vec::new();
            man::write(&mut page)?;
            ending_quietly(io::stdout().write_all(&page))
        }
    }
}

/// Says something on standard error. It does not matter that nobody may be there to read it.
pub fn tell(text: &str) {
    progress::aside(|| {
        let _ = writeln!(io::stderr(), "{}", paragraph(text));
    });
}

/// A text as a paragraph of this program. What it quotes, of files and of other processes, neither does harm to a
/// terminal nor looks like another paragraph: the kernel explains itself in several lines, which are indented.
fn paragraph(text: &str) -> String {
    let mut paragraph = String::from("mctop: ");
    for c in text.trim_end().chars() {
        match c {
            '\n' => paragraph.push_str("\n  "),
            ' '..='~' => paragraph.push(c),
            _ => paragraph.extend(c.escape_debug()),
        }
    }
    paragraph
}

/// A runtime of one thread, with time and signals.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start")
}

/// A reader that has seen enough (`mctop dump | head -3`) is not an error.
fn ending_quietly(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| anyhow::Error::new(error).context("cannot write to standard output")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_harmless_and_looks_like_one() {
        for (text, expected) in [
            ("cannot open f: No such file", "mctop: cannot open f: No such file"),
            ("refused:\n0: exit\nmctop: all is well\n", "mctop: refused:\n  0: exit\n  mctop: all is well"),
            ("process (\u{1b}[2J\r\u{9b}m\u{202e})", "mctop: process (\\u{1b}[2J\\r\\u{9b}m\\u{202e})"),
            ("dump … \"é\" it's", "mctop: dump … \"é\" it's"),
        ] {
            assert_eq!(paragraph(text), expected);
        }
    }
}
