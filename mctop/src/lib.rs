//! `top` for the hot keys of a memcached server.
//!
//! One direction of flow: [`target`] → [`probe`] → [`model`] → { [`tui`], [`report`], [`capture`] }.

use std::process::ExitCode;

pub mod capture;
pub mod cli;
mod commands;
pub mod config;
pub mod doctor;
pub mod error;
pub mod kernel;
mod logging;
pub mod model;
mod parallel;
mod pauses;
pub mod probe;
#[cfg(test)]
mod readme;
pub mod redact;
pub mod report;
pub mod source;
pub mod target;
pub mod tui;

/// Parses the command line, runs it, and explains a failure in one paragraph on standard error.
#[must_use]
pub fn main() -> ExitCode {
    logging::start();
    match cli::parse().and_then(commands::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::tell(&error::told(&error));
            ExitCode::from(error::exit_code(&error))
        }
    }
}
