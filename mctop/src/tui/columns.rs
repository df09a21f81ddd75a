//! The columns of the table and their positions, for drawing and for the mouse.

use crate::model::column::Column;
use crate::model::snapshot::Snapshot;
use crate::text::cell;
use crate::text::fit::{Layout, LayoutRequest, Slot};

/// Cells between columns.
pub(super) const GAP: usize = 1;
/// Columns are dropped until keys of up to this width are shown in full. This is less than in reports, because 80 columns must
/// have room for rate, trend, hit ratio, size, TTL and bandwidth, and the details show the key in full.
const WANTED_KEY_WIDTH: usize = 32;
/// The same for wide terminals.
const WANTED_KEY_WIDTH_WIDE: usize = 44;
/// Minimum width of the key column. Its header must have room for the span of the rates.
const MIN_KEY_COLUMN_WIDTH: usize = 22;
/// Width of the trend in cells.
const TREND_WIDTH: usize = 5;
/// Minimum width of terminals that show the trend.
pub(super) const TREND_MIN_WIDTH: usize = 70;
/// Width of the sparkline in cells of five seconds each.
pub(super) const SPARKLINE_WIDTH: usize = 12;
/// Minimum width of terminals that show the sparkline.
const SPARKLINE_MIN_WIDTH: usize = 110;

/// What determines the columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnChoice<'a> {
    /// The columns to show, in this order.
    pub wanted: &'a [Column],
    /// The sort column, which is always shown.
    pub sort: Column,
    /// Number of rows that can be scrolled to.
    pub rows: usize,
    /// Width of the widest key in cells.
    pub key_width: usize,
}

/// What a column of the table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellContent {
    /// The rank of the row.
    Rank,
    /// A figure, or the key.
    Column(Column),
    /// How much the rate has changed lately.
    Trend,
    /// The rate over the last minute as a sparkline.
    Sparkline,
}

/// A column and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlacedColumn {
    /// What the column shows.
    pub cell: CellContent,
    /// Its first cell on the line.
    pub x: usize,
    /// Its width in cells, without the gap to the next column.
    pub width: usize,
}

/// The columns that fit into `width` cells. Columns are dropped in their declared order. The key is always shown, where it is in
/// the wanted order or else first, followed by trend and sparkline.
pub(super) fn layout(choice: ColumnChoice<'_>, snapshot: &Snapshot, width: usize) -> Vec<PlacedColumn> {
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
    let behind_key: &[(CellContent, usize)] = match width {
        SPARKLINE_MIN_WIDTH.. => &[(CellContent::Trend, TREND_WIDTH), (CellContent::Sparkline, SPARKLINE_WIDTH)],
        TREND_MIN_WIDTH.. => &[(CellContent::Trend, TREND_WIDTH)],
        _ => &[],
    };
    let reserved: usize = behind_key.iter().map(|(_, width)| width + GAP).sum();
    let wanted = if width < SPARKLINE_MIN_WIDTH { WANTED_KEY_WIDTH } else { WANTED_KEY_WIDTH_WIDE };
    let key = choice.key_width.min(wanted);
    let rank = choice.rows.to_string().len();
    let wish = LayoutRequest { slots: &slots, rank, key, min_key_width: wanted, keep: choice.sort, gap: GAP };
    let mut layout = Layout::fit(wish, width.saturating_sub(reserved));
    // On a wide terminal, do not leave a wide gap after the keys.
    for slot in layout.slots.iter_mut().filter(|slot| slot.column == Column::Key) {
        slot.width = slot.width.min(choice.key_width.max(MIN_KEY_COLUMN_WIDTH));
    }
    let place = columns.iter().position(|column| *column == Column::Key).unwrap_or(0);
    layout.slots.sort_by_key(|slot| match columns.iter().position(|column| *column == slot.column) {
        Some(position) if slot.column != Column::Key => 2 * position + 1,
        _ => 2 * place,
    });
    let rank = layout.rank.map(|width| (CellContent::Rank, width));
    let cells = layout.slots.iter().flat_map(|slot| {
        let behind = if slot.column == Column::Key { behind_key } else { &[] };
        std::iter::once((CellContent::Column(slot.column), slot.width)).chain(behind.iter().copied())
    });
    let mut x = 0;
    let places = rank.into_iter().chain(cells).map(|(cell, width)| {
        let place = PlacedColumn { cell, x, width };
        x += width + GAP;
        place
    });
    places.collect()
}

/// The column at a cell of a line; `None` on rank, trend and sparkline.
pub(super) fn column_at(places: &[PlacedColumn], x: usize) -> Option<Column> {
    let place = places.iter().find(|place| (place.x..place.x + place.width + GAP).contains(&x))?;
    match place.cell {
        CellContent::Column(column) => Some(column),
        CellContent::Rank | CellContent::Trend | CellContent::Sparkline => None,
    }
}

/// The width of the key column.
pub(super) fn key_width(places: &[PlacedColumn]) -> usize {
    let key = places.iter().find(|place| place.cell == CellContent::Column(Column::Key));
    key.map_or(0, |place| place.width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample;

    fn names(wanted: &[Column], width: usize) -> Vec<&'static str> {
        let choice = ColumnChoice { wanted, sort: Column::Rate, rows: 10, key_width: 40 };
        let places = layout(choice, &sample::flash_sale(), width);
        let name = |place: &PlacedColumn| match place.cell {
            CellContent::Column(column) => column.declaration().name,
            CellContent::Rank => "#",
            CellContent::Trend => "trend",
            CellContent::Sparkline => "sparkline",
        };
        places.iter().map(name).collect()
    }

    #[test]
    fn columns_are_those_wanted_in_their_order() {
        assert_eq!(names(&[Column::Ttl, Column::Rate], 80), ["#", "key", "trend", "ttl", "rate"]);
        let wanted = [Column::Bandwidth, Column::Key, Column::Gets];
        assert_eq!(names(&wanted, 120), ["#", "bandwidth", "key", "trend", "sparkline", "gets", "rate"]);
        let wanted = [Column::Gets, Column::Hits, Column::Misses, Column::Key];
        assert_eq!(names(&wanted, 60), ["#", "misses", "key", "rate"]);
    }

    #[test]
    fn essential_columns_fit_into_80_cells() {
        let all = crate::config::Settings::default().columns;
        assert_eq!(names(&all, 80), ["key", "trend", "rate", "hit", "size", "ttl", "bandwidth"]);
    }

    #[test]
    fn a_cell_belongs_to_a_column() {
        let choice = ColumnChoice { wanted: &[Column::Rate], sort: Column::Rate, rows: 10, key_width: 40 };
        let places = layout(choice, &sample::flash_sale(), 60);
        let columns: Vec<_> = [0, 2, 3, 43, 44, 51, 53].map(|x| column_at(&places, x)).into();
        let (key, rate) = (Some(Column::Key), Some(Column::Rate));
        assert_eq!(columns, [None, None, key, key, rate, rate, None]);
        assert_eq!(key_width(&places), 40);
    }
}
