//! The schema `mctop.snapshot/1`: names and meanings are a contract; fields may be added, none renamed.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;

use super::escape;
use super::outcome::{EstimateFigures, OutcomeFigures};
use super::recent::{Recent, RecentOfKey};
use crate::model::cost::Cost;
use crate::model::counts::Counts;
use crate::model::filter::Filter;
use crate::model::hints::{Hint, Hints};
use crate::model::key::Key;
use crate::model::ranking::{Order, View, order};
use crate::model::schema::SNAPSHOT;
use crate::model::snapshot::{Gap, Level, Loss, Origin, Row, Snapshot, TargetInfo, Ttl, per_second, share};
use crate::model::span::Span;
use crate::text::hint;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    keys: Vec<KeyFigures<'a>>,
}

/// What is known of all keys together.
#[derive(Serialize)]
pub(super) struct Head<'a> {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    grouping: Option<GroupingFigures<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redaction: Option<&'a str>,
    keys_tracked: u64,
    /// Those in the rows that the filter shows.
    keys_matching: u64,
    /// Those in the rows of the document.
    keys_shown: u64,
    targets: Vec<TargetFigures<'a>>,
    gaps: Vec<GapFigures>,
    notes: &'a [String],
    totals: Figures,
    /// What the rates on the screen are over; absent where they are since the start, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<Recent>,
    /// What became of items; absent where that is not watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<OutcomeFigures>,
    /// Absent where everything was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<EstimateFigures>,
    loss: Loss,
    /// Under keys that a capture left out: `totals = Σ keys + others + untracked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<Figures>,
    /// What the probes took since the start; absent where that was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostFigures>,
    /// What to look at, of the most impact first; absent when not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    hints: Option<Vec<HintFigures<'a>>>,
}

#[derive(Serialize)]
struct HintFigures<'a> {
    kind: &'static str,
    /// The key or family; absent where it is about keys that have nothing in common.
    #[serde(flatten)]
    key: Option<KeyText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<u64>,
    /// Share of all calls or bytes, whichever is more.
    impact: f64,
    over_s: f64,
    evidence: String,
}

impl<'a> HintFigures<'a> {
    fn new(hint: &'a Hint) -> Self {
        let subject = hint.subject.as_ref();
        Self {
            kind: hint.kind().name(),
            key: subject.map(|subject| KeyText::new(&subject.key)),
            target: subject.map(|subject| subject.target),
            keys: subject.map(|subject| subject.keys),
            impact: hint.impact(),
            over_s: hint.over.as_secs_f64(),
            evidence: hint::evidence(hint),
        }
    }
}

/// An estimate of what the probes took of the servers' time.
#[derive(Serialize)]
struct CostFigures {
    hits: u64,
    /// Null without hits.
    ns_per_hit: Option<f64>,
    /// 0 to 1; null when the servers took no time.
    share_of_server_cpu: Option<f64>,
}

impl From<&Cost> for CostFigures {
    fn from(cost: &Cost) -> Self {
        Self { hits: cost.hits, ns_per_hit: cost.per_hit(), share_of_server_cpu: cost.share() }
    }
}

/// That the rows are groups of keys, or the keys of one group, and how many.
#[derive(Serialize)]
struct GroupingFigures<'a> {
    by: &'a str,
    /// The group whose keys the rows are.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<KeyText<'a>>,
    rows: usize,
    rows_matching: usize,
    rows_shown: usize,
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
    /// The process that is watched from then on; null while it lasts.
    new_pid: Option<u32>,
}

impl From<&Gap> for GapFigures {
    fn from(gap: &Gap) -> Self {
        let Gap { target, exited_pid, from, to, new_pid } = *gap;
        Self { target, exited_pid, from_s: from.as_secs_f64(), to_s: to.map(|to| to.as_secs_f64()), new_pid }
    }
}

/// Counts since the start, and the sums and rates made of them.
#[derive(Serialize)]
pub(crate) struct Figures {
    calls: u64,
    gets: u64,
    #[serde(flatten)]
    counts: Counts,
    bytes: u64,
    calls_per_s: f64,
    bytes_per_s: f64,
}

/// A key, and its operations since the start.
#[derive(Serialize)]
struct KeyText<'a> {
    /// UTF-8 text, or escaped where the bytes are not.
    key: Cow<'a, str>,
    /// The bytes, where they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
}

#[derive(Serialize)]
pub(super) struct KeyFigures<'a> {
    #[serde(flatten)]
    name: KeyText<'a>,
    target: u32,
    /// Where keys are grouped.
    #[serde(flatten)]
    group: Option<GroupFigures>,
    /// Of a group only where all its items have the same; likewise `ttl`.
    size: Option<u32>,
    /// Seconds; -1 for never, as in memcached's meta protocol.
    ttl: Option<i64>,
    #[serde(flatten)]
    figures: Figures,
    /// What became of its items, where that is watched.
    #[serde(flatten)]
    outcomes: OutcomeFigures,
    /// By how much the calls may be wrong, with 95 % certainty; absent where everything was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_uncertainty: Option<u64>,
    /// At most so many calls of the key before it was last forgotten are not among `calls`; left out where none can be.
    #[serde(skip_serializing_if = "is_zero")]
    calls_error: u64,
    /// The same of its bytes.
    #[serde(skip_serializing_if = "is_zero")]
    bytes_error: u64,
    share_calls: f64,
    share_bytes: f64,
    /// As in the head.
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<RecentOfKey>,
}

/// What a row says in addition where keys are grouped. The ranges are those of the items last seen.
#[derive(Serialize)]
struct GroupFigures {
    /// Whether it is a group and not a key.
    group: bool,
    keys: u64,
    size_min: Option<u32>,
    size_max: Option<u32>,
    ttl_min: Option<i64>,
    ttl_max: Option<i64>,
}

