//! The text of table cells, on the screen and in reports.

use super::fit::shown_key;
use super::glyphs::Glyphs;
use super::{format, range};
use crate::model::column::{COLUMNS, Column, ColumnDeclaration};
use crate::model::snapshot::{Level, Row, Snapshot, per_second, share};
use crate::model::span::Span;

/// Marks a total that is a lower bound.
const AT_LEAST: &str = "+";

/// Formats the cells of a snapshot's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    /// The snapshot that the rows belong to.
    pub snapshot: &'a Snapshot,
    /// The span of rates and shares.
    pub span: Span,
    /// Symbols.
    pub glyphs: &'a Glyphs,
}

impl Cells<'_> {
    /// The text of a row in a column. Figures longer than `room` cells get an SI prefix; the key is not shortened.
    pub(crate) fn text(&self, row: &Row, column: Column, room: Option<usize>) -> String {
        let (total, span) = (&row.total, self.span.of(row));
        let (whole, length) = (self.span.whole(self.snapshot), self.span.length(self.snapshot));
        let count = |value| format::count_within(value, room);
        // The totals of a key that was forgotten in between are lower bounds.
        let at_least = |text: String, error| if error > 0 { text + AT_LEAST } else { text };
        let shorter = |error| if error > 0 { room.map(|room| room.saturating_sub(AT_LEAST.len())) } else { room };
        let unknown = || self.glyphs.unknown.to_owned();
        match column {
            Column::Key => shown_key(&row.key, self.glyphs),
            Column::Target => {
                self.snapshot.targets.get(row.target as usize).map_or_else(unknown, |target| target.pid.to_string())
            }
            Column::Keys => count(row.keys),
            Column::Calls => at_least(format::count_within(total.calls(), shorter(row.calls_error)), row.calls_error),
            Column::Rate => format::rate(per_second(span.calls(), length), room),
            Column::ShareCalls => format::percent(share(span.calls(), whole.calls())),
            Column::Gets => count(total.gets()),
            Column::Hits => count(total.hits),
            Column::Misses => count(total.misses),
            Column::HitRatio => total.hit_ratio().map_or_else(unknown, format::percent),
            Column::Sets => count(total.sets),
            Column::Deletes => count(total.deletes),
            Column::Other => count(total.other),
            Column::Size => row.sizes().map_or_else(unknown, |sizes| range::sizes(sizes, room, self.glyphs)),
            Column::Ttl => row.ttls().map_or_else(unknown, |ttls| range::ttls(ttls, room, self.glyphs)),
            Column::Bytes => at_least(format::bytes(total.bytes() as f64), row.bytes_error),
            Column::Bandwidth => format::bytes(per_second(span.bytes(), length)),
            Column::ShareBytes => format::percent(share(span.bytes(), whole.bytes())),
        }
    }
}

/// The columns that make sense for a snapshot: the server only if there are several, the number of keys only if keys are grouped.
pub(crate) fn columns(snapshot: &Snapshot) -> impl Iterator<Item = &'static ColumnDeclaration> {
    let several = snapshot.targets.len() > 1;
    let grouped = matches!(snapshot.level, Level::Groups { .. });
    COLUMNS.iter().filter(move |declaration| match declaration.column {
        Column::Target => several,
        Column::Keys => grouped,
        _ => true,
    })
}
