//! What the live table shows, and how it changes: a pure function of actions. The clock is passed in.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::layout::Size;

use super::feed::{Control, Update};
use super::keymap::{Command, Motion};
use super::layout::areas;
use super::manual;
use crate::model::column::Column;
use crate::model::key::Key;
use crate::model::ranking::{View, order};
use crate::model::snapshot::{Row, Snapshot};
use crate::report::cell::columns;
use crate::report::fit::{MIN_KEY_WIDTH, shown_key, shown_text, width, wrap};
use crate::report::glyphs::Glyphs;

/// The intervals that `+` and `-` go through.
pub const INTERVALS: &[Duration] = &[
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];
/// So many rows are ranked until the user moves beyond them: a full sort of a hundred thousand rows costs 50 times more
/// than what a screen can show.
const FIRST_REACH: usize = 1_000;
/// The key column is made as wide as the widest of so many first keys.
const MEASURED_KEYS: usize = 100;

/// What happened.
#[derive(Clone, Debug)]
pub enum Action {
    /// A key was pressed.
    Command(Command),
    /// The source has news.
    Update(Update),
    /// The terminal has this size.
    Resize(Size),
    /// A second has passed.
    Tick,
}

/// What the caller must do besides drawing the new state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Forget what is on the screen first.
    pub clear: bool,
    /// Tell the source.
    pub control: Option<Control>,
    /// Stop the process until the shell continues it.
    pub suspend: bool,
    /// Leave.
    pub quit: bool,
}

/// Where the source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the first snapshot, or while it resumes.
    Starting(String),
    /// Snapshots come.
    Running,
    /// No more will come.
    Ended(String),
}

/// Everything the screen is drawn from.
#[derive(Clone, Debug)]
pub struct State {
    /// Sorting and limit.
    pub view: View,
    /// The interval asked for.
    pub interval: Duration,
    /// Where the source is.
    pub phase: Phase,
    /// The newest snapshot: the header's.
    pub latest: Option<Arc<Snapshot>>,
    /// The snapshot of the rows: older than the newest while paused.
    pub shown: Option<Arc<Snapshot>>,
    /// Since when the view is paused.
    pub paused: Option<Instant>,
    /// Index of the first row on the screen.
    pub top: usize,
    /// Index of the selected row.
    pub cursor: Option<usize>,
    /// First line of the help that is shown; `None` when the help is closed.
    pub help: Option<usize>,
    /// Width of the widest key that was among the first, cells. Only grows, so that columns do not come and go.
    pub key_width: usize,
    /// Symbols.
    pub glyphs: Glyphs,
    /// Indices into the rows of `shown`, ranked; not all of them unless [`Self::reach`] says so.
    order: Vec<usize>,
    /// How many rows the filter shows.
    matching: usize,
    /// How many rows are ranked at most.
    reach: usize,
    /// Whose row the cursor follows.
    selected: Option<(Key, u32)>,
    /// The terminal's.
    size: Size,
}

impl State {
    /// Before anything is known.
    #[must_use]
    pub fn new(view: View, interval: Duration, glyphs: Glyphs) -> Self {
        Self {
            view,
            interval,
            phase: Phase::Starting("starting".to_owned()),
            latest: None,
            shown: None,
            paused: None,
            top: 0,
            cursor: None,
            help: None,
            key_width: MIN_KEY_WIDTH,
            glyphs,
            order: Vec::new(),
            matching: 0,
            reach: FIRST_REACH,
            selected: None,
            size: Size::default(),
        }
    }

