//! What each command does, from parsed arguments to output.

mod capture;
mod dump;
mod live;
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
        None => live::live(&cli.live),
        Some(Command::Dump(args)) => dump::dump(&args, cli.verbose),
        Some(Command::Capture(args)) => capture::capture(&args, cli.verbose),
        Some(Command::Report(args)) => report::report(&args),
        Some(Command::Replay(args)) => live::replay(&args),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "mctop", &mut Quiet(io::stdout()));
            Ok(())
        }
        Some(Command::Man) => ending_quietly(clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())),
    }
}

/// A reader that has seen enough (`mctop dump | head -3`) is not an error.
fn ending_quietly(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| anyhow::Error::new(error).context("cannot write to standard output")),
    }
}

/// Swallows broken pipes below a library that panics on them.
struct Quiet<W>(W);

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}
