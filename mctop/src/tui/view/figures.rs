//! The figures of one key, one per line. Each has several wordings for different widths, so that no number is ever cut.

use std::time::Duration;

use ratatui::style::Style;

use crate::model::column::Column;
use crate::model::counts::Counts;
use crate::model::history::Series;
use crate::model::probe_point::ProbeKind;
use crate::model::snapshot::{Row, Snapshot, per_second, share};
use crate::model::span::Span;
use crate::text::cell::Cells;
use crate::text::glyphs::Glyphs;
use crate::text::summary::{self, plural};
use crate::text::{format, range};
use crate::tui::theme::Theme;
use crate::tui::trend::trend;

/// If exact counts do not fit, counts of more cells than this get an SI prefix.
const BRIEF_CELLS: usize = 6;

/// A line of the details.
pub(super) struct DetailLine {
    /// Its name; empty if it continues the line above.
    pub name: &'static str,
    /// Its wordings, longest first; roughly for terminals of 80, 60 and 40 columns.
    pub texts: Vec<String>,
    /// Its style.
    pub style: Style,
}

/// All figures of a row, the most important first.
pub(super) fn figures(snapshot: &Snapshot, span: Span, row: &Row, series: &Series, theme: &Theme) -> Vec<DetailLine> {
    let glyphs = &theme.glyphs;
    let plain = |name, texts| DetailLine { name, texts, style: theme.text() };
    let trend = trend(series, row, snapshot);
    let (rate, before) = rates(snapshot, row, &trend.text(glyphs), glyphs);
    let ttl = Cells { snapshot, span, glyphs }.text(row, Column::Ttl, None);
    let figures = [
        DetailLine {
            name: "rate",
            texts: rate,
            style: if trend.is_rising() { theme.rising() } else { theme.strong() },
        },
        plain("", before),
        plain("share", shares(snapshot, span, row, glyphs)),
        plain("hit ratio", hits(snapshot, row, glyphs)),
        plain("size", sizes(row, series, glyphs)),
        plain("TTL", vec![ttl]),
        plain("calls", calls(snapshot, &row.total, glyphs)),
        plain("misses", misses(&row.total)),
        plain("bytes", bytes(&row.total)),
        plain("seen", seen(snapshot, row)),
    ];
    let items = outcomes(snapshot, row).map(|texts| plain("items", texts));
    let target = snapshot.targets.get(row.target as usize);
    let server = target.map(|target| plain("server", vec![summary::target(target, glyphs)]));
    figures.into_iter().chain(items).chain(server).collect()
}

/// The length of a span of rates. An interval of one second may be a few milliseconds short; showing that in hundredths would
/// shift the text beside it from frame to frame.
pub(super) fn length(span: Span, snapshot: &Snapshot) -> String {
    let length = span.length(snapshot);
    format::duration(if length > ALMOST_A_SECOND { length.max(Duration::from_secs(1)) } else { length })
}

/// Intervals between this and one second are shown as one second.
const ALMOST_A_SECOND: Duration = Duration::from_millis(975);

/// The rate over the last interval with its trend, and the rate over the window.
fn rates(snapshot: &Snapshot, row: &Row, trend: &str, glyphs: &Glyphs) -> (Vec<String>, Vec<String>) {
    let rate = |span: Span| {
        let (counts, time) = (span.of(row), span.length(snapshot));
        let calls = format::rate(per_second(counts.calls(), time), None);
        let bytes = format::bytes(per_second(counts.bytes(), time));
        (format!("{calls} calls/s, {bytes}/s"), format!("{calls}/s, {bytes}/s"))
    };
    let ((long, short), (window, window_short)) = (rate(Span::Last), rate(Span::Window));
    let trend = if trend.is_empty() { String::new() } else { format!("{}{trend}", glyphs.separator) };
    let (last, over) = (length(Span::Last, snapshot), length(Span::Window, snapshot));
    let separator = glyphs.separator;
    (
        vec![format!("{long}{trend}{separator}last {last}"), format!("{long}{trend}"), format!("{short}{trend}")],
        vec![format!("{window} over the last {over}"), format!("{over}: {window_short}")],
    )
}

fn shares(snapshot: &Snapshot, span: Span, row: &Row, glyphs: &Glyphs) -> Vec<String> {
    let (part, whole) = (span.of(row), span.whole(snapshot));
    let calls = format::percent(share(part.calls(), whole.calls()));
    let bytes = format::percent(share(part.bytes(), whole.bytes()));
    let long = format!("{calls} of calls, {bytes} of bytes");
    let last = length(span, snapshot);
    vec![format!("{long}{}last {last}", glyphs.separator), long, format!("{calls} calls, {bytes} bytes")]
}

fn hits(snapshot: &Snapshot, row: &Row, glyphs: &Glyphs) -> Vec<String> {
    let ratio = |counts: &Counts| counts.hit_ratio().map_or_else(|| "no reads".to_owned(), format::percent);
    let [now, before, all] = [&row.last, &row.recent, &row.total].map(ratio);
    let (over, separator) = (length(Span::Window, snapshot), glyphs.separator);
    vec![
        format!("{now} now{separator}{before} over the last {over}{separator}{all} since the start"),
        format!("{now} now{separator}{before} in {over}{separator}{all} total"),
        format!("{now} now{separator}{all} total"),
    ]
}

