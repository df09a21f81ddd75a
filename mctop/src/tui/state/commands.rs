//! What each command does to the state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{INTERVALS, Menu, Overlay, Prompt, Purpose, State};
use crate::model::column::Column;
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::snapshot::GroupId;
use crate::model::span::Span;
use crate::text::cell::columns;
use crate::tui::action::{Effects, Export};
use crate::tui::feed::Request;
use crate::tui::help_text;
use crate::tui::keymap::{Motion, TuiCommand};
use crate::tui::layout::{Parts, areas};

impl State {
    pub(super) fn command(&mut self, command: TuiCommand, now: Instant, effects: &mut Effects) {
        match command {
            TuiCommand::SortBy(column) => self.sort(column),
            TuiCommand::PreviousColumn => self.sort(self.neighbouring_column(-1)),
            TuiCommand::NextColumn => self.sort(self.neighbouring_column(1)),
            TuiCommand::SortMenu => {
                self.overlay = Some(Overlay::Sort(Menu::new(self.sortable_columns(), self.view.sort)));
            }
            TuiCommand::Reverse => {
                self.view.ascending = !self.view.ascending;
                self.stale = true;
            }
            TuiCommand::SwitchRates => self.switch_rates(),
            TuiCommand::Filter => {
                let text = self.view.filter.as_ref().map_or("", Filter::source);
                self.prompt = Some(Prompt::new(Purpose::Filter, text));
            }
            TuiCommand::Invert => self.invert(),
            TuiCommand::Group => self.next_grouping(),
            TuiCommand::AskForGrouping => self.ask_for_grouping(),
            TuiCommand::Hints => {
                self.hints = !self.hints;
                self.note = Some(if self.hints { "hints shown" } else { "hints hidden" }.to_owned());
                self.stale = true;
            }
            TuiCommand::Open => self.open(),
            TuiCommand::Move(motion) => match &mut self.overlay {
                Some(Overlay::Help(_)) => self.scroll_help(motion),
                Some(Overlay::Sort(menu)) => menu.move_cursor(motion),
                None => self.list.move_cursor(motion, self.page()),
            },
            TuiCommand::Pause if self.paused.take().is_some() => self.stale = true,
            TuiCommand::Pause => self.paused = Some(now),
            TuiCommand::Faster => {
                effects
                    .requests
                    .extend(self.change_interval(INTERVALS.iter().rev().find(|step| **step < self.interval)));
            }
            TuiCommand::Slower => {
                effects.requests.extend(self.change_interval(INTERVALS.iter().find(|step| **step > self.interval)))
            }
            TuiCommand::Playback(play) => effects.requests.push(Request::Playback(play)),
            TuiCommand::NextDetailPage => self.part = self.panel().1,
            TuiCommand::Reset => {
                self.reset = true;
                effects.requests.push(Request::Reset);
            }
            TuiCommand::Write => match self.list.ranking() {
                Some(ranking) => {
                    let (whole, snapshot) = (Arc::clone(&ranking.prepared.whole), Arc::clone(ranking.snapshot()));
                    effects.write = Some(Export { whole, snapshot, view: ranking.view.clone() });
                }
                None => self.note = Some("nothing to write yet: no interval has been shown".to_owned()),
            },
            TuiCommand::Copy => match self.list.selected() {
                Some((key, _)) => {
                    let (text, how) = clipboard_text(key);
                    effects.copy = Some(text);
                    self.note = Some(format!("sent the key{how} to the terminal's clipboard"));
                }
                None => self.note = Some("no key is selected: select one with Up or Down, then copy it".to_owned()),
            },
            TuiCommand::Help => {
                self.overlay = if self.overlay.is_none() { Some(Overlay::Help(0)) } else { None };
            }
            TuiCommand::Back => self.back(),
            TuiCommand::Redraw => effects.clear = true,
            TuiCommand::Suspend => effects.suspend = true,
            TuiCommand::Quit => effects.quit = true,
        }
    }

    fn open(&mut self) {
        match self.overlay.take() {
            Some(Overlay::Sort(menu)) => menu.chosen().into_iter().for_each(|column| self.sort(column)),
            other => {
                self.overlay = other;
                if self.list.selected().is_none() {
                    self.list.select(self.list.top);
                }
                match self.selected_row().map(GroupId::of) {
                    Some(Some(group)) => self.enter_group(group),
                    row => self.detail = row.is_some(),
                }
            }
        }
    }

    fn back(&mut self) {
        if self.overlay.take().is_some() {
            return;
        }
        if self.detail {
            (self.detail, self.part) = (false, 0);
            self.stale = true;
        } else if self.view.opened.is_some() && self.view.filter.is_none() {
            self.leave_group();
        } else if self.list.selected().is_some() || self.list.top > 0 {
            self.list.clear_selection();
            self.stale = true;
        } else if self.view.filter.take().is_some() {
            self.stale = true;
        } else if self.view.grouping.is_some() {
            self.group(None);
        }
    }

    pub(super) fn scroll_help(&mut self, motion: Motion) {
        let page = areas(self.size, Parts::default()).map_or(1, |areas| usize::from(areas.body.height));
        let lines = help_text::lines(self.header_snapshot(), self.mode(), self.size.width.into(), &self.glyphs).len();
        if let Some(Overlay::Help(line)) = &mut self.overlay {
            *line = motion.apply(*line, page, lines.saturating_sub(page));
        }
    }

    fn change_interval(&mut self, step: Option<&Duration>) -> Option<Request> {
        self.interval = *step?;
        Some(Request::Interval(self.interval))
    }

    /// Sorts by a column. A new column starts with its largest values first.
    pub(super) fn sort(&mut self, column: Column) {
        if self.view.sort != column {
            (self.view.sort, self.view.ascending) = (column, false);
            self.stale = true;
        }
    }

    /// Switches to the other span, for the rates shown and for those that rows are sorted and filtered by.
    fn switch_rates(&mut self) {
        self.view.span = self.view.span.other();
        self.stale = true;
        let filtered = self.view.filter.as_ref().is_some_and(Filter::is_over_span);
        let what = if filtered { "rates, including the filter's, are" } else { "rates are" };
        self.note = Some(match self.view.span {
            Span::Window => format!("{what} over the last minute; W switches to the last interval"),
            Span::Last | Span::Total => format!("{what} over the last interval; W switches to the last minute"),
        });
    }

    fn sortable_columns(&self) -> Vec<Column> {
        let Some(snapshot) = self.header_snapshot() else { return Vec::new() };
        columns(snapshot).map(|declaration| declaration.column).collect()
    }

    fn neighbouring_column(&self, step: isize) -> Column {
        let all = self.sortable_columns();
        let position = all.iter().position(|column| *column == self.view.sort);
        let next = position.map_or(Some(0), |position| position.checked_add_signed(step));
        next.and_then(|next| all.get(next)).copied().unwrap_or(self.view.sort)
    }
}

/// A key as text for the clipboard. Control characters are escaped, so that pasting the key is safe.
fn clipboard_text(key: &Key) -> (String, &'static str) {
    let escaped = key.escaped();
    match key.as_str() {
        Some(text) if escaped.replace("\\\\", "\\") == text => (text.to_owned(), ""),
        _ => (escaped, " (escaped)"),
    }
}
