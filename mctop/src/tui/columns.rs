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
/// The same where there is more room.
const WANTED_KEY_WIDTH_WIDE: usize = 44;
/// Shorter keys have a column as wide as this, so that its header has room for the time that rates are over.
const LEAST_KEY_WIDTH: usize = 22;
/// Width of the trend, cells.
const TREND: usize = 5;
/// The least width of terminals that show it.
pub const TREND_FROM: usize = 70;
/// Width of the course, five seconds to a cell, and of the terminals that show it.
pub const COURSE: usize = 12;
const COURSE_FROM: usize = 110;

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

/// What a cell of a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// The row's place in the order.
    Rank,
    /// A figure, or the key.
    Column(Column),
    /// How much the key has become more or less.
    Trend,
    /// Its rate over the last minute, as bars.
    Course,
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it shows.
    pub cell: Cell,
    /// Its first cell in a line.
    pub x: usize,
    /// Its width, without the gap to the next one.
    pub width: usize,
}

/// The columns of a table as wide as the terminal. They drop by their declared order; the key is always shown, and in the
/// place it was wanted in, or first. Trend and course stand behind it.
#[must_use]
pub fn layout(choice: Choice<'_>, snapshot: &Snapshot, width: usize) -> Vec<Place> {
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
    let behind_key: &[(Cell, usize)] = match width {
        COURSE_FROM.. => &[(Cell::Trend, TREND), (Cell::Course, COURSE)],
        TREND_FROM.. => &[(Cell::Trend, TREND)],
        _ => &[],
    };
    let reserved: usize = behind_key.iter().map(|(_, width)| width + GAP).sum();
    let wanted = if width < COURSE_FROM { WANTED_KEY_WIDTH } else { WANTED_KEY_WIDTH_WIDE };
    let key = choice.key_width.min(wanted);
    let rank = choice.rows.to_string().len();
    let wish = Wish { slots: &slots, rank, key, least_key: wanted, keep: choice.sort, gap: GAP };
    let mut layout = Layout::fit(wish, width.saturating_sub(reserved));
    // A wide terminal leaves no gulf behind the keys.
    for slot in layout.slots.iter_mut().filter(|slot| slot.column == Column::Key) {
        slot.width = slot.width.min(choice.key_width.max(LEAST_KEY_WIDTH));
    }
    let place = columns.iter().position(|column| *column == Column::Key).unwrap_or(0);
    layout.slots.sort_by_key(|slot| match columns.iter().position(|column| *column == slot.column) {
        Some(position) if slot.column != Column::Key => 2 * position + 1,
        _ => 2 * place,
    });
    let rank = layout.rank.map(|width| (Cell::Rank, width));
    let cells = layout.slots.iter().flat_map(|slot| {
        let behind = if slot.column == Column::Key { behind_key } else { &[] };
        std::iter::once((Cell::Column(slot.column), slot.width)).chain(behind.iter().copied())
    });
    let mut x = 0;
    let places = rank.into_iter().chain(cells).map(|(cell, width)| {
        let place = Place { cell, x, width };
        x += width + GAP;
        place
    });
    places.collect()
}

/// The column at a cell of a line; none on the rank and the trend.
#[must_use]
pub fn column_at(places: &[Place], x: usize) -> Option<Column> {
    let place = places.iter().find(|place| (place.x..place.x + place.width + GAP).contains(&x))?;
    match place.cell {
        Cell::Column(column) => Some(column),
        Cell::Rank | Cell::Trend | Cell::Course => None,
    }
}

/// The width of the key's column.
#[must_use]
pub fn key_width(places: &[Place]) -> usize {
    let key = places.iter().find(|place| place.cell == Cell::Column(Column::Key));
    key.map_or(0, |place| place.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn names(wanted: &[Column], width: usize) -> Vec<&'static str> {
        let choice = Choice { wanted, sort: Column::Rate, rows: 10, key_width: 40 };
        let places = layout(choice, &sample::flash_sale(), width);
        let name = |place: &Place| match place.cell {
            Cell::Column(column) => column.declaration().name,
            Cell::Rank => "#",
            Cell::Trend => "trend",
            Cell::Course => "course",
        };
        places.iter().map(name).collect()
    }

    #[test]
    fn columns_are_those_wanted_in_their_order() {
        assert_eq!(names(&[Column::Ttl, Column::Rate], 80), ["#", "key", "trend", "ttl", "rate"]);
        let wanted = [Column::Bandwidth, Column::Key, Column::Gets];
        assert_eq!(names(&wanted, 120), ["#", "bandwidth", "key", "trend", "course", "gets", "rate"]);
        let wanted = [Column::Gets, Column::Hits, Column::Misses, Column::Key];
        assert_eq!(names(&wanted, 60), ["#", "misses", "key", "rate"]);
    }

    #[test]
    fn what_on_call_needs_is_there_at_80_columns() {
        let all = crate::config::Settings::default().columns;
        assert_eq!(names(&all, 80), ["key", "trend", "rate", "hit", "size", "ttl", "bandwidth"]);
    }

    #[test]
    fn a_cell_belongs_to_a_column() {
        let choice = Choice { wanted: &[Column::Rate], sort: Column::Rate, rows: 10, key_width: 40 };
        let places = layout(choice, &sample::flash_sale(), 60);
        let columns: Vec<_> = [0, 2, 3, 43, 44, 51, 53].map(|x| column_at(&places, x)).into();
        let (key, rate) = (Some(Column::Key), Some(Column::Rate));
        assert_eq!(columns, [None, None, key, key, rate, rate, None]);
        assert_eq!(key_width(&places), 40);
    }
}
