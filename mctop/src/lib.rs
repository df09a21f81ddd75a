//! `top` for the hot keys of a memcached server.
//!
//! Data flows in one direction: [`target`] → [`probe`] → [`model`] → { [`tui`], [`report`], [`capture`] }.

use std::process::ExitCode;

pub mod capture;
pub mod cli;
mod commands;
pub mod config;
pub mod doctor;
pub mod error;
pub mod kernel;

pub mod model;
mod parallel;
pub mod probe;
#[cfg(test)]
mod readme;
pub mod redact;
pub mod report;
pub mod source;
pub mod target;
pub mod text;
pub mod tui;
mod yielder;

/// Parses and runs the command line, and explains any failure in one paragraph on standard error.
#[must_use]
pub fn main() -> ExitCode {
    commands::logging::start();
    match cli::parse().and_then(commands::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            commands::tell(&error::with_causes(&error));
            ExitCode::from(error::exit_code(&error))
        }
    }
}
