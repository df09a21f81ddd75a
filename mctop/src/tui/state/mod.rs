//! The state of the live table. It changes only in [`State::update`], a pure function: the clock is passed in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::KeyEvent;
use ratatui::layout::Size;

use super::action::{Action, Effects};
use super::columns::{key_width, layout};
use super::feed::{Frame, KeyDetailStatus, Playback, Request, Update};
use super::keymap::{self, KeyContext, Mode};
use super::layout::{Areas, Panel, Parts, areas, panels};
use super::ranker::{Id, Prepared};
use crate::model::column::Column;
use crate::model::ranking::View;
use crate::model::snapshot::{GroupId, Origin, Row, Snapshot};
use crate::model::span::Span;
use crate::text::fit::{MIN_KEY_WIDTH, shown_text, wrap};
use crate::text::glyphs::Glyphs;

mod commands;
mod grouping;
mod jobs;
mod list;
mod menu;
mod mouse;
mod prompt;
#[cfg(test)]
mod tests;

use self::grouping::SavedView;
use self::jobs::RunningJob;
pub(crate) use self::list::List;
pub(crate) use self::menu::Menu;
pub(crate) use self::prompt::{Prompt, Purpose};

/// The intervals that `+` and `-` step through.
pub(super) const INTERVALS: &[Duration] = &[
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// What the source is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The source is starting or resuming; what it is doing.
    Starting(String),
    /// The source sends snapshots.
    Running,
    /// The source has ended, and why.
    Ended(String),
}

/// What covers the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Overlay {
    /// The help, scrolled to this line.
    Help(usize),
    /// The menu of columns to sort by.
    Sort(Menu),
}

/// Everything the screen is drawn from.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// Sort column, filter and limit as requested. The rows may still be in an earlier order: see [`List::ranking`].
    pub view: View,
    /// The columns to show, in this order.
    pub columns: Vec<Column>,
    /// The requested interval.
    pub interval: Duration,
    /// What the source is doing.
    pub phase: Phase,
    /// Whether the totals have been reset.
    pub reset: bool,
    /// When the view was paused; `None` if it is not.
    pub paused: Option<Instant>,
    /// The rows.
    pub list: List,
    /// Whether the details of the selected row are shown instead of the table.
    pub detail: bool,
    /// The page of these details, counted over all pages that have been shown.
    pub part: usize,
    /// Clients and latencies of the key whose details are open.
    pub key_detail: KeyDetailStatus,
    /// The position in the capture; `None` when live.
    pub playback: Option<Playback>,
    /// What covers the table.
    pub overlay: Option<Overlay>,
    /// The open prompt.
    pub prompt: Option<Prompt>,
    /// Whether hints are computed and shown.
    pub hints: bool,
    /// A note about the last command, shown until the next key press.
    pub note: Option<String>,
    /// Width of the widest key seen among the first ranked ones, in cells. It never shrinks, so that columns do not appear and
    /// disappear.
    pub key_width: usize,
    /// Symbols.
    pub glyphs: Glyphs,
    /// The key that the source was last asked to watch.
    watched_key: Option<Id>,
    /// The view to restore when the open group is closed.
    before_group: Option<SavedView>,
    /// The newest snapshot.
    latest: Option<Arc<Snapshot>>,
    /// Whether the rows must be ranked again.
    stale: bool,
    /// The rows and hints that were prepared last.
    prepared: Option<Arc<Prepared>>,
    /// Whether `prepared` has not been ranked yet.
    unranked: bool,
    /// The job that is running.
    running: Option<RunningJob>,
    /// Size of the terminal.
    size: Size,
}

