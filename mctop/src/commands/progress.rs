//! The progress of an observation: a line on standard error if that is a terminal, which is removed at the end.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::interval::Interval;
use crate::text::summary::plural;

/// How often the time in the line is updated during an interval.
const TICK: Duration = Duration::from_secs(1);

/// The line, in ASCII; the message is cut to the rest of the line.
const LINE: &str = "mctop: {elapsed} of {prefix} [{bar:20}] {wide_msg}";
/// The line of an observation without a limit.
const OPEN_LINE: &str = "mctop: {elapsed}, {wide_msg}";

/// The line that is shown, if there is one, so that other messages on standard error can be written around it.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Hides the line while `act` runs, for example to write to standard error.
pub(super) fn with_hidden_line<T>(act: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(bar) => bar.suspend(act),
        None => act(),
    }
}

/// The progress of one observation. Dropping it removes the line.
pub(super) struct Progress {
    bar: ProgressBar,
    calls: Cell<u64>,
    lost: Cell<bool>,
}

impl Progress {
    /// The progress of an observation of this duration, if it has a limit, that has not started.
    pub(super) fn new(duration: Option<Duration>) -> Self {
        let bar = ProgressBar::with_draw_target(duration.map(millis), ProgressDrawTarget::hidden());
        if let Some(duration) = duration {
            bar.set_prefix(humantime::format_duration(duration).to_string());
        }
        let line = duration.map_or(OPEN_LINE, |_| LINE);
        if let Ok(style) = ProgressStyle::with_template(line) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, calls: Cell::new(0), lost: Cell::new(false) }
    }

    /// Shows the line when the observation starts.
    pub(super) fn start(&self) {
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        if self.bar.is_hidden() {
            return;
        }
        self.bar.reset_elapsed();
        self.bar.set_message("^C ends it early");
        self.bar.enable_steady_tick(TICK);
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.bar.clone());
    }

    /// Adds an interval.
    pub(super) fn add(&self, interval: &Interval) {
        self.calls.set(self.calls.get().saturating_add(interval.total.calls()));
        self.lost.set(self.lost.get() || interval.loss.any());
        let lost = if self.lost.get() { "SOMETHING LOST" } else { "lost: nothing" };
        self.bar.set_message(format!("{}, {lost}, ^C ends it early", plural(self.calls.get(), "call")));
        self.bar.set_position(millis(interval.end));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.bar.finish_and_clear();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
