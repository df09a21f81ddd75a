//! The live table without a terminal, for screenshots and benchmarks.

use std::time::{Duration, Instant};

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;

use super::action::Action;
use super::feed::{Frame, Update};
use super::ranker::Job;
pub use super::ranker::JobKind;
use super::state::State;
use super::theme::Theme;
use super::{TuiOptions, view};

/// A live table that is driven by its caller. Keys have the same effect as in a terminal.
#[derive(Debug)]
pub struct HeadlessTable {
    state: State,
    theme: Theme,
    now: Instant,
    job: Option<Job>,
}

impl HeadlessTable {
    /// A table without data. `size` is the number of columns and rows; it must match the buffer given to [`Self::draw`].
    #[must_use]
    pub fn new(options: TuiOptions, size: (u16, u16)) -> Self {
        let mut state = State::new(options.view, options.columns, options.interval, options.theme.glyphs);
        state.hints = options.hints;
        let mut table = Self { state, theme: options.theme, now: Instant::now(), job: None };
        table.act(Action::Resize(size.into()));
        table
    }

    /// Applies a frame from the source.
    pub fn show(&mut self, frame: Frame) {
        self.act(Action::Update(Update::Frame(frame)));
    }

    /// Presses a key. Effects outside the table, such as writing a file or copying a key, are ignored.
    pub fn press(&mut self, key: KeyEvent) {
        if let Some(action) = self.state.action_for(key) {
            self.act(action);
        }
    }

    /// Runs the pending job, which the live table runs on another thread. Returns its kind, or `None` if there is no job.
    pub fn run_job(&mut self) -> Option<JobKind> {
        let job = self.job.take()?;
        let kind = job.task.kind();
        if let Some(result) = job.run() {
            self.act(Action::JobDone(Box::new(result)));
        }
        Some(kind)
    }

    /// Advances the clock.
    pub fn advance_clock(&mut self, time: Duration) {
        self.now += time;
    }

    /// Draws the table.
    pub fn draw(&self, buffer: &mut Buffer) {
        view::draw(buffer, &self.state, &self.theme, self.now);
    }

    fn act(&mut self, action: Action) {
        let effects = self.state.update(action, self.now);
        self.job = effects.job.or(self.job.take());
    }
}
