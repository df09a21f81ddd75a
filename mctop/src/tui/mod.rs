//! The live table. An event loop handles key presses, updates from the source, a clock and signals. Only `state` changes the
//! state; this module applies the resulting effects to the terminal and the source.

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
use self::feed::{Feed, Request, Update};
use self::keymap::TuiCommand;
use self::ranker::JobResult;
use self::signals::{SignalEvent, Signals, stop_job};
use self::state::{Phase, State};
use self::terminal::Screen;
use self::theme::Theme;
use crate::config::Settings;
use crate::model::column::Column;
use crate::model::ranking::View;
use crate::text::fit::shown_text;

mod action;
mod columns;
mod export;
pub(crate) mod feed;
pub(crate) mod headless;
mod help_text;
pub(crate) mod keymap;
mod layout;
mod ranker;
mod signals;
mod state;
mod terminal;
pub(crate) mod theme;
mod trend;
mod view;

#[cfg(test)]
mod pty_tests;

/// What the user asked for on the command line.
#[derive(Clone, Debug)]
pub struct TuiOptions {
    /// Sort column, span of the rates (the last interval or the sliding window) and limit.
    pub view: View,
    /// The columns to show, in this order.
    pub columns: Vec<Column>,
    /// Length of an interval.
    pub interval: Duration,
    /// Symbols and colours.
    pub theme: Theme,
    /// Whether to handle the mouse. The terminal then no longer uses clicks and the wheel itself, for example to select text.
    pub mouse: bool,
    /// Whether hints are shown at the start.
    pub hints: bool,
}

impl TuiOptions {
    /// The options of these settings, without filter or grouping.
    #[must_use]
    pub fn new(settings: Settings, theme: Theme) -> Self {
        let Settings { sort, rates, columns, interval, mouse, hints, .. } = settings;
        let view = View { sort, span: rates.span(), ..View::default() };
        Self { view, columns, interval, theme, mouse, hints }
    }
}

/// How often a clock on the screen is updated.
const TICK: Duration = Duration::from_secs(1);

/// Shows the live table until the user or a signal ends it, then asks the source to stop. Needs a terminal on standard
/// output and a current-thread runtime with time and signals. `listening` is called once signals are handled, before the
/// terminal is set up.
///
/// # Errors
/// The terminal cannot be used. Its state is restored in any case.
pub(crate) async fn run(feed: Feed, options: TuiOptions, listening: impl FnOnce()) -> anyhow::Result<()> {
    let Feed { updates, requests } = feed;
    let signals = Signals::listen().context("cannot install signal handlers")?;
    listening();
    let screen = Screen::enter(options.mouse).context("cannot set up the terminal")?;
    let done = LiveTable::new(screen, signals, updates, &requests, options).run().await;
    // Ignore the error: the source may already have ended.
    let _ = requests.send(Request::Stop);
    done
}

struct LiveTable<'a> {
    screen: Screen,
    signals: Signals,
    updates: tokio::sync::watch::Receiver<Update>,
    open: bool,
    requests: &'a tokio::sync::mpsc::UnboundedSender<Request>,
    state: State,
    theme: Theme,
    /// Whether the mouse is enabled. If not, mouse events are ignored: an earlier program may have left reporting on.
    mouse: bool,
    /// The job that is running and has not been replaced.
    job: Option<JoinHandle<Option<JobResult>>>,
    /// The task that writes a file; it returns a note for the user.
    file: Option<JoinHandle<String>>,
}

/// What woke the event loop.
enum LoopEvent {
    Act(Action),
    Resized,
    Continued,
    Nothing,
}

impl<'a> LiveTable<'a> {
    fn new(
        screen: Screen,
        signals: Signals,
        updates: tokio::sync::watch::Receiver<Update>,
        requests: &'a tokio::sync::mpsc::UnboundedSender<Request>,
        options: TuiOptions,
    ) -> Self {
        let mut state = State::new(options.view, options.columns, options.interval, options.theme.glyphs);
        state.hints = options.hints;
        let TuiOptions { theme, mouse, .. } = options;
        Self { screen, signals, updates, open: true, requests, state, theme, mouse, job: None, file: None }
    }

