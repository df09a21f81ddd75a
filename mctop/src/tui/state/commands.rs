//! What each command does to the state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{INTERVALS, Menu, Overlay, Prompt, Purpose, State};
use crate::model::column::Column;
use crate::model::filter::Filter;
use crate::model::group::GroupId;
use crate::model::key::Key;
use crate::model::span::Span;
use crate::report::cell::columns;
use crate::tui::action::{Effects, Picture};
use crate::tui::feed::Control;
use crate::tui::keymap::{Command, Motion};
use crate::tui::layout::{Parts, areas};
use crate::tui::manual;

impl State {
    pub(super) fn command(&mut self, command: Command, now: Instant, effects: &mut Effects) {
        match command {
            Command::SortBy(column) => self.sort(column),
            Command::PreviousColumn => self.sort(self.neighbour(-1)),
            Command::NextColumn => self.sort(self.neighbour(1)),
            Command::SortMenu => {
                self.overlay = Some(Overlay::Sort(Menu::new(self.sortable(), self.view.sort)));
            }
            Command::Reverse => {
                self.view.ascending = !self.view.ascending;
                self.stale = true;
            }
            Command::Rates => self.switch_rates(),
            Command::Filter => {
                let text = self.view.filter.as_ref().map_or("", Filter::source);
                self.prompt = Some(Prompt::new(Purpose::Filter, text));
            }
            Command::Invert => self.invert(),
            Command::Group => self.next_grouping(),
            Command::AskForGrouping => self.ask_for_grouping(),
            Command::Hints => {
                self.hints = !self.hints;
                self.note = Some(if self.hints { "hints are shown" } else { "hints are hidden" }.to_owned());
                self.stale = true;
            }
            Command::Open => self.open(),
            Command::Move(motion) => match &mut self.overlay {
                Some(Overlay::Help(_)) => self.scroll_help(motion),
                Some(Overlay::Sort(menu)) => menu.go(motion),
                None => self.list.go(motion, self.page()),
            },
            Command::Pause if self.paused.take().is_some() => self.stale = true,
            Command::Pause => self.paused = Some(now),
            Command::Faster => {
                effects.controls.extend(self.pace(INTERVALS.iter().rev().find(|step| **step < self.interval)));
            }
            Command::Slower => effects.controls.extend(self.pace(INTERVALS.iter().find(|step| **step > self.interval))),
            Command::Play(play) => effects.controls.push(Control::Play(play)),
            Command::Closely => self.part = self.panel().1,
            Command::Reset => {
                self.reset = true;
                effects.controls.push(Control::Reset);
            }
            Command::Write => match self.list.ranking() {
                Some(ranking) => {
                    let (whole, snapshot) = (Arc::clone(&ranking.prepared.whole), Arc::clone(ranking.snapshot()));
                    effects.write = Some(Picture { whole, snapshot, view: ranking.view.clone() });
                }
                None => self.note = Some("there is nothing to write yet".to_owned()),
            },
            Command::Copy => match self.list.selected() {
                Some((key, _)) => {
                    let (text, how) = copied(key);
                    effects.copy = Some(text);
                    self.note = Some(format!("the terminal was asked to copy the key{how}"));
                }
                None => self.note = Some("no key is selected to be copied: Up and Down select one".to_owned()),
            },
            Command::Help => {
                self.overlay = if self.overlay.is_none() { Some(Overlay::Help(0)) } else { None };
            }
            Command::Back => self.back(),
            Command::Redraw => effects.clear = true,
            Command::Suspend => effects.suspend = true,
            Command::Quit => effects.quit = true,
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
            self.list.forget();
            self.stale = true;
        } else if self.view.filter.take().is_some() {
            self.stale = true;
        } else if self.view.grouping.is_some() {
            self.group(None);
        }
    }

    pub(super) fn scroll_help(&mut self, motion: Motion) {
        let page = areas(self.size, Parts::default()).map_or(1, |areas| usize::from(areas.body.height));
        let lines = manual::lines(self.headline(), self.mode(), self.size.width.into(), &self.glyphs).len();
        if let Some(Overlay::Help(line)) = &mut self.overlay {
            *line = motion.from(*line, page, lines.saturating_sub(page));
        }
    }

    fn pace(&mut self, step: Option<&Duration>) -> Option<Control> {
        self.interval = *step?;
        Some(Control::Interval(self.interval))
    }

    /// A different column starts with its largest first.
    pub(super) fn sort(&mut self, column: Column) {
        if self.view.sort != column {
            (self.view.sort, self.view.ascending) = (column, false);
            self.stale = true;
        }
    }

    /// Rates over the other span, and those by which rows are ranked and filtered.
    fn switch_rates(&mut self) {
        self.view.span = self.view.span.other();
        self.stale = true;
        let filtered = self.view.filter.as_ref().is_some_and(Filter::is_over_span);
        let what = if filtered { "rates, also the filter's, are" } else { "rates are" };
        self.note = Some(match self.view.span {
            Span::Window => format!("{what} over the last minute; W: over the last interval"),
            Span::Last | Span::Total => format!("{what} over the last interval; W: over the last minute"),
        });
    }

    fn sortable(&self) -> Vec<Column> {
        let Some(snapshot) = self.headline() else { return Vec::new() };
        columns(snapshot).map(|declaration| declaration.column).collect()
    }

    fn neighbour(&self, step: isize) -> Column {
        let all = self.sortable();
        let position = all.iter().position(|column| *column == self.view.sort);
        let next = position.map_or(Some(0), |position| position.checked_add_signed(step));
        next.and_then(|next| all.get(next)).copied().unwrap_or(self.view.sort)
    }
}

/// A key as text for the clipboard: whoever pastes it must not run into what is hidden in it.
fn copied(key: &Key) -> (String, &'static str) {
    let escaped = key.escaped();
    match key.as_str() {
        Some(text) if escaped.replace("\\\\", "\\") == text => (text.to_owned(), ""),
        _ => (escaped, ", escaped"),
    }
}
