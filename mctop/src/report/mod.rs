//! Snapshots as text for people and in formats for programs. It does no input and only writes what is in a [`Snapshot`].

use std::io::{self, Write};

use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::text::glyphs::Glyphs;

pub(crate) mod csv;
pub(crate) mod diff;
pub(crate) mod document;
mod figures;
pub(crate) mod incident;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod ndjson;
mod outcome;
mod recent;
pub(crate) mod table;

#[cfg(test)]
pub(crate) mod tests;

/// How a snapshot is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people; as wide as the terminal, or as needed in a file or pipe
    #[default]
    Table,
    /// One document for programs (schema mctop.snapshot/1)
    Json,
    /// A line of totals, then one line per key, for pipes and log collectors (schema mctop.snapshot-lines/1)
    Ndjson,
    /// One line per key, for spreadsheets and data frames; key_b64 has the exact bytes of keys that spreadsheets would misread
    Csv,
    /// A Markdown table for tickets and post-mortems
    Markdown,
}

/// How text for people looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width of the terminal in cells, which a table must fit; `None` writes every column and key in full.
    pub width: Option<usize>,
    /// Symbols.
    pub glyphs: Glyphs,
}

/// Writes what was measured and the rows of a view. `look` affects text for people only.
///
/// # Errors
/// If `out` cannot be written.
pub fn write(format: Format, snapshot: &Snapshot, view: &View, look: Look, out: &mut impl Write) -> io::Result<()> {
    let hints = || view.hints(snapshot);
    let rows = &*view.grouped(snapshot);
    match format {
        Format::Table => table::write(rows, view, &hints(), look, out),
        Format::Json => json::write(rows, view, &hints(), out),
        Format::Ndjson => ndjson::write(rows, view, &hints(), out),
        Format::Csv => csv::write(rows, view, out),
        Format::Markdown => markdown::write(rows, view, &look.glyphs, out),
    }
}