impl State {
    /// A state without data.
    pub(super) fn new(view: View, columns: Vec<Column>, interval: Duration, glyphs: Glyphs) -> Self {
        Self {
            view,
            columns,
            interval,
            phase: Phase::Starting("starting".to_owned()),
            reset: false,
            paused: None,
            list: List::default(),
            detail: false,
            part: 0,
            key_detail: KeyDetailStatus::Waiting,
            playback: None,
            overlay: None,
            prompt: None,
            hints: true,
            note: None,
            key_width: MIN_KEY_WIDTH,
            glyphs,
            watched_key: None,
            before_group: None,
            latest: None,
            stale: false,
            prepared: None,
            unranked: false,
            running: None,
            size: Size::default(),
        }
    }

    /// The snapshot shown in the header. It is the newest one while the view is paused, and that of the rows otherwise, so that
    /// header and rows agree.
    pub(super) fn header_snapshot(&self) -> Option<&Snapshot> {
        let of_rows = self.list.snapshot().filter(|_| self.paused.is_none());
        of_rows.or(self.latest.as_ref()).map(|snapshot| &**snapshot)
    }

    /// The span of the rates on the screen. It differs from the requested span until the rows have been ranked again.
    pub(super) fn span(&self) -> Span {
        self.list.ranking().map_or(self.view.span, |ranking| ranking.view.span)
    }

    /// The selected row.
    pub(super) fn selected_row(&self) -> Option<&Row> {
        self.list.selected_row()
    }

    /// What is on the screen; decides what keys mean.
    pub(super) fn key_context(&self) -> KeyContext {
        match self.overlay {
            Some(Overlay::Help(_)) => KeyContext::Help,
            Some(Overlay::Sort(_)) => KeyContext::Menu,
            None if self.detail => KeyContext::Detail,
            None => KeyContext::Table,
        }
    }

    /// Where the figures come from; decides what keys mean.
    pub(super) fn mode(&self) -> Mode {
        match self.header_snapshot().map(|snapshot| &snapshot.origin) {
            Some(Origin::Recorded { .. }) => Mode::Replay,
            Some(Origin::Live) | None => Mode::Live,
        }
    }

    /// The action that a key press causes now, if any.
    pub(super) fn action_for(&self, key: KeyEvent) -> Option<Action> {
        if self.prompt.is_some() {
            return Some(Action::Typed(key));
        }
        keymap::command(&key, self.key_context(), self.mode()).map(Action::Command)
    }

    /// The message above the table, wrapped to the terminal's width: why there are no updates.
    pub(super) fn message(&self) -> Vec<String> {
        match &self.phase {
            Phase::Ended(text) => wrap(text, self.size.width.into()),
            Phase::Starting(text) if self.list.ranking().is_some() => wrap(text, self.size.width.into()),
            Phase::Starting(_) | Phase::Running => Vec::new(),
        }
    }

    /// The error of the text being typed, wrapped at the width of the terminal; empty if there is none.
    pub(super) fn prompt_error(&self) -> Vec<String> {
        let error = self.prompt.as_ref().and_then(|prompt| prompt.error.as_deref());
        error.map_or_else(Vec::new, |error| wrap(error, self.size.width.into()))
    }

    /// The parts of the screen to show besides the table.
    pub(super) fn parts(&self) -> Parts {
        Parts {
            message: self.message().len(),
            key: self.cuts_keys(),
            hints: self.hint_lines().len(),
            prompt: self.prompt.as_ref().map(|_| self.prompt_error().len()),
            detail: self.key_context() == KeyContext::Detail,
        }
    }

    /// The current page of the details, its number (starting at 1), and the number of pages.
    pub(super) fn panel(&self) -> (Panel, usize, usize) {
        let panels = panels(self.size, self.areas().map_or(1, |areas| areas.body.height));
        let at = self.part % panels.len().max(1);
        (panels.get(at).copied().unwrap_or(Panel::Everything), at + 1, panels.len())
    }

    /// Where the parts of the screen are; `None` if it is too small.
    pub(super) fn areas(&self) -> Option<Areas> {
        areas(self.size, self.parts())
    }

    /// The hints shown with the table, one per line.
    pub(super) fn hint_lines(&self) -> &[String] {
        let shown = self.list.ranking().filter(|_| self.hints && self.key_context() == KeyContext::Table);
        shown.map_or(&[], |ranking| &ranking.prepared.hints)
    }

