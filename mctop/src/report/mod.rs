//! Snapshots as text for people and in formats for programs. It does no input and only writes what is in a [`Snapshot`].

use std::io::{self, Write};

use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;
use crate::text::glyphs::Glyphs;

pub(crate) mod csv;
pub(crate) mod diff;
pub(crate) mod document;
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
    /// For people: fits the terminal; as wide as needed in a file or a pipe.
    #[default]
    Table,
    /// For programs: one document of the schema mctop.snapshot/1.
    Json,
    /// For pipes and log collectors: a line of totals, then a line per key (mctop.snapshot-lines/1).
    Ndjson,
    /// For spreadsheets and data frames: keys that they would misread are escaped, and exact in key_b64.
    Csv,
    /// For tickets and post-mortems: a table that GitHub, GitLab and other trackers render.
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