    async fn run(mut self) -> anyhow::Result<()> {
        let mut events = EventStream::new();
        let size = self.screen.size().context("cannot read the size of the terminal")?;
        self.state.update(Action::Resize(size), Instant::now());
        let first = self.updates.borrow_and_update().clone();
        self.act(Action::Update(first))?;
        loop {
            let effects = match self.next(&mut events).await? {
                LoopEvent::Act(action) => self.act(action)?,
                LoopEvent::Resized => self.resize()?,
                LoopEvent::Continued => {
                    self.screen.reenter().context("cannot set up the terminal again")?;
                    self.resize()?
                }
                LoopEvent::Nothing => continue,
            };
            if effects.quit {
                return Ok(());
            }
        }
    }

    async fn next(&mut self, events: &mut EventStream) -> anyhow::Result<LoopEvent> {
        Ok(tokio::select! {
            event = events.next() => match event {
                Some(Ok(Event::Key(key))) => self.state.action_for(key).map_or(LoopEvent::Nothing, LoopEvent::Act),
                Some(Ok(Event::Paste(text))) => LoopEvent::Act(Action::Pasted(text)),
                Some(Ok(Event::Mouse(event))) if self.mouse => LoopEvent::Act(Action::Mouse(event)),
                Some(Ok(Event::Resize(..))) => LoopEvent::Resized,
                Some(Ok(_)) => LoopEvent::Nothing,
                Some(Err(error)) => return Err(error).context("cannot read the keyboard"),
                None => LoopEvent::Act(Action::Command(TuiCommand::Quit)),
            },
            changed = self.updates.changed(), if self.open => {
                self.open = changed.is_ok();
                let update = self.updates.borrow_and_update().clone();
                match (changed, &self.state.phase) {
                    (Ok(()), _) => LoopEvent::Act(Action::Update(update)),
                    (Err(_), Phase::Ended(_)) => LoopEvent::Nothing,
                    (Err(_), _) => LoopEvent::Act(Action::Update(Update::Ended("the source has ended".to_owned()))),
                }
            }
            result = outcome(&mut self.job) => {
                self.job = None;
                let result = result.context("ranking the rows failed")?;
                result.map_or(LoopEvent::Nothing, |result| LoopEvent::Act(Action::JobDone(Box::new(result))))
            }
            note = outcome(&mut self.file) => {
                self.file = None;
                LoopEvent::Act(Action::Note(note.context("writing the file failed")?))
            }
            () = tokio::time::sleep(TICK), if self.state.ticks() => LoopEvent::Act(Action::Tick),
            signal = self.signals.next() => match signal {
                SignalEvent::Quit => LoopEvent::Act(Action::Command(TuiCommand::Quit)),
                SignalEvent::Suspend => LoopEvent::Act(Action::Command(TuiCommand::Suspend)),
                SignalEvent::Continued => LoopEvent::Continued,
            },
        })
    }

    fn resize(&mut self) -> anyhow::Result<Effects> {
        let size: Size = self.screen.size().context("cannot read the size of the terminal")?;
        self.act(Action::Resize(size))
    }

    fn act(&mut self, action: Action) -> anyhow::Result<Effects> {
        let mut effects = self.state.update(action, Instant::now());
        for request in effects.requests.drain(..) {
            // Ignore the error: a source that has ended reports it in an update.
            let _ = self.requests.send(request);
        }
        if let Some(job) = effects.job.take() {
            // This drops the handle of the previous job, which has been cancelled and ends soon.
            self.job = Some(spawn_blocking(|| job.run()));
        }
        if let Some(export) = effects.write.take() {
            let glyphs = self.theme.glyphs;
            self.file = Some(spawn_blocking(move || match export::write(&export, Path::new("."), Timestamp::now()) {
                Ok(name) => format!("wrote {}", name.display()),
                Err(error) => shown_text(&format!("cannot write a file to the current directory: {error}"), &glyphs),
            }));
        }
        if let Some(text) = &effects.copy {
            self.screen.copy(text).context("cannot send the key to the terminal's clipboard")?;
        }
        if effects.suspend {
            self.screen.suspend_with(stop_job).context("cannot suspend")?;
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

/// Waits for a task; never returns if there is none.
async fn outcome<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match task {
        Some(task) => task.await,
        None => pending().await,
    }
}
