//! Snapshots as text for people and as JSON for programs. Pure: everything comes from the [`Snapshot`].

use std::io::{self, Write};

use crate::model::ranking::View;
use crate::model::snapshot::Snapshot;

pub mod cell;
mod escape;
pub mod fit;
pub mod format;
pub mod glyphs;
pub mod hint;
pub mod json;
pub mod spread;
pub mod summary;
pub mod table;

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

/// How a snapshot is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// One document of the schema `mctop.snapshot/1`.
    Json,
}

/// Writes the rows of a view of a snapshot, and what was measured. `width`: cells of the terminal that the table must fit
/// into; `None` writes every column and key in full.
///
/// # Errors
/// Those of `out`.
pub fn write(
    format: Format,
    snapshot: &Snapshot,
    view: &View,
    width: Option<usize>,
    out: &mut impl Write,
) -> io::Result<()> {
    let hints = || view.hints(snapshot);
    let rows = &*view.grouped(snapshot);
    match format {
        Format::Table => table::write(rows, view, &hints(), width, out),
        Format::Json => json::write(rows, view, &hints(), out),
    }
}
