//! The report on an incident for a ticket or a post-mortem: what was watched, the hot keys, and rates over time.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::Offset;

use super::document::{Block, Document, DocumentTable, TableColumn, Words};
use crate::model::capture_meta::{CaptureMeta, EndedBy, Ending, HostClock, TriggerInfo};
use crate::model::column::Column;
use crate::model::ranking::{View, order};
use crate::model::snapshot::Snapshot;
use crate::model::span::Span;
use crate::model::timeline::Timeline;
use crate::report::table;
use crate::text::cell::Cells;
use crate::text::fit::shown_text;
use crate::text::glyphs::Glyphs;
use crate::text::{format, summary};

mod facts;
mod over_time;
#[cfg(test)]
mod tests;

/// A capture to report on.
#[derive(Clone, Copy)]
pub(crate) struct Incident<'a> {
    /// The whole capture.
    pub snapshot: &'a Snapshot,
    /// The capture over time.
    pub timeline: &'a Timeline,
    /// How it ended.
    pub ending: Ending,
    /// What ended it, if the file has a footer.
    pub ended_by: Option<EndedBy>,
    /// Number of intervals.
    pub intervals: u64,
    /// Version of the mctop that wrote it.
    pub written_by: &'a str,
    /// How it was made.
    pub meta: &'a CaptureMeta,
    /// Symbols.
    pub glyphs: &'a Glyphs,
}

impl Incident<'_> {
    /// A time since the start, as UTC.
    fn clock(&self, at: Duration) -> String {
        let offset = SignedDuration::try_from(at).unwrap_or(SignedDuration::ZERO);
        let started_at = self.snapshot.started_at;
        format::utc(started_at.checked_add(offset).unwrap_or(started_at))
    }
}

/// The report.
pub(crate) fn document(incident: &Incident<'_>, view: &View) -> Document {
    let Incident { snapshot, glyphs, .. } = *incident;
    let title = Words::own("Hot keys of memcached on ")
        .then_quoted(shown_text(&snapshot.host, glyphs))
        .then(format!(", {}", incident.clock(Duration::ZERO)));
    let mut blocks = vec![Block::List(about(incident)), Block::Heading("Summary".into())];
    if snapshot.total.calls() == 0 {
        blocks.push(Block::Paragraph(Words::own(summary::EMPTY)));
        return Document { title, blocks };
    }
    blocks.push(Block::List(facts::facts(incident)));
    let keys = View { grouping: None, opened: None, ..view.clone() };
    blocks.push(Block::Heading(format!("Keys by {}", view.sort.declaration().name)));
    blocks.extend(rows(snapshot, &keys, "KEY", glyphs));
    if let Some(grouping) = &view.grouping {
        let words = format!("Groups ({}) by {}", shown_text(grouping.source(), glyphs), view.sort.declaration().name);
        blocks.push(Block::Heading(words));
        blocks.extend(rows(&view.grouped(snapshot), view, "GROUP", glyphs));
    }
    blocks.push(Block::Heading("Over time".into()));
    blocks.extend(over_time::blocks(incident));
    Document { title, blocks }
}

