//! The schema `mctop.snapshot/1`. Names and meanings are a contract: members may be added, but not renamed.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;

use super::figures::Figures;
use super::outcome::{EstimateFigures, OutcomeFigures};
use super::recent::{Recent, RecentOfKey};
use crate::model::cost::Cost;
use crate::model::filter::Filter;
use crate::model::hints::{Hint, Hints};
use crate::model::key::Key;
use crate::model::ranking::{Order, View, order};
use crate::model::schema::SNAPSHOT;
use crate::model::snapshot::{Gap, Level, Loss, Origin, Row, Snapshot, TargetInfo, Ttl, share};
use crate::model::span::Span;
use crate::text::hint;
use crate::text::json::write_document;

#[derive(Serialize)]
struct SnapshotDocument<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    keys: Vec<KeyFigures<'a>>,
}

/// Everything about all keys together.
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
    /// Keys in the rows that match the filter.
    keys_matching: u64,
    /// Keys in the rows of the document.
    keys_shown: u64,
    targets: Vec<TargetFigures<'a>>,
    gaps: Vec<GapFigures>,
    notes: &'a [String],
    totals: Figures,
    /// The span of the rates on the screen; absent if it is since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<Recent>,
    /// Outcomes of items; absent if they are not watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<OutcomeFigures>,
    /// Absent if every operation was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<EstimateFigures>,
    loss: Loss,
    /// Operations of keys that a capture left out: `totals = Σ keys + others + untracked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<Figures>,
    /// The cost of the probes since the start; absent if it was not measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostFigures>,
    /// Hints, those of the highest impact first; absent if they were not requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    hints: Option<Vec<HintFigures<'a>>>,
}

#[derive(Serialize)]
struct HintFigures<'a> {
    kind: &'static str,
    /// The key or family; absent if the keys have nothing in common.
    #[serde(flatten)]
    key: Option<KeyText<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<u64>,
    /// Share of all calls or of all bytes, whichever is larger.
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

/// The estimated cost of the probes.
#[derive(Serialize)]
struct CostFigures {
    hits: u64,
    /// Null if no probe was hit.
    ns_per_hit: Option<f64>,
    /// 0 to 1; null if the servers used no CPU time.
    share_of_server_cpu: Option<f64>,
}

impl From<&Cost> for CostFigures {
    fn from(cost: &Cost) -> Self {
        Self { hits: cost.hits, ns_per_hit: cost.per_hit(), share_of_server_cpu: cost.share() }
    }
}

/// How keys are grouped into rows.
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

/// A server, and its operations since the start.
#[derive(Serialize)]
struct TargetFigures<'a> {
    #[serde(flatten)]
    info: &'a TargetInfo,
    totals: Figures,
}

/// A time in which a server was not watched, in seconds since the start.
#[derive(Serialize)]
struct GapFigures {
    target: u32,
    /// Null for a server that appeared after the start.
    exited_pid: Option<u32>,
    from_s: f64,
    /// Null if it has not ended.
    to_s: Option<f64>,
    /// The process that is watched afterwards; null if the gap has not ended.
    new_pid: Option<u32>,
}

impl From<&Gap> for GapFigures {
    fn from(gap: &Gap) -> Self {
        let Gap { target, exited_pid, from, to, new_pid } = *gap;
        Self { target, exited_pid, from_s: from.as_secs_f64(), to_s: to.map(|to| to.as_secs_f64()), new_pid }
    }
}

/// The name of a key or group.
#[derive(Serialize)]
pub(super) struct KeyText<'a> {
    /// The key, escaped if it is not UTF-8.
    key: Cow<'a, str>,
    /// The bytes if they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
}

/// A key, and its operations since the start.
#[derive(Serialize)]
pub(super) struct KeyFigures<'a> {
    #[serde(flatten)]
    name: KeyText<'a>,
    target: u32,
    /// Absent if keys are not grouped.
    #[serde(flatten)]
    group: Option<GroupFigures>,
    /// Of a group only if all its items have the same; this also applies to `ttl`.
    size: Option<u32>,
    /// Seconds; -1 for never, as in memcached's meta protocol.
    ttl: Option<i64>,
    #[serde(flatten)]
    figures: Figures,
    /// Outcomes of its items.
    #[serde(flatten)]
    outcomes: OutcomeFigures,
    /// Uncertainty of `calls` at 95 % confidence; absent if every operation was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    calls_uncertainty: Option<u64>,
    /// Upper bound of the calls that are missing from `calls` because the key was forgotten in between; absent if 0.
    #[serde(skip_serializing_if = "is_zero")]
    calls_error: u64,
    /// The same for its bytes.
    #[serde(skip_serializing_if = "is_zero")]
    bytes_error: u64,
    share_calls: f64,
    share_bytes: f64,
    /// The operations in the span of [`Head::recent`].
    #[serde(skip_serializing_if = "Option::is_none")]
    recent: Option<RecentOfKey>,
}

/// Additional members of a row if keys are grouped.
#[derive(Serialize)]
struct GroupFigures {
    /// Whether it is a group and not a key.
    group: bool,
    #[serde(flatten)]
    members: MemberFigures,
}

/// The keys of a group, and the ranges of their items when last seen.
#[derive(Default, Serialize)]
pub(super) struct MemberFigures {
    /// 1 for a key.
    keys: u64,
    size_min: Option<u32>,
    size_max: Option<u32>,
    /// Seconds; -1 for never.
    ttl_min: Option<i64>,
    ttl_max: Option<i64>,
}

impl MemberFigures {
    /// The number of all keys, without ranges.
    pub(super) fn total(keys: u64) -> Self {
        Self { keys, ..Self::default() }
    }

    pub(super) fn new(row: &Row) -> Self {
        let (sizes, ttls) = (row.sizes(), row.ttls());
        Self {
            keys: row.keys,
            size_min: sizes.map(|(least, _)| least),
            size_max: sizes.map(|(_, most)| most),
            ttl_min: ttls.and_then(|(least, _)| ttl(least)),
            ttl_max: ttls.and_then(|(_, most)| ttl(most)),
        }
    }
}

impl<'a> KeyText<'a> {
    pub(super) fn new(key: &'a Key) -> Self {
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
            group: grouped.then(|| GroupFigures { group: row.is_group(), members: MemberFigures::new(row) }),
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

/// A TTL in machine formats: seconds; -1 for never, as in memcached's meta protocol.
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
            keys_shown: order.rows(snapshot).map(|row| row.keys).sum(),
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

/// Writes the document. Rates and shares are over [`Snapshot::duration`]; those over another span of the view are in `recent`.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(snapshot: &Snapshot, view: &View, hints: &Hints, out: &mut impl Write) -> io::Result<()> {
    let order = order(snapshot, view);
    let keys = order.rows(snapshot).map(|row| KeyFigures::new(snapshot, view.span, row)).collect();
    write_document(&SnapshotDocument { head: Head::new(SNAPSHOT, snapshot, view, hints, &order), keys }, out)
}
