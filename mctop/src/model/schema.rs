//! Names and versions of the JSON schemas of snapshots. Readers of captures accept both, so they are below all formats.

/// One document: `docs/schema/mctop.snapshot-1.schema.json`.
pub(crate) const SNAPSHOT: &str = "mctop.snapshot/1";

/// A line of totals, then a line for each key: `docs/schema/mctop.snapshot-lines-1.schema.json`.
pub(crate) const SNAPSHOT_LINES: &str = "mctop.snapshot-lines/1";