impl GroupFigures {
    fn new(row: &Row) -> Self {
        let (sizes, ttls) = (row.sizes(), row.ttls());
        Self {
            group: row.is_group(),
            keys: row.keys,
            size_min: sizes.map(|(least, _)| least),
            size_max: sizes.map(|(_, most)| most),
            ttl_min: ttls.and_then(|(least, _)| ttl(least)),
            ttl_max: ttls.and_then(|(_, most)| ttl(most)),
        }
    }
}

impl Figures {
    fn new(snapshot: &Snapshot, counts: &Counts) -> Self {
        Self::over(snapshot.duration, counts)
    }

    /// Of a span of time.
    pub(super) fn over(span: Duration, counts: &Counts) -> Self {
        Self {
            calls: counts.calls(),
            gets: counts.gets(),
            counts: *counts,
            bytes: counts.bytes(),
            calls_per_s: per_second(counts.calls(), span),
            bytes_per_s: per_second(counts.bytes(), span),
        }
    }
}

impl<'a> KeyText<'a> {
    fn new(key: &'a Key) -> Self {
        match key.as_str() {
            Some(text) => Self { key: Cow::Borrowed(text), key_b64: None },
            None => Self { key: Cow::Owned(key.escaped()), key_b64: Some(STANDARD.encode(key.bytes())) },
        }
    }
}

impl<'a> KeyFigures<'a> {
    pub(super) fn new(snapshot: &Snapshot, span: Span, row: &'a Row) -> Self {
        let grouped = matches!(snapshot.level, Level::Groups { .. });
        Self {
            name: KeyText::new(&row.key),
            target: row.target,
            group: grouped.then(|| GroupFigures::new(row)),
            size: row.size,
            ttl: ttl(row.ttl),
            figures: Figures::new(snapshot, &row.total),
            outcomes: OutcomeFigures::new(snapshot, Some(row.target), &row.outcomes),
            calls_uncertainty: snapshot
                .estimate
                .has_extrapolation()
                .then(|| snapshot.estimate.uncertainty(row.total.calls())),
            calls_error: row.calls_error,
            bytes_error: row.bytes_error,
            share_calls: share(row.total.calls(), snapshot.total.calls()),
            share_bytes: share(row.total.bytes(), snapshot.total.bytes()),
            recent: RecentOfKey::new(snapshot, span, row),
        }
    }
}

/// A lifetime in machine formats: seconds; -1 for never, as in memcached's meta protocol.
pub(super) fn ttl(ttl: Ttl) -> Option<i64> {
    match ttl {
        Ttl::Unknown => None,
        Ttl::Seconds(seconds) => Some(seconds.into()),
        Ttl::Never => Some(-1),
    }
}

impl<'a> Head<'a> {
    pub(super) fn new(
        schema: &'static str,
        snapshot: &'a Snapshot,
        view: &'a View,
        hints: &'a Hints,
        order: &Order,
    ) -> Self {
        let (origin, file) = match &snapshot.origin {
            Origin::Live => ("live", None),
            Origin::Recorded { file } => ("recorded", Some(file.as_str())),
        };
        let shown = order.indices.iter().filter_map(|index| snapshot.rows.get(*index));
        let grouping = |by, opened| GroupingFigures {
            by,
            opened,
            rows: snapshot.rows.len(),
            rows_matching: order.matching,
            rows_shown: order.indices.len(),
        };
        Self {
            schema,
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
            grouping: match &snapshot.level {
                Level::Keys => None,
                Level::Groups { by } => Some(grouping(by.as_str(), None)),
                Level::Members { by, of } => Some(grouping(by.as_str(), Some(KeyText::new(&of.name)))),
            },
            redaction: snapshot.redaction.as_deref(),
            keys_tracked: snapshot.keys(),
            keys_matching: order.matching_keys,
            keys_shown: shown.map(|row| row.keys).sum(),
            targets: snapshot
                .targets
                .iter()
                .zip(&snapshot.target_totals)
                .map(|(info, total)| TargetFigures { info, totals: Figures::new(snapshot, total) })
                .collect(),
            gaps: snapshot.gaps.iter().map(GapFigures::from).collect(),
            notes: &snapshot.notes,
            totals: Figures::new(snapshot, &snapshot.total),
            recent: Recent::new(snapshot, view.span),
            outcomes: OutcomeFigures::known(snapshot),
            estimate: EstimateFigures::new(snapshot),
            loss: snapshot.loss,
            others: (snapshot.others.calls() > 0).then(|| Figures::new(snapshot, &snapshot.others)),
            cost: snapshot.cost_total.as_ref().map(CostFigures::from),
            hints: (!view.hints.is_empty()).then(|| hints.hints.iter().map(HintFigures::new).collect()),
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Writes the document. Rates and shares are over [`Snapshot::duration`]; where the view's are not, its are in `recent` besides.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write(snapshot: &Snapshot, view: &View, hints: &Hints, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    let rows = order.indices.iter().filter_map(|index| snapshot.rows.get(*index));
    let keys = rows.map(|row| KeyFigures::new(snapshot, view.span, row)).collect();
    write_visibly(&Document { head: Head::new(SNAPSHOT, snapshot, view, hints, &order), keys }, out)
}

/// Writes a document of any schema, in which whatever a terminal would not show is escaped.
///
/// # Errors
/// Those of `out`.
pub(crate) fn write_visibly(document: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    document.serialize(&mut Serializer::with_formatter(&mut *out, escape::pretty()))?;
    writeln!(out)
}
