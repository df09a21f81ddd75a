//! The live table: one loop over key presses, news from the source, a clock and signals. The state changes in
//! `state` only; this applies what follows from it to the terminal and the source.

use std::future::pending;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossterm::event::{Event, EventStream};
use futures::StreamExt;
use jiff::Timestamp;
use ratatui::layout::Size;
use tokio::task::{JoinHandle, spawn_blocking};

use self::action::{Action, Effects};
use self::feed::{Control, Feed, Update};
use self::keymap::Command;
use self::ranker::Made;
use self::signals::{Signals, Wish, stop_job};
use self::state::{Phase, State};
use self::terminal::Screen;
use self::theme::Theme;
use crate::config::Settings;
use crate::model::column::Column;
use crate::model::ranking::View;
use crate::report::fit::shown_text;

mod action;
mod columns;
mod export;
pub mod feed;
pub mod keymap;
mod layout;
mod manual;
mod ranker;
mod signals;
mod state;
pub mod still;
mod terminal;
pub mod theme;
mod trend;
mod view;

#[cfg(test)]
mod pty_tests;

/// What the user asked for on the command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sorting, span of the rates (the last interval or the sliding window) and limit.
    pub view: View,
    /// The columns wanted, in this order.
    pub columns: Vec<Column>,
    /// Length of the intervals.
    pub interval: Duration,
    /// How it looks.
    pub theme: Theme,
    /// Whether clicks and the wheel of the mouse are asked for, which the terminal then does not use itself.
    pub mouse: bool,
    /// Whether hints are shown at first.
    pub hints: bool,
}

impl Options {
    /// What settings ask for: nothing is filtered or grouped.
    #[must_use]
    pub fn new(settings: Settings, theme: Theme) -> Self {
        let Settings { sort, rates, columns, interval, mouse, hints, .. } = settings;
        let view = View { sort, span: rates.span(), ..View::default() };
        Self { view, columns, interval, theme, mouse, hints }
    }
}

/// How often a clock on the screen goes on.
const TICK: Duration = Duration::from_secs(1);

/// Shows the live table until the user or a signal ends it, then asks the source to stop. Needs a terminal on standard
/// output and a current-thread runtime with time and signals. `listening` is called when signals are handled, before the
/// terminal is taken.
///
/// # Errors
/// The terminal cannot be used. It is given back in any case.
pub async fn run(feed: Feed, options: Options, listening: impl FnOnce()) -> anyhow::Result<()> {
    let Feed { updates, control } = feed;
    let signals = Signals::listen().context("cannot listen to signals")?;
    listening();
    let screen = Screen::take(options.mouse).context("cannot use the terminal")?;
    let done = Table::new(screen, signals, updates, &control, options).run().await;
    // A source that has ended already needs no telling.
    let _ = control.send(Control::Stop);
    done
}

struct Table<'a> {
    screen: Screen,
    signals: Signals,
    updates: tokio::sync::watch::Receiver<Update>,
    open: bool,
    control: &'a tokio::sync::mpsc::UnboundedSender<Control>,
    state: State,
    theme: Theme,
    /// Whether the mouse was asked for. What comes of it all the same, from a program before this one, is not heeded.
    mouse: bool,
    /// The job that is being done, and that anybody waits for.
    job: Option<JoinHandle<Option<Made>>>,
    /// The file that is being written, and what became of it.
    file: Option<JoinHandle<String>>,
}

/// What the loop woke up for.
enum Happening {
    Act(Action),
    Resized,
    Continued,
    Nothing,
}

impl<'a> Table<'a> {
    fn new(
        screen: Screen,
        signals: Signals,
        updates: tokio::sync::watch::Receiver<Update>,
        control: &'a tokio::sync::mpsc::UnboundedSender<Control>,
        options: Options,
    ) -> Self {
        let mut state = State::new(options.view, options.columns, options.interval, options.theme.glyphs);
        state.hints = options.hints;
        let Options { theme, mouse, .. } = options;
        Self { screen, signals, updates, open: true, control, state, theme, mouse, job: None, file: None }
    }

