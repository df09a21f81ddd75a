//! Prints warnings as messages on standard error.

use log::{LevelFilter, Log, Metadata, Record};

use super::{messages, print_message, settings};

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mctop")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            print_message(&record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Starts to print messages and warnings, with the symbols of the environment until the settings are known.
pub(crate) fn start() {
    messages::set_glyphs(settings::of_environment());
    // This fails only if there already is a logger, which then prints them.
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Stops printing warnings, which would disturb the screen.
pub(crate) fn stop() {
    log::set_max_level(LevelFilter::Off);
}
