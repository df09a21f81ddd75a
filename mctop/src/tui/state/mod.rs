//! What the live table shows, and how it changes: a pure function of actions. The clock is passed in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::KeyEvent;
use ratatui::layout::Size;

use super::action::{Action, Effects};
use super::columns::{key_width, layout};
use super::feed::{Closeup, Control, Moment, Playback, Update};
use super::keymap::{self, Mode, Place};
use super::layout::{Areas, Panel, Parts, areas, panels};
use super::ranker::{Id, Prepared};
use crate::model::column::Column;
use crate::model::group::GroupId;
use crate::model::ranking::View;
use crate::model::snapshot::{Origin, Row, Snapshot};
use crate::model::span::Span;
use crate::report::fit::{MIN_KEY_WIDTH, shown_text, wrap};
use crate::report::glyphs::Glyphs;

mod commands;
mod grouping;
mod jobs;
mod list;
mod menu;
mod mouse;
mod prompt;
#[cfg(test)]
mod tests;

use self::grouping::Outside;
use self::jobs::Running;
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
    /// How often another part of these details was asked for.
    pub part: usize,
    /// What was seen of the key that is looked at closely.
    pub closeup: Closeup,
    /// Where in the capture the figures are; none live.
    pub playback: Option<Playback>,
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
    /// The key that the source was asked to look at.
    looked_at: Option<Id>,
    /// What was shown before a group was opened.
    outside: Option<Outside>,
    /// The newest snapshot.
    latest: Option<Arc<Snapshot>>,
    /// Whether the rows must be ranked anew.
    stale: bool,
    /// What was prepared last, and whether no order was made of it yet.
    prepared: Option<Arc<Prepared>>,
    unordered: bool,
    /// The job that is being done.
    running: Option<Running>,
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
            part: 0,
            closeup: Closeup::Nothing,
            playback: None,
            overlay: None,
            prompt: None,
            hints: true,
            note: None,
            key_width: MIN_KEY_WIDTH,
            glyphs,
            looked_at: None,
            outside: None,
            latest: None,
            stale: false,
            prepared: None,
            unordered: false,
            running: None,
            size: Size::default(),
        }
    }

    /// The snapshot of the header: the newest while the view is paused, else that of the rows, so that both agree.
    #[must_use]
    pub fn headline(&self) -> Option<&Snapshot> {
        let of_rows = self.list.snapshot().filter(|_| self.paused.is_none());
        of_rows.or(self.latest.as_ref()).map(|snapshot| &**snapshot)
    }

    /// The span of the rates on the screen: that asked for may be another until the rows are ranked by it.
    #[must_use]
    pub fn span(&self) -> Span {
        self.list.ranking().map_or(self.view.span, |ranking| ranking.view.span)
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

    /// Where the figures come from, for the meaning of keys.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.headline().map(|snapshot| &snapshot.origin) {
            Some(Origin::Recorded { .. }) => Mode::Replay,
            Some(Origin::Live) | None => Mode::Live,
        }
    }

    /// What a key press means here, if anything.
    #[must_use]
    pub fn pressed(&self, key: KeyEvent) -> Option<Action> {
        if self.prompt.is_some() {
            return Some(Action::Typed(key));
        }
        keymap::command(&key, self.place(), self.mode()).map(Action::Command)
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

    /// What is wrong with the text that is typed, in lines of the terminal's width; none where nothing is.
    #[must_use]
    pub fn prompt_error(&self) -> Vec<String> {
        let error = self.prompt.as_ref().and_then(|prompt| prompt.error.as_deref());
        error.map_or_else(Vec::new, |error| wrap(error, self.size.width.into()))
    }

    /// What there is to show besides the table.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts {
            message: self.message().len(),
            key: self.cuts_keys(),
            hints: self.hint_lines().len(),
            prompt: self.prompt.as_ref().map(|_| self.prompt_error().len()),
            detail: self.place() == Place::Detail,
        }
    }

    /// What of the details is shown, and which of how many parts that is, the first being 1.
    #[must_use]
    pub fn panel(&self) -> (Panel, usize, usize) {
        let panels = panels(self.size, self.areas().map_or(1, |areas| areas.body.height));
        let at = self.part % panels.len().max(1);
        (panels.get(at).copied().unwrap_or(Panel::Everything), at + 1, panels.len())
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
        shown.map_or(&[], |ranking| &ranking.prepared.hints)
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
        let asked = !matches!(action, Action::Update(_) | Action::Made(_) | Action::Note(_) | Action::Tick);
        let mut moved = true;
        match action {
            Action::Command(command) => {
                self.note = None;
                self.command(command, now, &mut effects);
            }
            Action::Typed(key) => self.typed(key),
            Action::Pasted(text) => self.pasted(&text),
            Action::Mouse(event) => self.mouse(event),
            Action::Update(update) => self.news(update),
            Action::Made(made) => {
                self.made(*made);
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
        effects.job = self.next_job(asked);
        self.look_closer(&mut effects);
        effects
    }

    fn news(&mut self, update: Update) {
        match update {
            Update::Starting(what, snapshot) => {
                self.phase = Phase::Starting(shown_text(&self.glyphs.own(&what), &self.glyphs));
                self.latest = snapshot.or(self.latest.take());
            }
            Update::Ended(why) => self.end(&why),
            Update::EndedWith(moment, why) => {
                self.end(&why);
                self.receive(moment);
            }
            Update::Moment(moment) => {
                self.phase = Phase::Running;
                self.receive(moment);
            }
        }
        self.list.follow(self.page());
    }

    fn end(&mut self, why: &str) {
        self.phase = Phase::Ended(shown_text(&self.glyphs.own(why), &self.glyphs));
    }

    fn receive(&mut self, moment: Moment) {
        let Moment { snapshot, closeup, playback } = moment;
        (self.closeup, self.playback) = (closeup, playback);
        self.latest = Some(snapshot);
        self.stale |= self.paused.is_none() || self.list.ranking().is_none();
    }

    /// Tells the source when the key whose details are shown is another one. Of a group, no key is looked at; a key that is
    /// tracked no longer may come back.
    fn look_closer(&mut self, effects: &mut Effects) {
        let wanted = match (self.detail, self.selected_row()) {
            (false, _) => None,
            (true, Some(row)) if GroupId::of(row).is_some() => None,
            (true, _) => self.list.selected().cloned(),
        };
        if wanted != self.looked_at {
            self.looked_at.clone_from(&wanted);
            self.closeup = Closeup::Nothing;
            effects.controls.push(Control::LookAt(wanted));
        }
    }
}
