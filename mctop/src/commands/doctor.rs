//! `mctop doctor`: what can be traced here and what cannot.

use std::io;

use super::output::{ending_quietly, terminal_width};
use super::settings::Characters;
use crate::cli::DoctorArgs;
use crate::doctor::text::{self, PageOptions};
use crate::doctor::{examine, json};
use crate::error::{Failure, FailureKind};

/// Maximum width of a line, and the width without a terminal, in cells.
const WIDTH: usize = 100;

/// Runs `mctop doctor`.
pub(super) fn doctor(args: &DoctorArgs, characters: Characters, verbose: bool) -> anyhow::Result<()> {
    let diagnosis = examine(&args.target.selection(), args.memory);
    let mut out = io::stdout().lock();
    ending_quietly(if args.json {
        json::write(&diagnosis, &mut out)
    } else {
        let options = PageOptions {
            glyphs: &characters.text,
            width: terminal_width(&io::stdout()).unwrap_or(WIDTH).min(WIDTH),
            verbose,
        };
        text::write(&diagnosis, options, &mut out)
    })?;
    diagnosis.failure().map_or(Ok(()), |failure| Err(failure.into()))
}

/// Adds a hint to failures about which `mctop doctor` says more.
pub(super) fn suggest(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) if matches!(failure.kind, FailureKind::Privilege | FailureKind::NoTarget) => {
            Failure::new(failure.kind, format!("{} Run mctop doctor for details.", failure.message)).into()
        }
        Ok(failure) => failure.into(),
        Err(error) => error,
    }
}
