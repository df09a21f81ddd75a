//! The mouse: the wheel scrolls, a click on a header sorts, a click on a row selects it, and a click in a menu chooses.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::{Overlay, State};
use crate::tui::columns::{ColumnChoice, column_at, layout};
use crate::tui::keymap::Motion;

/// Rows to scroll per notch of the wheel.
const NOTCH: isize = 3;

impl State {
    pub(super) fn mouse(&mut self, event: MouseEvent) {
        match event.kind {
            MouseEventKind::ScrollUp => self.wheel(-NOTCH),
            MouseEventKind::ScrollDown => self.wheel(NOTCH),
            MouseEventKind::Down(MouseButton::Left) => self.click(event.column, event.row),
            _ => {}
        }
    }

    fn wheel(&mut self, rows: isize) {
        let motion = if rows < 0 { Motion::Up } else { Motion::Down };
        match &mut self.overlay {
            Some(Overlay::Help(_)) => (0..rows.abs()).for_each(|_| self.scroll_help(motion)),
            Some(Overlay::Sort(menu)) => menu.move_cursor(motion),
            None if self.detail => {}
            None => self.list.scroll(rows, self.page()),
        }
    }

    fn click(&mut self, x: u16, y: u16) {
        let (Some(areas), Some(ranking)) = (self.areas(), self.list.ranking()) else { return };
        if y < areas.body.top() || y >= areas.body.bottom() {
            return;
        }
        let line = usize::from(y - areas.body.top());
        if let Some(Overlay::Sort(menu)) = &self.overlay {
            // The first line of the menu is its title.
            let first = menu.first_visible(usize::from(areas.body.height).saturating_sub(1));
            let column = line.checked_sub(1).and_then(|entry| menu.columns.get(first + entry)).copied();
            if let Some(column) = column {
                self.overlay = None;
                self.sort(column);
            }
            return;
        }
        if self.overlay.is_some() || self.detail {
            return;
        }
        let Some(row) = line.checked_sub(1) else {
            let layout = layout(self.column_choice(), ranking.snapshot(), areas.body.width.into());
            match column_at(&layout, x.into()) {
                Some(column) if column == self.view.sort => {
                    self.view.ascending = !self.view.ascending;
                    self.stale = true;
                }
                Some(column) => self.sort(column),
                None => {}
            }
            return;
        };
        if self.list.top + row < self.list.len() {
            self.list.select(self.list.top + row);
        }
    }

    /// What determines the columns of the table.
    pub(crate) fn column_choice(&self) -> ColumnChoice<'_> {
        ColumnChoice {
            wanted: &self.columns,
            sort: self.list.ranking().map_or(self.view.sort, |ranking| ranking.view.sort),
            rows: self.list.len(),
            key_width: self.key_width,
        }
    }
}
