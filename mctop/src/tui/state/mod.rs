//! What the live table shows, and how it changes: a pure function of actions. The clock is passed in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::layout::Size;

use super::action::{Action, Effects};
use super::columns::{key_width, layout};
use super::feed::Update;
use super::keymap::Place;
use super::layout::{Areas, Parts, areas};
use super::ranker::{Job, REACH, Ranking};
use crate::model::column::Column;
use crate::model::ranking::View;
use crate::model::snapshot::{Row, Snapshot};
use crate::report::fit::{MIN_KEY_WIDTH, shown_text, wrap};
use crate::report::glyphs::Glyphs;

mod commands;
mod grouping;
mod list;
mod menu;
mod mouse;
mod prompt;
#[cfg(test)]
mod tests;

use self::grouping::Outside;
pub use self::list::List;
pub use self::menu::Menu;
pub use self::prompt::{Prompt, Purpose};

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

/// What is shown over the table, or in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The help, from this line on.
    Help(usize),
    /// The columns to sort by.
    Sort(Menu),
}

/// Everything the screen is drawn from.
#[derive(Clone, Debug)]
pub struct State {
    /// Sorting, filter and limit as asked for; the rows may still be in the order of before: see [`List::ranking`].
    pub view: View,
    /// The columns wanted, in this order.
    pub columns: Vec<Column>,
    /// The interval asked for.
    pub interval: Duration,
    /// Where the source is.
    pub phase: Phase,
    /// Whether the totals have begun anew.
    pub reset: bool,
    /// Since when the view is paused.
    pub paused: Option<Instant>,
    /// The rows.
    pub list: List,
    /// Whether the details of the selected row are shown in place of the table.
    pub detail: bool,
    /// What is shown over all that.
    pub overlay: Option<Overlay>,
    /// The text that is being typed.
    pub prompt: Option<Prompt>,
    /// Whether hints are looked for and shown.
    pub hints: bool,
    /// What became of the last command, until the next key press.
    pub note: Option<String>,
    /// Width of the widest key that was among the first, cells. Only grows, so that columns do not come and go.
    pub key_width: usize,
    /// Symbols.
    pub glyphs: Glyphs,
    /// What was shown before a group was opened.
    outside: Option<Outside>,
    /// The newest snapshot.
    latest: Option<Arc<Snapshot>>,
    /// Whether the rows must be ranked anew.
    stale: bool,
    /// Whether a ranking is being made.
    ranking: bool,
    /// The terminal's.
    size: Size,
}

impl State {
    /// Before anything is known.
    #[must_use]
    pub fn new(view: View, columns: Vec<Column>, interval: Duration, glyphs: Glyphs) -> Self {
        Self {
            view,
            columns,
            interval,
            phase: Phase::Starting("starting".to_owned()),
            reset: false,
            paused: None,
            list: List::default(),
            detail: false,
            overlay: None,
            prompt: None,
            hints: true,
            note: None,
            key_width: MIN_KEY_WIDTH,
            glyphs,
            outside: None,
            latest: None,
            stale: false,
            ranking: false,
            size: Size::default(),
        }
    }

    /// The snapshot of the header: the newest while the view is paused, else that of the rows, so that both agree.
    #[must_use]
    pub fn headline(&self) -> Option<&Snapshot> {
        let of_rows = self.list.snapshot().filter(|_| self.paused.is_none());
        of_rows.or(self.latest.as_ref()).map(|snapshot| &**snapshot)
    }

    /// The row whose details are shown or would be.
    #[must_use]
    pub fn selected_row(&self) -> Option<&Row> {
        self.list.selected_row()
    }

