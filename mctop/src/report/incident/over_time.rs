//! Rates over time: charts, and a table for formats without charts.

use std::time::Duration;

use super::Incident;
use crate::model::column::Column;
use crate::model::counts::Counts;
use crate::model::key::Key;
use crate::model::ranking::View;
use crate::model::snapshot::{Snapshot, per_second};
use crate::model::timeline::Bucket;
use crate::report::document::{Block, Chart, ChartLine, DocumentTable, TableColumn, Words};
use crate::text::fit::shown_key;
use crate::text::format;

/// Number of keys with a line in a chart.
const KEYS: usize = 5;
/// Maximum number of rows of the table.
const ROWS: usize = 24;

/// The charts and the table.
pub(super) fn blocks(incident: &Incident<'_>) -> Vec<Block> {
    let buckets = incident.timeline.buckets();
    let times: Vec<Duration> = buckets.iter().map(|bucket| bucket.end).collect();
    let line = |name: &str, figure: &dyn Fn(&Counts) -> u64| ChartLine {
        name: name.to_owned(),
        values: buckets.iter().map(|bucket| Some(per_second(figure(&bucket.total), bucket.span()))).collect(),
    };
    let chart = |title: &str, lines: Vec<ChartLine>, unit: fn(f64) -> String| {
        Block::Chart(Chart { title: title.to_owned(), times: times.clone(), lines, unit, top: None })
    };
    let calls = vec![
        line("gets", &Counts::gets),
        line("sets", &|counts| counts.sets),
        line("deletes", &|counts| counts.deletes),
        line("other", &|counts| counts.other),
    ];
    let seen = |line: &ChartLine| line.values.iter().flatten().any(|value| *value > 0.0);
    let mut blocks = vec![
        chart("Calls per second", calls.into_iter().filter(seen).collect(), rate),
        chart(
            "Value bytes per second",
            vec![line("sent", &|counts| counts.bytes_out), line("received", &|counts| counts.bytes_in)],
            format::bytes,
        ),
        Block::Chart(Chart {
            title: "Hit ratio".to_owned(),
            times: times.clone(),
            lines: vec![ChartLine {
                name: "hits".to_owned(),
                values: buckets.iter().map(|bucket| bucket.total.hit_ratio()).collect(),
            }],
            unit: format::percent,
            top: Some(1.0),
        }),
    ];
    for (title, sort, unit) in [
        ("Calls per second, keys with the most calls", Column::Calls, rate as fn(f64) -> String),
        ("Value bytes per second, keys with the most bytes", Column::Bytes, format::bytes),
    ] {
        let lines: Vec<ChartLine> = top(incident.snapshot, sort)
            .into_iter()
            .filter_map(|key| {
                let track = incident.timeline.track(&key)?;
                let rates = |counts: &mut dyn Iterator<Item = Option<u64>>| -> Vec<Option<f64>> {
                    let pairs = buckets.iter().zip(counts);
                    pairs.map(|(bucket, count)| count.map(|count| per_second(count, bucket.span()))).collect()
                };
                let values = match sort {
                    Column::Bytes => rates(&mut track.bytes(buckets.len())),
                    _ => rates(&mut track.calls(buckets.len())),
                };
                Some(ChartLine { name: shown_key(&key, incident.glyphs), values })
            })
            .collect();
        if !lines.is_empty() {
            blocks.push(chart(title, lines, unit));
        }
    }
    blocks.push(Block::InsteadOfCharts(table(incident)));
    blocks
}

fn rate(value: f64) -> String {
    format::rate(value, Some(8))
}

/// The keys with the most calls or bytes, those of several servers once.
fn top(snapshot: &Snapshot, sort: Column) -> Vec<Key> {
    let view = View { sort, limit: Some(KEYS), ..View::default() };
    let mut keys: Vec<Key> = Vec::new();
    for row in view.rows(snapshot) {
        if !keys.contains(&row.key) && row.total.calls() > 0 {
            keys.push(row.key.clone());
        }
    }
    keys
}

/// The table: totals over time, and the calls of the key with the most calls.
fn table(incident: &Incident<'_>) -> DocumentTable {
    let buckets = incident.timeline.buckets();
    let top = top(incident.snapshot, Column::Calls).into_iter().next();
    let track = top.as_ref().and_then(|key| incident.timeline.track(key));
    let of_top: Vec<Option<u64>> =
        track.map_or_else(|| vec![None; buckets.len()], |track| track.calls(buckets.len()).collect());
    let each = buckets.len().div_ceil(ROWS).max(1);
    let rows = buckets.chunks(each).zip(of_top.chunks(each)).map(|(buckets, of_top)| row(incident, buckets, of_top));
    let columns = vec![
        TableColumn::text("FROM"),
        TableColumn::figures("FOR"),
        TableColumn::figures("CALLS/S"),
        TableColumn::figures("BYTES/S"),
        TableColumn::figures("HIT%"),
        TableColumn::figures("TOP KEY CALLS/S"),
    ];
    DocumentTable { columns, rows: rows.collect() }
}

fn row(incident: &Incident<'_>, buckets: &[Bucket], of_top: &[Option<u64>]) -> Vec<Words> {
    let mut total = Counts::default();
    buckets.iter().for_each(|bucket| total += &bucket.total);
    let start = buckets.first().map_or(Duration::ZERO, |bucket| bucket.start);
    let span = buckets.last().map_or(Duration::ZERO, |bucket| bucket.end).saturating_sub(start);
    let of_top: Option<u64> = of_top.iter().copied().sum();
    let blank = || incident.glyphs.unknown.to_owned();
    let cells = [
        incident.clock(start),
        format::duration(span),
        format::rate(per_second(total.calls(), span), None),
        format::bytes(per_second(total.bytes(), span)),
        total.hit_ratio().map_or_else(blank, format::percent),
        of_top.map_or_else(blank, |calls| format::rate(per_second(calls, span), None)),
    ];
    cells.map(Words::own).into()
}
