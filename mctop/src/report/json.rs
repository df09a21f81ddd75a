//! The schema `mctop.snapshot/1`: names and meanings are a contract; fields may be added, none renamed.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;

use super::escape::Visible;
use crate::model::counts::Counts;
use crate::model::filter::Filter;
use crate::model::ranking::{Order, View, order};
use crate::model::snapshot::{Gap, Loss, Origin, Row, Snapshot, TargetInfo, Ttl, per_second, share};

/// Name and version of the schema.
pub const SCHEMA: &str = "mctop.snapshot/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    mctop: &'static str,
    host: &'a str,
    kernel: &'a str,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    started_at: Timestamp,
    duration_s: f64,
    interrupted: bool,
    sort: &'static str,
    ascending: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<&'a str>,
    keys_tracked: usize,
    /// Those that the filter shows.
    keys_matching: usize,
    keys_shown: usize,
    targets: Vec<TargetFigures<'a>>,
    gaps: Vec<GapFigures>,
    notes: &'a [String],
    totals: Figures,
    loss: Loss,
    keys: Vec<KeyFigures<'a>>,
}

/// A server, and its operations under keys since the start.
#[derive(Serialize)]
struct TargetFigures<'a> {
    #[serde(flatten)]
    info: &'a TargetInfo,
    totals: Figures,
}

/// A stretch in which a server was not watched; seconds since the start.
#[derive(Serialize)]
struct GapFigures {
    target: u32,
    /// Null for a server that appeared after the start.
    exited_pid: Option<u32>,
    from_s: f64,
    /// Null while it lasts.
    to_s: Option<f64>,
}

impl From<&Gap> for GapFigures {
    fn from(gap: &Gap) -> Self {
        let Gap { target, exited_pid, from, to } = *gap;
        Self { target, exited_pid, from_s: from.as_secs_f64(), to_s: to.map(|to| to.as_secs_f64()) }
    }
}

/// Counts since the start, and the sums and rates made of them.
#[derive(Serialize)]
struct Figures {
    calls: u64,
    gets: u64,
    #[serde(flatten)]
    counts: Counts,
    bytes: u64,
    calls_per_s: f64,
    bytes_per_s: f64,
}

#[derive(Serialize)]
struct KeyFigures<'a> {
    /// UTF-8 text, or escaped where the bytes are not.
    key: Cow<'a, str>,
    /// The bytes, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    target: u32,
    size: Option<u32>,
    /// Seconds; -1 for never, as in memcached's meta protocol.
    ttl: Option<i64>,
    #[serde(flatten)]
    figures: Figures,
    /// At most so many calls of the key before it was last forgotten are not among `calls`; left out where none can be.
    #[serde(skip_serializing_if = "is_zero")]
    calls_error: u64,
    /// The same of its bytes.
    #[serde(skip_serializing_if = "is_zero")]
    bytes_error: u64,
    share_calls: f64,
    share_bytes: f64,
}

impl Figures {
    fn new(snapshot: &Snapshot, counts: &Counts) -> Self {
        Self {
            calls: counts.calls(),
            gets: counts.gets(),
            counts: *counts,
            bytes: counts.bytes(),
            calls_per_s: per_second(counts.calls(), snapshot.duration),
            bytes_per_s: per_second(counts.bytes(), snapshot.duration),
        }
    }
}

impl<'a> KeyFigures<'a> {
    fn new(snapshot: &Snapshot, row: &'a Row) -> Self {
        let (key, key_b64) = match row.key.as_str() {
            Some(text) => (Cow::Borrowed(text), None),
            None => (Cow::Owned(row.key.escaped()), Some(STANDARD.encode(row.key.bytes()))),
        };
        Self {
            key,
            key_b64,
            target: row.target,
            size: row.size,
            ttl: match row.ttl {
                Ttl::Unknown => None,
                Ttl::Seconds(seconds) => Some(seconds.into()),
                Ttl::Never => Some(-1),
            },
            figures: Figures::new(snapshot, &row.total),
            calls_error: row.calls_error,
            bytes_error: row.bytes_error,
            share_calls: share(row.total.calls(), snapshot.total.calls()),
            share_bytes: share(row.total.bytes(), snapshot.total.bytes()),
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Writes the document. Rates and shares are over [`Snapshot::duration`], whatever the span of the view.
///
/// # Errors
/// Those of `out`.
pub fn write(snapshot: &Snapshot, view: &View, out: &mut impl Write) -> io::Result<()> {
    let Order { indices, matching } = order(snapshot, view);
    let (origin, file) = match &snapshot.origin {
        Origin::Live => ("live", None),
        Origin::Recorded { file } => ("recorded", Some(file.as_str())),
    };
    let document = Document {
        schema: SCHEMA,
        mctop: env!("CARGO_PKG_VERSION"),
        host: &snapshot.host,
        kernel: &snapshot.kernel,
        origin,
        file,
        started_at: snapshot.started_at,
        duration_s: snapshot.duration.as_secs_f64(),
        interrupted: snapshot.interrupted,
        sort: view.sort.declaration().name,
        ascending: view.ascending,
        filter: view.filter.as_ref().map(Filter::source),
        keys_tracked: snapshot.rows.len(),
        keys_matching: matching,
        keys_shown: indices.len(),
        targets: snapshot
            .targets
            .iter()
            .zip(&snapshot.target_totals)
            .map(|(info, total)| TargetFigures { info, totals: Figures::new(snapshot, total) })
            .collect(),
        gaps: snapshot.gaps.iter().map(GapFigures::from).collect(),
        notes: &snapshot.notes,
        totals: Figures::new(snapshot, &snapshot.total),
        loss: snapshot.loss,
        keys: indices.iter().map(|index| KeyFigures::new(snapshot, &snapshot.rows[*index])).collect(),
    };
    write_visibly(&document, out)
}

/// Writes a document of any schema, in which whatever a terminal would not show is escaped.
///
/// # Errors
/// Those of `out`.
pub fn write_visibly(document: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut *out, Visible::default()))?;
    writeln!(out)
}