    /// Whether the table cuts any key.
    fn cuts_keys(&self) -> bool {
        let Some(snapshot) = self.list.snapshot().filter(|_| self.key_context() == KeyContext::Table) else {
            return false;
        };
        let layout = layout(self.column_choice(), snapshot, self.size.width.into());
        key_width(&layout) < self.key_width
    }

    /// Rank and row of the key that is shown in full if the table cuts keys: the selected row, or the first.
    pub(super) fn row_in_full(&self) -> Option<(usize, &Row)> {
        let rank = self.list.cursor.unwrap_or(0);
        Some((rank, self.list.ranking()?.row(rank)?))
    }

    /// Number of table rows that fit on the screen, at least 1.
    pub(super) fn page(&self) -> usize {
        self.areas().map_or(1, |areas| usize::from(areas.body.height).saturating_sub(1)).max(1)
    }

    /// Whether the screen shows a clock that must be updated.
    pub(super) fn ticks(&self) -> bool {
        self.paused.is_some()
    }

    /// Applies an action that happened at `now`, and returns its effects.
    pub(super) fn update(&mut self, action: Action, now: Instant) -> Effects {
        let mut effects = Effects::default();
        let by_user = !matches!(action, Action::Update(_) | Action::JobDone(_) | Action::Note(_) | Action::Tick);
        let mut moved = true;
        match action {
            Action::Command(command) => {
                self.note = None;
                self.command(command, now, &mut effects);
            }
            Action::Typed(key) => self.typed(key),
            Action::Pasted(text) => self.pasted(&text),
            Action::Mouse(event) => self.mouse(event),
            Action::Update(update) => self.apply_update(update),
            Action::JobDone(result) => {
                self.apply_result(*result);
                moved = false;
            }
            Action::Note(note) => self.note = Some(note),
            Action::Resize(size) => {
                self.size = size;
                self.list.scroll_to_cursor(self.page());
            }
            Action::Tick => {}
        }
        if moved && self.list.needs_ranking(self.page()) {
            self.stale = true;
        }
        effects.job = self.next_job(by_user);
        self.request_key_detail(&mut effects);
        effects
    }

    fn apply_update(&mut self, update: Update) {
        match update {
            Update::Starting(what, snapshot) => {
                self.phase = Phase::Starting(shown_text(&self.glyphs.localize(&what), &self.glyphs));
                self.latest = snapshot.or(self.latest.take());
            }
            Update::Ended(why) => self.end(&why),
            Update::EndedWith(frame, why) => {
                self.end(&why);
                self.show_frame(frame);
            }
            Update::Frame(frame) => {
                self.phase = Phase::Running;
                self.show_frame(frame);
            }
        }
        self.list.scroll_to_cursor(self.page());
    }

    fn end(&mut self, why: &str) {
        self.phase = Phase::Ended(shown_text(&self.glyphs.localize(why), &self.glyphs));
    }

    fn show_frame(&mut self, frame: Frame) {
        let Frame { snapshot, key_detail, playback } = frame;
        (self.key_detail, self.playback) = (key_detail, playback);
        self.latest = Some(snapshot);
        self.stale |= self.paused.is_none() || self.list.ranking().is_none();
    }

    /// Tells the source which key's details are open, if that has changed. For a group no key is watched. A key that is no longer
    /// tracked stays watched, because it may come back.
    fn request_key_detail(&mut self, effects: &mut Effects) {
        let wanted = match (self.detail, self.selected_row()) {
            (false, _) => None,
            (true, Some(row)) if GroupId::of(row).is_some() => None,
            (true, _) => self.list.selected().cloned(),
        };
        if wanted != self.watched_key {
            self.watched_key.clone_from(&wanted);
            self.key_detail = KeyDetailStatus::Waiting;
            effects.requests.push(Request::WatchKey(wanted));
        }
    }
}
