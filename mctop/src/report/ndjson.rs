//! One JSON object per line: a first line about all keys together, then a line per key.
//!
//! The first line has everything of a document of [`super::json`] except its keys. The line of a key has the members of that
//! document's keys. Because log shippers mix and reorder lines, it also has host, start and pid, so that it can be used on its
//! own; `host` and `started_at` identify its first line.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::json::{Head, KeyFigures};
use crate::model::hints::Hints;
use crate::model::ranking::{View, order};
use crate::model::schema::SNAPSHOT_LINES;
use crate::model::snapshot::Snapshot;
use crate::text::json::write_line;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum NdjsonLine<'a> {
    /// The first.
    Snapshot(Box<Head<'a>>),
    /// All others.
    Key(Box<KeyLine<'a>>),
}

#[derive(Serialize)]
struct KeyLine<'a> {
    host: &'a str,
    started_at: Timestamp,
    /// Pid of the key's server.
    pid: Option<u32>,
    #[serde(flatten)]
    figures: KeyFigures<'a>,
}

/// Writes the lines. Rates and shares are over [`Snapshot::duration`]; those over another span of the view are in `recent`.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(snapshot: &Snapshot, view: &View, hints: &Hints, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    write_line(&NdjsonLine::Snapshot(Box::new(Head::new(SNAPSHOT_LINES, snapshot, view, hints, &order))), out)?;
    for row in order.rows(snapshot) {
        let line = KeyLine {
            host: &snapshot.host,
            started_at: snapshot.started_at,
            pid: snapshot.targets.get(row.target as usize).map(|target| target.pid),
            figures: KeyFigures::new(snapshot, view.span, row),
        };
        write_line(&NdjsonLine::Key(Box::new(line)), out)?;
    }
    Ok(())
}