    /// What is on the screen, for the meaning of keys.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.overlay {
            Some(Overlay::Help(_)) => Place::Help,
            Some(Overlay::Sort(_)) => Place::Menu,
            None if self.detail => Place::Detail,
            None => Place::Table,
        }
    }

    /// What is said above the table: why no news come. In lines of the terminal's width.
    #[must_use]
    pub fn message(&self) -> Vec<String> {
        match &self.phase {
            Phase::Ended(text) => wrap(text, self.size.width.into()),
            Phase::Starting(text) if self.list.ranking().is_some() => wrap(text, self.size.width.into()),
            Phase::Starting(_) | Phase::Running => Vec::new(),
        }
    }

    /// What there is to show besides the table.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts {
            message: self.message().len(),
            key: self.cuts_keys(),
            hints: self.hint_lines().len(),
            prompt: self.prompt.is_some(),
        }
    }

    /// Where the parts of the screen are; `None` where it is too small.
    #[must_use]
    pub fn areas(&self) -> Option<Areas> {
        areas(self.size, self.parts())
    }

    /// What to look at, a line each; of what the table shows.
    #[must_use]
    pub fn hint_lines(&self) -> &[String] {
        let shown = self.list.ranking().filter(|_| self.hints && self.place() == Place::Table);
        shown.map_or(&[], |ranking| &ranking.hints)
    }

    /// Whether keys are wider than their column.
    fn cuts_keys(&self) -> bool {
        let Some(snapshot) = self.list.snapshot().filter(|_| self.place() == Place::Table) else { return false };
        let layout = layout(self.choice(), snapshot, self.size.width.into());
        key_width(&layout) < self.key_width
    }

    /// The row whose key is shown in full where the table cuts keys: the selected one, else the first; and its rank.
    #[must_use]
    pub fn row_in_full(&self) -> Option<(usize, &Row)> {
        let rank = self.list.cursor.unwrap_or(0);
        Some((rank, self.list.ranking()?.row(rank)?))
    }

    /// Rows of the table that fit on the screen, at least 1.
    #[must_use]
    pub fn page(&self) -> usize {
        self.areas().map_or(1, |areas| usize::from(areas.body.height).saturating_sub(1)).max(1)
    }

    /// Whether the screen shows a clock of its own that must go on.
    #[must_use]
    pub fn ticks(&self) -> bool {
        self.paused.is_some()
    }

    /// Applies what happened at `now`, and says what follows from it.
    pub fn update(&mut self, action: Action, now: Instant) -> Effects {
        let mut effects = Effects::default();
        let mut moved = true;
        match action {
            Action::Command(command) => {
                self.note = None;
                self.command(command, now, &mut effects);
            }
            Action::Typed(key) => self.typed(key),
            Action::Mouse(event) => self.mouse(event),
            Action::Update(update) => self.news(update),
            Action::Ranked(ranking) => {
                self.ranked(*ranking);
                moved = false;
            }
            Action::Note(note) => self.note = Some(note),
            Action::Resize(size) => {
                self.size = size;
                self.list.follow(self.page());
            }
            Action::Tick => {}
        }
        if moved && self.list.needs_ranking(self.page()) {
            self.stale = true;
        }
        effects.rank = self.next_job();
        effects
    }

    fn news(&mut self, update: Update) {
        match update {
            Update::Starting(what, snapshot) => {
                self.phase = Phase::Starting(shown_text(&self.glyphs.own(&what), &self.glyphs));
                self.latest = snapshot.or(self.latest.take());
            }
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
        self.list.follow(self.page());
    }

    fn end(&mut self, why: &str) {
        self.phase = Phase::Ended(shown_text(&self.glyphs.own(why), &self.glyphs));
    }

    fn receive(&mut self, snapshot: Arc<Snapshot>) {
        self.latest = Some(snapshot);
        self.stale |= self.paused.is_none() || self.list.ranking().is_none();
    }

    fn ranked(&mut self, ranking: Ranking) {
        self.ranking = false;
        self.key_width = self.key_width.max(ranking.key_width);
        self.list.take(ranking, self.page(), self.detail);
        // The place of interest may have changed while the ranking was made.
        self.stale |= self.list.has_goal();
    }

    fn next_job(&mut self) -> Option<Job> {
        let whole = match self.list.ranking() {
            Some(shown) if self.paused.is_some() => &shown.whole,
            _ => self.latest.as_ref()?,
        };
        if !self.stale || self.ranking {
            return None;
        }
        let mut view = self.view.clone();
        if !self.hints {
            view.hints.clear();
        }
        (self.stale, self.ranking) = (false, true);
        Some(Job {
            grouped: self.list.ranking().and_then(|ranking| ranking.grouped(whole, &view)),
            hints: self.list.ranking().and_then(|ranking| ranking.hints(whole, &view)),
            whole: Arc::clone(whole),
            view,
            follow: self.list.followed().cloned(),
            around: self.list.place(),
            reach: REACH.max(2 * self.page()),
            glyphs: self.glyphs,
        })
    }
}
