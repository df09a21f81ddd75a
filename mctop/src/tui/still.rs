//! The live table without a terminal: for pictures of it, and for measuring it.

use std::time::{Duration, Instant};

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;

use super::action::Action;
use super::feed::{Moment, Update};
use super::ranker::Job;
pub use super::ranker::Step;
use super::state::State;
use super::theme::Theme;
use super::{Options, view};

/// The table as it stands; keys change it as they do in a terminal, and nothing else happens by itself.
#[derive(Debug)]
pub struct Still {
    state: State,
    theme: Theme,
    now: Instant,
    job: Option<Job>,
}

impl Still {
    /// Before anything is known. What would be drawn is as large as the buffer given to [`Self::draw`]; keys that move by a
    /// screen ask for this size, columns and rows.
    #[must_use]
    pub fn new(options: Options, size: (u16, u16)) -> Self {
        let mut state = State::new(options.view, options.columns, options.interval, options.theme.glyphs);
        state.hints = options.hints;
        let mut still = Self { state, theme: options.theme, now: Instant::now(), job: None };
        still.act(Action::Resize(size.into()));
        still
    }

    /// News from the source.
    pub fn show(&mut self, moment: Moment) {
        self.act(Action::Update(Update::Moment(moment)));
    }

    /// A key press. What follows for the world outside (files, the clipboard) does not happen.
    pub fn press(&mut self, key: KeyEvent) {
        if let Some(action) = self.state.pressed(key) {
            self.act(action);
        }
    }

    /// Makes the step that is due, which the live table does beside its loop. Returns which one was due.
    pub fn work(&mut self) -> Option<Step> {
        let job = self.job.take()?;
        let step = job.work.step();
        if let Some(made) = job.run() {
            self.act(Action::Made(Box::new(made)));
        }
        Some(step)
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// Draws the frame.
    pub fn draw(&self, buffer: &mut Buffer) {
        view::draw(buffer, &self.state, &self.theme, self.now);
    }

    fn act(&mut self, action: Action) {
        let effects = self.state.update(action, self.now);
        self.job = effects.job.or(self.job.take());
    }
}
