//! One JSON object a line: first what is known of all keys together, then every key.
//!
//! The first line has everything of a document of [`super::json`] except its keys, so that nothing is said twice. A line of
//! a key has the names of that document's keys, and, since what ships lines to elsewhere mixes and reorders them, which
//! host, when, and which process: a line is of use on its own, and `host` and `started_at` lead to its first line.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;

use super::escape;
use super::json::{Head, KeyFigures};
use crate::model::hints::Hints;
use crate::model::ranking::{View, order};
use crate::model::schema::SNAPSHOT_LINES;
use crate::model::snapshot::Snapshot;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    /// The first.
    Snapshot(Box<Head<'a>>),
    /// The others.
    Key(Box<KeyLine<'a>>),
}

#[derive(Serialize)]
struct KeyLine<'a> {
    host: &'a str,
    started_at: Timestamp,
    /// Process id of the key's server.
    pid: Option<u32>,
    #[serde(flatten)]
    figures: KeyFigures<'a>,
}

/// Writes the lines. Rates and shares are over [`Snapshot::duration`]; where the view's are not, its are in `recent` besides.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write(snapshot: &Snapshot, view: &View, hints: &Hints, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    write_line(&Line::Snapshot(Box::new(Head::new(SNAPSHOT_LINES, snapshot, view, hints, &order))), out)?;
    for row in order.indices.iter().filter_map(|index| snapshot.rows.get(*index)) {
        let line = KeyLine {
            host: &snapshot.host,
            started_at: snapshot.started_at,
            pid: snapshot.targets.get(row.target as usize).map(|target| target.pid),
            figures: KeyFigures::new(snapshot, view.span, row),
        };
        write_line(&Line::Key(Box::new(line)), out)?;
    }
    Ok(())
}

fn write_line(line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
    line.serialize(&mut Serializer::with_formatter(&mut *out, escape::compact()))?;
    writeln!(out)
}