    /// Rows that can be scrolled to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view.limit.map_or(self.matching, |limit| limit.min(self.matching))
    }

    /// Rows that the filter shows.
    #[must_use]
    pub fn matching(&self) -> usize {
        self.matching
    }

    /// Whether there is nothing to scroll.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows from [`Self::top`] on, with their index.
    pub fn visible(&self) -> impl Iterator<Item = (usize, &Row)> {
        let rows = self.shown.as_ref().map_or(&[][..], |snapshot| &snapshot.rows);
        let indices = self.order.iter().enumerate().skip(self.top);
        indices.filter_map(|(rank, index)| Some((rank, rows.get(*index)?)))
    }

    /// What is said above the table: why no news come. In lines of the terminal's width.
    #[must_use]
    pub fn message(&self) -> Vec<String> {
        match &self.phase {
            Phase::Ended(text) => wrap(text, self.size.width.into()),
            Phase::Starting(text) if self.shown.is_some() => wrap(text, self.size.width.into()),
            Phase::Starting(_) | Phase::Running => Vec::new(),
        }
    }

    /// Rows of the table that fit on the screen, at least 1.
    #[must_use]
    pub fn page(&self) -> usize {
        let areas = areas(self.size, self.message().len());
        areas.map_or(1, |areas| usize::from(areas.table.height).saturating_sub(1)).max(1)
    }

    /// Whether the screen shows a clock of its own that must go on.
    #[must_use]
    pub fn ticks(&self) -> bool {
        self.paused.is_some()
    }

    /// Applies what happened at `now`, and says what follows from it.
    pub fn update(&mut self, action: Action, now: Instant) -> Effects {
        match action {
            Action::Command(command) => return self.command(command, now),
            Action::Update(update) => self.news(update),
            Action::Resize(size) => {
                self.size = size;
                self.follow();
            }
            Action::Tick => {}
        }
        Effects::default()
    }

    fn news(&mut self, update: Update) {
        match update {
            Update::Starting(what) => self.phase = Phase::Starting(shown_text(&self.glyphs.own(&what), &self.glyphs)),
            Update::Ended(why) => self.end(&why),
            Update::EndedWith(snapshot, why) => {
                self.end(&why);
                self.receive(snapshot);
            }
            Update::Snapshot(snapshot) => {
                self.phase = Phase::Running;
                self.receive(snapshot);
            }
        }
        self.follow();
    }

    fn end(&mut self, why: &str) {
        self.phase = Phase::Ended(shown_text(&self.glyphs.own(why), &self.glyphs));
    }

    fn receive(&mut self, snapshot: Arc<Snapshot>) {
        self.latest = Some(snapshot);
        if self.paused.is_none() || self.shown.is_none() {
            self.show_latest();
        }
    }

    fn command(&mut self, command: Command, now: Instant) -> Effects {
        let mut effects = Effects::default();
        match command {
            Command::SortBy(column) => self.sort(column),
            Command::PreviousColumn => self.sort(self.neighbour(-1)),
            Command::NextColumn => self.sort(self.neighbour(1)),
            Command::Reverse => {
                self.view.ascending = !self.view.ascending;
                self.rank();
            }
            Command::Move(motion) => match &mut self.help {
                Some(line) => {
                    let page = usize::from(areas(self.size, 0).map_or(1, |areas| areas.table.height));
                    let lines = manual::lines(self.latest.as_deref(), self.size.width.into(), &self.glyphs).len();
                    *line = target(motion, *line, page, lines.saturating_sub(page));
                }
                None => self.go(motion),
            },
            Command::Pause if self.paused.take().is_some() => self.show_latest(),
            Command::Pause => self.paused = Some(now),
            Command::Faster => effects.control = self.pace(INTERVALS.iter().rev().find(|step| **step < self.interval)),
            Command::Slower => effects.control = self.pace(INTERVALS.iter().find(|step| **step > self.interval)),
            Command::Help => self.help = if self.help.is_none() { Some(0) } else { None },
            Command::Escape if self.help.take().is_some() => {}
            Command::Escape => {
                (self.selected, self.cursor, self.top, self.reach) = (None, None, 0, FIRST_REACH);
            }
            Command::Redraw => effects.clear = true,
            Command::Suspend => effects.suspend = true,
            Command::Quit => effects.quit = true,
        }
        effects
    }

    fn pace(&mut self, step: Option<&Duration>) -> Option<Control> {
        self.interval = *step?;
        Some(Control::Interval(self.interval))
    }

    /// A different column starts with its largest first.
    fn sort(&mut self, column: Column) {
        if self.view.sort != column {
            (self.view.sort, self.view.ascending) = (column, false);
            self.rank();
        }
    }

    fn neighbour(&self, step: isize) -> Column {
        let Some(snapshot) = &self.shown else { return self.view.sort };
        let all: Vec<Column> = columns(snapshot).map(|declaration| declaration.column).collect();
        let position = all.iter().position(|column| *column == self.view.sort);
        let next = position.map_or(Some(0), |position| position.checked_add_signed(step));
        next.and_then(|next| all.get(next)).copied().unwrap_or(self.view.sort)
    }

    fn show_latest(&mut self) {
        self.shown = self.latest.as_ref().map(|latest| match self.view.grouped(latest) {
            Cow::Borrowed(_) => Arc::clone(latest),
            Cow::Owned(grouped) => Arc::new(grouped),
        });
        self.rank();
    }

    /// Ranks as far as needed, then finds the selected key again: it may have sunk below what is ranked, or be gone.
    fn rank(&mut self) {
        self.rank_to(self.reach);
        if self.selected.is_some() && self.cursor_of_selected().is_none() && self.order.len() < self.len() {
            self.rank_to(usize::MAX);
        }
        if self.selected.is_some() {
            match self.cursor_of_selected() {
                Some(position) => self.cursor = Some(position),
                None => self.select(self.cursor.unwrap_or(0)),
            }
        }
        let Some(snapshot) = &self.shown else { return };
        let first = self.order.iter().take(MEASURED_KEYS).filter_map(|index| snapshot.rows.get(*index));
        let widest = first.map(|row| width(&shown_key(&row.key, &self.glyphs))).max().unwrap_or(0);
        self.key_width = self.key_width.max(widest);
        self.follow();
    }

    fn rank_to(&mut self, reach: usize) {
        let Some(snapshot) = &self.shown else { return };
        let limit = self.view.limit.map_or(reach, |limit| limit.min(reach));
        let order = order(snapshot, &View { limit: Some(limit), ..self.view.clone() });
        (self.order, self.matching) = (order.indices, order.matching);
    }

    fn row(&self, position: usize) -> Option<&Row> {
        self.shown.as_ref()?.rows.get(*self.order.get(position)?)
    }

    fn cursor_of_selected(&self) -> Option<usize> {
        let (key, target) = self.selected.as_ref()?;
        let is = |position: &usize| self.row(*position).is_some_and(|row| row.target == *target && row.key == *key);
        // Most often it is where it was.
        self.cursor.filter(is).or_else(|| (0..self.order.len()).find(is))
    }

    fn go(&mut self, motion: Motion) {
        let Some(last) = self.len().checked_sub(1) else { return };
        let position = match self.cursor {
            Some(cursor) => target(motion, cursor, self.page(), last),
            // The first movement selects a row that is on the screen; paging means the rows beyond it.
            None if matches!(motion, Motion::Up | Motion::Down) => self.top,
            None => target(motion, self.top, self.page(), last),
        };
        if position >= self.order.len() {
            self.reach = (position + 1).saturating_mul(4).max(self.reach);
            self.rank_to(self.reach);
        }
        self.select(position);
        self.follow();
    }

    fn select(&mut self, position: usize) {
        let position = position.min(self.len().saturating_sub(1));
        self.selected = self.row(position).map(|row| (row.key.clone(), row.target));
        self.cursor = self.selected.is_some().then_some(position);
    }

    /// Scrolls no further than needed to have the cursor on the screen, and not beyond the end.
    fn follow(&mut self) {
        let page = self.page();
        if let Some(cursor) = self.cursor {
            self.top = self.top.clamp((cursor + 1).saturating_sub(page), cursor);
        }
        self.top = self.top.min(self.len().saturating_sub(page));
        let bottom = (self.top + page).min(self.len());
        if bottom > self.order.len() {
            self.reach = bottom.saturating_mul(4).max(self.reach);
            self.rank_to(self.reach);
        }
    }
}

fn target(motion: Motion, from: usize, page: usize, last: usize) -> usize {
    let position = match motion {
        Motion::Up => from.saturating_sub(1),
        Motion::Down => from.saturating_add(1),
        Motion::PageUp => from.saturating_sub(page),
        Motion::PageDown => from.saturating_add(page),
        Motion::HalfUp => from.saturating_sub(page.div_ceil(2)),
        Motion::HalfDown => from.saturating_add(page.div_ceil(2)),
        Motion::First => 0,
        Motion::Last => last,
    };
    position.min(last)
}

#[cfg(test)]
mod tests;
