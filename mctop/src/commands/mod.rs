//! What each command does, from parsed arguments to output.

mod capture;
mod doctor;
mod dump;
mod live;
mod man;
mod observe;
mod report;
mod servers;

use std::io::{self, Write};

use clap::CommandFactory;

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
        Some(Command::Replay(args)) => live::replay(&args),
        Some(Command::Doctor(args)) => doctor::doctor(&args),
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

/// Says something on standard error, in a line of its own. What it quotes, of files and of other processes, is harmless
/// to a terminal; and it does not matter that nobody may be there to read it.
pub fn tell(text: &str) {
    let mut line = String::from("mctop: ");
    for c in text.chars() {
        match c {
            // The kernel explains itself in lines.
            '\n' | ' '..='~' => line.push(c),
            _ => line.extend(c.escape_debug()),
        }
    }
    let _ = writeln!(io::stderr(), "{line}");
}

/// A reader that has seen enough (`mctop dump | head -3`) is not an error.
fn ending_quietly(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| anyhow::Error::new(error).context("cannot write to standard output")),
    }
}