fn sizes(row: &Row, series: &Series, glyphs: &Glyphs) -> Vec<String> {
    let Some(last) = row.size else { return vec![glyphs.unknown.to_owned()] };
    match (row.size_min, series.median_size(), row.size_max) {
        (Some(least), Some(median), Some(most)) if least < most => {
            let (last, median) = (format::size(last), format::size(median));
            let range = range::sizes((least, most), None, glyphs);
            let (least, most) = (format::size(least), format::size(most));
            vec![
                format!("{last} last; min {least}, median {median}, max {most}"),
                format!("{last}; {range}, median {median}"),
            ]
        }
        _ => vec![format::size(last)],
    }
}

/// Rejected stores and evictions since the start; `None` if neither is watched.
fn outcomes(snapshot: &Snapshot, row: &Row) -> Option<Vec<String>> {
    let outcomes = &row.outcomes;
    let wording = |rejected: &str| {
        let mut parts = Vec::new();
        if snapshot.watches(ProbeKind::Store, Some(row.target)) {
            let (not_stored, exists) = (format::count(outcomes.not_stored), format::count(outcomes.exists));
            parts.push(format!("{not_stored} not stored, {exists} {rejected}"));
        }
        if snapshot.watches(ProbeKind::Eviction, Some(row.target)) {
            parts.push(format!("evicted {}", plural(outcomes.evicted, "time")));
        }
        parts.join("; ")
    };
    let texts = ["rejected because the item had changed (cas)", "rejected (cas)"].map(wording);
    (!texts[0].is_empty()).then(|| texts.into())
}

/// Operations since the start, by kind. Kinds without operations are omitted.
fn calls(snapshot: &Snapshot, total: &Counts, glyphs: &Glyphs) -> Vec<String> {
    let within =
        snapshot.estimate.has_extrapolation().then(|| format::count(snapshot.estimate.uncertainty(total.calls())));
    let kinds = |count: fn(u64) -> String, found: &str| -> Vec<String> {
        let kinds = [
            (total.gets(), None, "get"),
            (total.sets, None, "set"),
            (total.deletes, Some(total.delete_hits), "delete"),
            (total.other, Some(total.other_hits), "other"),
        ];
        let kinds = kinds.into_iter().filter(|(number, ..)| *number > 0);
        let text = |(number, hits, noun): (u64, Option<u64>, &str)| {
            let hits = hits.filter(|_| !found.is_empty()).map(|hits| format!(" ({} {found})", count(hits)));
            format!("{} {noun}{}{}", count(number), if number == 1 { "" } else { "s" }, hits.unwrap_or_default())
        };
        kinds.map(text).collect()
    };
    let all = format::count(total.calls());
    let mut long = vec![format!("{all} since the start")];
    long.extend(within.as_ref().map(|calls| format!("estimated, to within {calls} (95%)")));
    long.extend(kinds(format::count, "found the key"));
    let about = if within.is_some() { "~" } else { "" };
    let all = within.map_or_else(|| all.clone(), |calls| format!("{all} to within {calls}"));
    let of_kinds = |all: &str, kinds: Vec<String>| {
        if kinds.is_empty() { all.to_owned() } else { format!("{all}: {}", kinds.join(", ")) }
    };
    vec![
        long.join(glyphs.separator),
        of_kinds(&all, kinds(format::count, "found")),
        of_kinds(&all, kinds(format::count, "")),
        of_kinds(&format!("{about}{}", brief(total.calls())), kinds(brief, "")),
    ]
}

fn misses(total: &Counts) -> Vec<String> {
    let never = total.misses.saturating_sub(total.expired).saturating_sub(total.flushed);
    let reasons = [(total.expired, "expired"), (total.flushed, "flushed"), (never, "not found")];
    let list = |min: u64, count: fn(u64) -> String| {
        let listed = reasons.iter().filter(|(number, _)| *number >= min);
        listed.map(|(number, name)| format!("{} {name}", count(*number))).collect::<Vec<_>>().join(", ")
    };
    let misses = format::count(total.misses);
    let of = format!("{misses} of {}", plural(total.gets(), "get"));
    let long = format!("{of}: {}", list(0, format::count));
    if total.misses == 0 {
        return vec![long, of];
    }
    let exact = list(1, format::count);
    vec![
        long,
        format!("{of}: {exact}"),
        format!("{misses}: {exact}"),
        format!("{}: {}", brief(total.misses), list(1, brief)),
    ]
}

/// A count in at most [`BRIEF_CELLS`] cells.
fn brief(value: u64) -> String {
    format::count_within(value, Some(BRIEF_CELLS))
}

fn bytes(total: &Counts) -> Vec<String> {
    let [all, out, received] =
        [total.bytes(), total.bytes_out, total.bytes_in].map(|value| format::bytes(value as f64));
    vec![
        format!("{all} since the start: {out} sent for hits, {received} received"),
        format!("{all}: {out} sent, {received} received"),
        format!("{out} out, {received} in"),
    ]
}

fn seen(snapshot: &Snapshot, row: &Row) -> Vec<String> {
    let ago = |at: Duration| format!("{} ago", format::duration(snapshot.duration.saturating_sub(at)));
    let first = ago(row.first_seen);
    let (last, short) = if row.last_seen >= snapshot.duration {
        ("in the last interval".to_owned(), "now".to_owned())
    } else {
        (ago(row.last_seen), ago(row.last_seen))
    };
    let [before, uncounted] = if row.calls_error == 0 {
        [String::new(), String::new()]
    } else {
        let calls = plural(row.calls_error, "call");
        [format!("; up to {calls} before that were not counted"), format!("; up to {calls} not counted")]
    };
    vec![
        format!("first {first}, last {last}{before}"),
        format!("first {first}, last {short}{uncounted}"),
        format!("{first} to {short}{uncounted}"),
    ]
}
