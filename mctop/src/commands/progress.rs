//! How far an observation is, on standard error where that is a terminal: one line, gone when the observation ends.

use std::cell::Cell;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::interval::Interval;
use crate::text::summary::plural;

/// How often the clock in the line goes on while an interval lasts.
const TICK: Duration = Duration::from_secs(1);

/// The line, in characters that every terminal has; the message is cut to what is left of the line.
const LINE: &str = "mctop: {elapsed} of {prefix} [{bar:20}] {wide_msg}";
/// The line of an observation whose end is not known.
const OPEN_LINE: &str = "mctop: {elapsed}, {wide_msg}";

/// The line that is shown now, if one is. What else is said on standard error must go around it, from wherever it is said.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Does something, such as writing to standard error, while the line is not there.
pub(super) fn aside<T>(act: impl FnOnce() -> T) -> T {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match shown {
        Some(bar) => bar.suspend(act),
        None => act(),
    }
}

/// The progress of one observation. Dropping it takes the line away.
pub(super) struct Progress {
    bar: ProgressBar,
    calls: Cell<u64>,
    lost: Cell<bool>,
}

impl Progress {
    /// Of an observation that takes this long, if that is known, and has not begun.
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

    /// Shows the line; the observation begins.
    pub(super) fn begin(&self) {
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
    pub(super) fn saw(&self, interval: &Interval) {
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
