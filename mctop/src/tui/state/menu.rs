//! A menu from which the user chooses one entry.

use crate::model::column::Column;
use crate::tui::keymap::Motion;

/// The menu of columns to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Menu {
    /// The entries.
    pub columns: Vec<Column>,
    /// Index of the highlighted entry.
    pub cursor: usize,
}

impl Menu {
    /// A menu with the current column highlighted.
    pub(crate) fn new(columns: Vec<Column>, current: Column) -> Self {
        let cursor = columns.iter().position(|column| *column == current).unwrap_or(0);
        Self { columns, cursor }
    }

    /// Moves the highlight.
    pub(crate) fn move_cursor(&mut self, motion: Motion) {
        self.cursor = motion.apply(self.cursor, 10, self.columns.len().saturating_sub(1));
    }

    /// Index of the first entry shown when `room` entries fit.
    pub(crate) const fn first_visible(&self, room: usize) -> usize {
        (self.cursor + 1).saturating_sub(room)
    }

    /// The highlighted column.
    pub(crate) fn chosen(&self) -> Option<Column> {
        self.columns.get(self.cursor).copied()
    }
}
