//! Declares every column of the table once: name for `--sort`, header, width, sort key and description.

use std::cmp::Ordering;

use super::counts::Counts;
use super::snapshot::{Row, Ttl};
use super::span::Span;
use crate::error::Failure;

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The key itself.
    Key,
    /// The server it belongs to.
    Target,
    /// How many keys a group has.
    Keys,
    /// Operations since the start.
    Calls,
    /// Operations a second over the view's [`Span`].
    Rate,
    /// Reads.
    Gets,
    /// Reads that hit.
    Hits,
    /// Reads that missed.
    Misses,
    /// Hits per read.
    HitRatio,
    /// Storage commands.
    Sets,
    /// Deletes.
    Deletes,
    /// Other operations.
    Other,
    /// Value size.
    Size,
    /// Time to live.
    Ttl,
    /// Value bytes since the start.
    Bytes,
    /// Value bytes a second over the view's [`Span`].
    Bandwidth,
    /// Share of all operations over the view's [`Span`].
    ShareCalls,
    /// Share of all value bytes over the view's [`Span`].
    ShareBytes,
}

/// The declaration of a column.
#[derive(Debug)]
pub struct ColumnDeclaration {
    /// The column.
    pub column: Column,
    /// Its name on the command line.
    pub name: &'static str,
    /// Its header.
    pub header: &'static str,
    /// The keyboard key that sorts by it in the live table.
    pub sort_key: Option<char>,
    /// Width in the live table, terminal cells; 0 for the rest of the line.
    pub width: u16,
    /// When the terminal is narrow, columns with the highest number are hidden first; 0 is never hidden.
    pub drop_order: u8,
    /// Its meaning and unit.
    pub meaning: &'static str,
}

const fn declare(
    column: Column,
    name: &'static str,
    header: &'static str,
    sort_key: Option<char>,
    width: u16,
    drop_order: u8,
    meaning: &'static str,
) -> ColumnDeclaration {
    ColumnDeclaration { column, name, header, sort_key, width, drop_order, meaning }
}

/// All columns, in the order in which they are shown.
pub const COLUMNS: &[ColumnDeclaration] = &[
    declare(Column::Key, "key", "KEY", None, 0, 0, "the key, with unprintable bytes escaped"),
    declare(
        Column::Target,
        "target",
        "PID",
        None,
        8,
        1,
        "process ID of the key's server, shown when several servers are watched",
    ),
    declare(
        Column::Keys,
        "keys",
        "KEYS",
        None,
        8,
        2,
        "number of keys in the group, shown when keys are grouped; 1 for a single key",
    ),
    declare(Column::Calls, "calls", "CALLS", Some('C'), 11, 4, "operations on the key since the start"),
    declare(
        Column::Rate,
        "rate",
        "CALLS/S",
        Some('R'),
        8,
        0,
        "operations per second: live over the last interval or, with W, the last minute; in a dump since the start",
    ),
    declare(
        Column::ShareCalls,
        "share",
        "CALLS%",
        None,
        7,
        6,
        "share of all operations, including untracked ones, over the same time as CALLS/S",
    ),
    declare(
        Column::Gets,
        "gets",
        "GETS",
        None,
        10,
        9,
        "reads: get gets gat gats mg; each key of a multi-get counts once",
    ),
    declare(Column::Hits, "hits", "HITS", None, 10, 10, "reads that found the key"),
    declare(
        Column::Misses,
        "misses",
        "MISSES",
        None,
        10,
        8,
        "reads that did not find the key, including expired and flushed items",
    ),
    declare(Column::HitRatio, "hit", "HIT%", None, 6, 3, "hit ratio: hits per read"),
    declare(Column::Sets, "sets", "SETS", None, 9, 5, "storage commands: set add replace append prepend cas ms"),
    declare(Column::Deletes, "deletes", "DELETES", None, 9, 7, "deletes: delete md"),
    declare(Column::Other, "other", "OTHER", None, 8, 11, "incr decr touch ma, and operations of unknown type"),
    declare(
        Column::Size,
        "size",
        "SIZE",
        Some('S'),
        9,
        1,
        "value bytes of the item last seen; for a group, of its largest item (≤)",
    ),
    declare(
        Column::Ttl,
        "ttl",
        "TTL",
        Some('L'),
        6,
        2,
        "time to live of the item last seen, ∞ if it never expires; for a group, the shortest (≥)",
    ),
    declare(
        Column::Bytes,
        "bytes",
        "BYTES",
        None,
        9,
        12,
        "value bytes sent for hits and received by storage commands since the start",
    ),
    declare(
        Column::Bandwidth,
        "bandwidth",
        "BYTES/S",
        Some('B'),
        8,
        0,
        "value bytes per second, sent for hits and received by storage commands, over the same time as CALLS/S",
    ),
    declare(
        Column::ShareBytes,
        "share-bytes",
        "BYTES%",
        None,
        7,
        6,
        "share of all value bytes, including untracked ones, over the same time as CALLS/S",
    ),
];

