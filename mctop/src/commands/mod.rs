//! The commands, from parsed arguments to output.

mod attaching;
mod capture;
mod collector;
mod diff;
mod doctor;
mod dump;
mod live;
pub(crate) mod logging;
mod man;
mod messages;
mod observe;
mod output;
mod progress;
mod recorded;
mod redaction;
mod replay;
mod report;
mod runtime;
mod servers;
mod settings;
mod strict;
#[cfg(test)]
mod transcripts;

use std::io::{self, Write};

use clap::CommandFactory;

pub(crate) use self::messages::print_message;
use self::output::ending_quietly;
use self::settings::Characters;
use crate::cli::{Cli, Command};

/// Runs a command.
///
/// # Errors
/// A [`crate::error::Failure`] if mctop can say what to do about it; anything else is a failure at run time.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { command, live, general } = cli;
    let characters = || Characters::find(&general);
    match command {
        None => live::live(&live, &general).map_err(doctor::suggest),
        Some(Command::Dump(args)) => dump::dump(&args, characters()?, general.verbose).map_err(doctor::suggest),
        Some(Command::Capture(args)) => {
            // Only messages on standard error use them.
            characters()?;
            capture::capture(&args, general.verbose).map_err(doctor::suggest)
        }
        Some(Command::Report(args)) => report::report(&args, characters()?),
        Some(Command::Diff(args)) => diff::diff(&args, characters()?),
        Some(Command::Replay(args)) => replay::replay(&args, &general),
        Some(Command::Doctor(args)) => doctor::doctor(&args, characters()?, general.verbose),
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
