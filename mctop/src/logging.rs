//! Warnings on the way, in lines on standard error.

use log::{LevelFilter, Log, Metadata, Record};

use crate::commands::tell;

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mctop")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            tell(&record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Begins to show warnings.
pub fn start() {
    // Fails only when there is a logger already, which then shows them.
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Shows no more of them: the screen is taken.
pub fn stop() {
    log::set_max_level(LevelFilter::Off);
}