impl Column {
    /// Its declaration.
    #[must_use]
    pub fn declaration(self) -> &'static ColumnDeclaration {
        COLUMNS.iter().find(|declaration| declaration.column == self).unwrap_or(&COLUMNS[0])
    }

    /// Parses the name of a column, for `--sort`.
    ///
    /// # Errors
    /// If the name is unknown; the error lists the valid names.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        Self::by_name(name)
            .ok_or_else(|| Failure::usage(format!("unknown column {name:?}; valid columns: {}", Self::names())))
    }

    /// All names, separated by commas.
    pub(crate) fn names() -> String {
        COLUMNS.iter().map(|declaration| declaration.name).collect::<Vec<_>>().join(", ")
    }

    /// Whether it shows a rate or a share, which depend on the [`Span`] of the view.
    #[must_use]
    pub const fn is_over_span(self) -> bool {
        matches!(self, Self::Rate | Self::Bandwidth | Self::ShareCalls | Self::ShareBytes)
    }

    /// The column with this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        COLUMNS.iter().find(|declaration| declaration.name == name).map(|declaration| declaration.column)
    }
}

/// Compares rows by a column, smallest first. Ties are ordered by key descending, so that the usual descending order shows
/// equal rows, and rows sorted by [`Column::Key`], alphabetically.
pub(crate) fn compare(a: &Row, b: &Row, column: Column, span: Span) -> Ordering {
    let (ta, tb) = (&a.total, &b.total);
    let by_column = match column {
        Column::Key => Ordering::Equal,
        Column::Target => a.target.cmp(&b.target),
        Column::Keys => a.keys.cmp(&b.keys),
        Column::Calls => ta.calls().cmp(&tb.calls()),
        Column::Rate | Column::ShareCalls => span.compare(a, b, Counts::calls),
        Column::Gets => ta.gets().cmp(&tb.gets()),
        Column::Hits => ta.hits.cmp(&tb.hits),
        Column::Misses => ta.misses.cmp(&tb.misses),
        Column::HitRatio => compare_ratio(ta, tb),
        Column::Sets => ta.sets.cmp(&tb.sets),
        Column::Deletes => ta.deletes.cmp(&tb.deletes),
        Column::Other => ta.other.cmp(&tb.other),
        Column::Size => largest(a).cmp(&largest(b)),
        Column::Ttl => shortest(a).cmp(&shortest(b)),
        Column::Bytes => ta.bytes().cmp(&tb.bytes()),
        Column::Bandwidth | Column::ShareBytes => span.compare(a, b, Counts::bytes),
    };
    by_column.then_with(|| b.key.cmp(&a.key)).then_with(|| b.target.cmp(&a.target))
}

/// Orders keys without reads below all ratios, and equal ratios by the number of reads.
fn compare_ratio(a: &Counts, b: &Counts) -> Ordering {
    let ratio = |counts: &Counts| counts.hit_ratio().unwrap_or(-1.0);
    ratio(a).total_cmp(&ratio(b)).then(a.gets().cmp(&b.gets()))
}

/// The size that a row is sorted by: in a group, too large values matter.
fn largest(row: &Row) -> Option<u32> {
    row.sizes().map(|(_, largest)| largest)
}

/// The TTL that a row is sorted by: in a group, the item that expires first matters. Never expiring is the longest.
fn shortest(row: &Row) -> Ttl {
    row.ttls().map_or(Ttl::Unknown, |(shortest, _)| shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_has_room_for_the_sort_mark() {
        for declaration in COLUMNS.iter().filter(|declaration| declaration.width > 0) {
            assert!(declaration.header.len() < usize::from(declaration.width), "{}", declaration.name);
        }
    }

    #[test]
    fn names_find_their_columns_and_errors_list_them() {
        for declaration in COLUMNS {
            assert_eq!(Column::parse(declaration.name).unwrap(), declaration.column);
        }
        let error = Column::parse("speed\u{1b}").unwrap_err().to_string();
        assert!(error.contains("\"speed\\u{1b}\"") && error.contains("key, target, keys, calls, rate"), "{error}");
    }
}
