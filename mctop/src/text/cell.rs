//! The text of every cell of the table, for the screen and for reports.

use super::fit::shown_key;
use super::glyphs::Glyphs;
use super::{format, spread};
use crate::model::column::{COLUMNS, Column, ColumnDeclaration};
use crate::model::snapshot::{Level, Row, Snapshot, per_second, share};
use crate::model::span::Span;

/// Behind a total of which a part may be missing: so many and perhaps more.
const AT_LEAST: &str = "+";

/// Writes the cells of a snapshot's rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells<'a> {
    /// What the rows belong to.
    pub snapshot: &'a Snapshot,
    /// Span of the rates and shares.
    pub span: Span,
    /// Symbols.
    pub glyphs: &'a Glyphs,
}

impl Cells<'_> {
    /// A row's text in a column. Figures too long for `room` cells get an SI prefix; the key is not shortened.
    #[must_use]
    pub(crate) fn text(&self, row: &Row, column: Column, room: Option<usize>) -> String {
        let (total, span) = (&row.total, self.span.of(row));
        let (whole, length) = (self.span.whole(self.snapshot), self.span.length(self.snapshot));
        let count = |value| format::count_within(value, room);
        // Of a key that was forgotten once, there were at least as many.
        let least = |text: String, error| if error > 0 { text + AT_LEAST } else { text };
        let shorter = |error| if error > 0 { room.map(|room| room.saturating_sub(AT_LEAST.len())) } else { room };
        let unknown = || self.glyphs.unknown.to_owned();
        match column {
            Column::Key => shown_key(&row.key, self.glyphs),
            Column::Target => {
                self.snapshot.targets.get(row.target as usize).map_or_else(unknown, |target| target.pid.to_string())
            }
            Column::Keys => count(row.keys),
            Column::Calls => least(format::count_within(total.calls(), shorter(row.calls_error)), row.calls_error),
            Column::Rate => format::rate(per_second(span.calls(), length), room),
            Column::ShareCalls => format::percent(share(span.calls(), whole.calls())),
            Column::Gets => count(total.gets()),
            Column::Hits => count(total.hits),
            Column::Misses => count(total.misses),
            Column::HitRatio => total.hit_ratio().map_or_else(unknown, format::percent),
            Column::Sets => count(total.sets),
            Column::Deletes => count(total.deletes),
            Column::Other => count(total.other),
            Column::Size => row.sizes().map_or_else(unknown, |sizes| spread::sizes(sizes, room, self.glyphs)),
            Column::Ttl => row.ttls().map_or_else(unknown, |ttls| spread::ttls(ttls, room, self.glyphs)),
            Column::Bytes => least(format::bytes(total.bytes() as f64), row.bytes_error),
            Column::Bandwidth => format::bytes(per_second(span.bytes(), length)),
            Column::ShareBytes => format::percent(share(span.bytes(), whole.bytes())),
        }
    }
}

/// The columns that make sense for a snapshot: the server's only where there are several, the number of keys only where they
/// are grouped.
pub(crate) fn columns(snapshot: &Snapshot) -> impl Iterator<Item = &'static ColumnDeclaration> {
    let several = snapshot.targets.len() > 1;
    let grouped = matches!(snapshot.level, Level::Groups { .. });
    COLUMNS.iter().filter(move |declaration| match declaration.column {
        Column::Target => several,
        Column::Keys => grouped,
        _ => true,
    })
}
