//! Which columns the table has, and where they are: for drawing, and for the mouse.

use crate::model::column::Column;
use crate::model::snapshot::Snapshot;
use crate::report::cell;
use crate::report::fit::{Layout, Slot, Wish};

/// Cells between columns.
pub const GAP: usize = 1;
/// Columns are dropped until keys of up to this width are shown in full. Less than in reports: on 80 columns rate, trend,
/// hit ratio, size, lifetime and bandwidth must be seen, and the details show the key in full.
const WANTED_KEY_WIDTH: usize = 32;

/// What decides on the columns.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The columns wanted, in this order.
    pub wanted: &'a [Column],
    /// The column sorted by, which is always shown.
    pub sort: Column,
    /// Rows that can be scrolled to.
    pub rows: usize,
    /// Width of the widest key, cells.
    pub key_width: usize,
}

/// The columns of a table as wide as the terminal. They drop by their declared order; the key is always shown, and in the
/// place it was wanted in, or first.
#[must_use]
pub fn layout(choice: Choice<'_>, snapshot: &Snapshot, width: usize) -> Layout {
    let known: Vec<Column> = cell::columns(snapshot).map(|declaration| declaration.column).collect();
    let mut columns: Vec<Column> = choice.wanted.iter().copied().filter(|column| known.contains(column)).collect();
    if !columns.contains(&choice.sort) {
        columns.push(choice.sort);
    }
    let slots: Vec<Slot> = columns
        .iter()
        .filter(|column| **column != Column::Key)
        .map(|column| Slot { column: *column, width: column.declaration().width.into() })
        .collect();
    let key = choice.key_width.min(WANTED_KEY_WIDTH);
    let rank = choice.rows.to_string().len();
    let mut layout = Layout::fit(Wish { slots: &slots, rank, key, keep: choice.sort, gap: GAP }, width);
    let place = columns.iter().position(|column| *column == Column::Key).unwrap_or(0);
    layout.slots.sort_by_key(|slot| match columns.iter().position(|column| *column == slot.column) {
        Some(position) if slot.column != Column::Key => 2 * position + 1,
        _ => 2 * place,
    });
    layout
}

/// The column at a cell of a line; none on the rank.
#[must_use]
pub fn column_at(layout: &Layout, x: usize) -> Option<Column> {
    let mut left = layout.rank.map_or(0, |rank| rank + GAP);
    layout.slots.iter().find_map(|slot| {
        let inside = (left..left + slot.width + GAP).contains(&x);
        left += slot.width + GAP;
        inside.then_some(slot.column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn names(wanted: &[Column], width: usize) -> Vec<&'static str> {
        let choice = Choice { wanted, sort: Column::Rate, rows: 10, key_width: 40 };
        let layout = layout(choice, &sample::flash_sale(), width);
        layout.slots.iter().map(|slot| slot.column.declaration().name).collect()
    }

    #[test]
    fn columns_are_those_wanted_in_their_order() {
        assert_eq!(names(&[Column::Ttl, Column::Rate], 80), ["key", "ttl", "rate"]);
        assert_eq!(names(&[Column::Bandwidth, Column::Key, Column::Gets], 80), ["bandwidth", "key", "gets", "rate"]);
        assert_eq!(names(&[Column::Gets, Column::Hits, Column::Misses, Column::Key], 60), ["misses", "key", "rate"]);
    }

    #[test]
    fn a_cell_belongs_to_a_column() {
        let choice = Choice { wanted: &[Column::Rate], sort: Column::Rate, rows: 10, key_width: 40 };
        let layout = layout(choice, &sample::flash_sale(), 60);
        assert_eq!(layout.rank, Some(2));
        let columns: Vec<_> = [0, 2, 3, 51, 52, 59, 61].map(|x| column_at(&layout, x)).into();
        let (key, rate) = (Some(Column::Key), Some(Column::Rate));
        assert_eq!(columns, [None, None, key, key, rate, rate, None]);
    }
}