/// The same time in the host's time zone, if the capture records it.
fn local(incident: &Incident<'_>, at: Duration) -> Option<String> {
    let HostClock { utc_offset_s, timezone } = incident.meta.clock.as_ref()?;
    let offset = Offset::from_seconds(*utc_offset_s).ok()?;
    let time = incident.snapshot.started_at.checked_add(SignedDuration::try_from(at).ok()?).ok()?;
    let name = timezone.as_ref().map(|name| format!(" {}", shown_text(name, incident.glyphs))).unwrap_or_default();
    Some(format!("{} UTC{offset}{name}", offset.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S")))
}

/// What was watched, when, and what is missing.
fn about(incident: &Incident<'_>) -> Vec<Words> {
    let Incident { snapshot, glyphs, .. } = *incident;
    let mut list = Vec::new();
    for target in snapshot.targets.iter() {
        list.push(
            Words::own("Watched: ")
                .then_quoted(summary::target(target, glyphs))
                .then(", ")
                .then_quoted(summary::probes(target, glyphs)),
        );
        list.extend(target.notes.iter().map(|note| Words::own("Note: ").then(shown_text(note, glyphs))));
    }
    let (start, end) = (Duration::ZERO, snapshot.duration);
    list.push(Words::own(format!("From: {}{}", incident.clock(start), in_brackets(local(incident, start)))));
    list.push(Words::own(format!("To: {}{}", incident.clock(end), in_brackets(local(incident, end)))));
    let ended = match (incident.ending, incident.ended_by) {
        (Ending::CutOff | Ending::Open, _) => "; the file has no footer, so its end is lost",
        (Ending::Interrupted, _) => "; ended by a signal",
        (Ending::Finished, Some(EndedBy::Until)) => "; ended by --until",
        (Ending::Finished, Some(EndedBy::Rotation)) => "; continued in the next file",
        (Ending::Finished, Some(EndedBy::Source)) => "; ended when the servers exited",
        (Ending::Finished, _) => "; complete",
    };
    list.push(Words::own(format!(
        "Length: {} in {}{ended}",
        format::duration(snapshot.duration),
        summary::plural(incident.intervals, "interval")
    )));
    list.extend(conditions(incident));
    let lost = summary::loss(snapshot, glyphs);
    list.push(Words::own(lost.replacen("lost: ", "Lost: ", 1)));
    list.extend(summary::others(snapshot).map(Words::own));
    list.extend(summary::estimate(snapshot).map(Words::own));
    list.extend(summary::cost(snapshot, glyphs).map(|cost| Words::own(cost.replacen("probes", "Cost: the probes", 1))));
    let redacted = snapshot.redaction.as_ref();
    list.extend(redacted.map(|how| Words::own("Redacted: ").then(shown_text(how, glyphs))));
    list.extend(snapshot.gaps.iter().map(|gap| Words::own(summary::gap(snapshot, gap))));
    list.extend(snapshot.notes.iter().map(|note| Words::own("Note: ").then(shown_text(note, glyphs))));
    list.push(
        Words::own("Recorded in ")
            .then_quoted(summary::file(snapshot, glyphs).unwrap_or_default())
            .then(format!(" by mctop {}", shown_text(incident.written_by, glyphs)))
            .then(format!(", kernel {}", shown_text(&snapshot.kernel, glyphs))),
    );
    list
}

fn in_brackets(text: Option<String>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// The conditions that started and ended it.
fn conditions(incident: &Incident<'_>) -> Vec<Words> {
    let Some(options) = &incident.meta.options else { return Vec::new() };
    let condition = |what: &str, source: &Option<String>| {
        source.as_ref().map(|source| Words::own(format!("{what}: ")).then_quoted(shown_text(source, incident.glyphs)))
    };
    let before = match incident.meta.fired {
        Some(fired) => Some(before(fired)),
        None => options.before.map(|before| format!(", up to {} before it", summary::plural(before, "interval"))),
    };
    let trigger = condition("Trigger", &options.trigger).map(|words| words.then(before.unwrap_or_default()));
    trigger.into_iter().chain(condition("Until", &options.until)).collect()
}

/// How much of the time before the trigger is in the file.
fn before(fired: TriggerInfo) -> String {
    let TriggerInfo { before_ms, intervals, crowded_out } = fired;
    let length = format::duration(Duration::from_millis(before_ms));
    let missing = match crowded_out {
        0 => String::new(),
        more => format!("; {} did not fit into memory", summary::plural(more, "more interval")),
    };
    format!(", {} ({length}) before it{missing}", summary::plural(intervals, "interval"))
}

/// The columns of the tables of keys and groups.
const COLUMNS: [Column; 12] = [
    Column::Key,
    Column::Target,
    Column::Calls,
    Column::Rate,
    Column::ShareCalls,
    Column::HitRatio,
    Column::Sets,
    Column::Deletes,
    Column::Size,
    Column::Ttl,
    Column::Bandwidth,
    Column::ShareBytes,
];

/// The rows of a view as a table, and how many more there are.
fn rows(snapshot: &Snapshot, view: &View, header: &'static str, glyphs: &Glyphs) -> Vec<Block> {
    let order = order(snapshot, view);
    let several = snapshot.targets.len() > 1;
    let shown = || COLUMNS.into_iter().filter(|column| several || *column != Column::Target);
    let columns = shown().map(|column| match column {
        Column::Key => TableColumn::text(header),
        _ => TableColumn::figures(column.declaration().header),
    });
    let cells = Cells { snapshot, span: Span::Total, glyphs };
    let rows = order.rows(snapshot).map(|row| {
        let words = |column| {
            let text = cells.text(row, column, None);
            if column == Column::Key { Words::quoted(text) } else { Words::own(text) }
        };
        shown().map(words).collect()
    });
    let mut blocks = vec![Block::Table(DocumentTable { columns: columns.collect(), rows: rows.collect() })];
    let more = table::more_rows(snapshot, &order, glyphs);
    blocks.extend(more.map(|more| Block::Paragraph(Words::own(more))));
    blocks
}
