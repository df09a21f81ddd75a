//! A list over the table from which one entry is chosen.

use crate::model::column::Column;
use crate::tui::keymap::Motion;

/// The columns to sort by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// The entries.
    pub columns: Vec<Column>,
    /// Index of the one that would be chosen.
    pub cursor: usize,
}

impl Menu {
    /// A menu in which the present choice is marked.
    #[must_use]
    pub fn new(columns: Vec<Column>, present: Column) -> Self {
        let cursor = columns.iter().position(|column| *column == present).unwrap_or(0);
        Self { columns, cursor }
    }

    /// Moves the mark.
    pub fn go(&mut self, motion: Motion) {
        self.cursor = motion.from(self.cursor, 10, self.columns.len().saturating_sub(1));
    }

    /// Index of the first entry that is shown where so many have room.
    #[must_use]
    pub const fn first(&self, room: usize) -> usize {
        (self.cursor + 1).saturating_sub(room)
    }

    /// The choice.
    #[must_use]
    pub fn chosen(&self) -> Option<Column> {
        self.columns.get(self.cursor).copied()
    }
}