    async fn run(mut self) -> anyhow::Result<()> {
        let mut events = EventStream::new();
        let size = self.screen.size().context("cannot ask for the terminal's size")?;
        self.state.update(Action::Resize(size), Instant::now());
        let first = self.updates.borrow_and_update().clone();
        self.act(Action::Update(first))?;
        loop {
            let effects = match self.next(&mut events).await? {
                Happening::Act(action) => self.act(action)?,
                Happening::Resized => self.resize()?,
                Happening::Continued => {
                    self.screen.retake().context("cannot use the terminal again")?;
                    self.resize()?
                }
                Happening::Nothing => continue,
            };
            if effects.quit {
                return Ok(());
            }
        }
    }

    async fn next(&mut self, events: &mut EventStream) -> anyhow::Result<Happening> {
        Ok(tokio::select! {
            event = events.next() => match event {
                Some(Ok(Event::Key(key))) => self.state.pressed(key).map_or(Happening::Nothing, Happening::Act),
                Some(Ok(Event::Paste(text))) => Happening::Act(Action::Pasted(text)),
                Some(Ok(Event::Mouse(event))) if self.mouse => Happening::Act(Action::Mouse(event)),
                Some(Ok(Event::Resize(..))) => Happening::Resized,
                Some(Ok(_)) => Happening::Nothing,
                Some(Err(error)) => return Err(error).context("cannot read the keyboard"),
                None => Happening::Act(Action::Command(Command::Quit)),
            },
            changed = self.updates.changed(), if self.open => {
                self.open = changed.is_ok();
                let update = self.updates.borrow_and_update().clone();
                match (changed, &self.state.phase) {
                    (Ok(()), _) => Happening::Act(Action::Update(update)),
                    (Err(_), Phase::Ended(_)) => Happening::Nothing,
                    (Err(_), _) => Happening::Act(Action::Update(Update::Ended("the source has ended".to_owned()))),
                }
            }
            made = outcome(&mut self.job) => {
                self.job = None;
                let made = made.context("cannot rank")?;
                made.map_or(Happening::Nothing, |made| Happening::Act(Action::Made(Box::new(made))))
            }
            said = outcome(&mut self.file) => {
                self.file = None;
                Happening::Act(Action::Note(said.context("cannot write")?))
            }
            () = tokio::time::sleep(TICK), if self.state.ticks() => Happening::Act(Action::Tick),
            wish = self.signals.next() => match wish {
                Wish::Quit => Happening::Act(Action::Command(Command::Quit)),
                Wish::Suspend => Happening::Act(Action::Command(Command::Suspend)),
                Wish::Continued => Happening::Continued,
            },
        })
    }

    fn resize(&mut self) -> anyhow::Result<Effects> {
        let size: Size = self.screen.size().context("cannot ask for the terminal's size")?;
        self.act(Action::Resize(size))
    }

    fn act(&mut self, action: Action) -> anyhow::Result<Effects> {
        let mut effects = self.state.update(action, Instant::now());
        for control in effects.controls.drain(..) {
            // Without a listener the source has ended, and says so in its own time.
            let _ = self.control.send(control);
        }
        if let Some(job) = effects.job.take() {
            // One that is still being done goes on until it notices, with nobody to wait for it.
            self.job = Some(spawn_blocking(|| job.run()));
        }
        if let Some(picture) = effects.write.take() {
            let glyphs = self.theme.glyphs;
            self.file = Some(spawn_blocking(move || match export::write(&picture, Path::new("."), Timestamp::now()) {
                Ok(name) => format!("written: {}", name.display()),
                Err(error) => shown_text(&format!("cannot write a file here: {error}"), &glyphs),
            }));
        }
        if let Some(text) = &effects.copy {
            self.screen.copy(text).context("cannot ask the terminal to copy")?;
        }
        if effects.suspend {
            self.screen.suspended(stop_job).context("cannot suspend")?;
        }
        if effects.clear {
            self.screen.clear().context("cannot clear the terminal")?;
        }
        if !effects.quit {
            let (state, theme) = (&self.state, &self.theme);
            self.screen.draw(|buffer| view::draw(buffer, state, theme, Instant::now())).context("cannot draw")?;
        }
        Ok(effects)
    }
}

/// Waits for a task, or for ever where there is none.
async fn outcome<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}
