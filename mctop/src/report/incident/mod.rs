//! The note on an incident: what was watched, what mattered, and how it went over time, for a ticket or a post-mortem.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::tz::Offset;

use super::document::{Block, Column, Document, Table, Words};
use crate::capture::format::{CaptureMeta, EndedBy, HostClock, TriggerInfo};
use crate::capture::reader::Ending;
use crate::model::column::Column as Figure;
use crate::model::ranking::{View, order};
use crate::model::snapshot::{Origin, Row, Snapshot, per_second, share};
use crate::model::timeline::Timeline;
use crate::text::fit::{shown_key, shown_text};
use crate::text::glyphs::Glyphs;
use crate::text::{format, summary};

mod facts;
mod over_time;
#[cfg(test)]
mod tests;

/// A capture as a note tells it.
#[derive(Clone, Copy)]
pub(crate) struct Incident<'a> {
    /// Everything in it.
    pub snapshot: &'a Snapshot,
    /// The same over time.
    pub timeline: &'a Timeline,
    /// How it ended.
    pub ending: Ending,
    /// What ended it, where the file tells.
    pub ended_by: Option<EndedBy>,
    /// How many intervals it has.
    pub intervals: u64,
    /// Version of the mctop that wrote it.
    pub written_by: &'a str,
    /// How it was made.
    pub circumstances: &'a CaptureMeta,
    /// Symbols of the note.
    pub glyphs: &'a Glyphs,
}

/// The note.
#[must_use]
pub(crate) fn document(incident: &Incident<'_>, view: &View) -> Document {
    let Incident { snapshot, glyphs, .. } = *incident;
    let title = Words::own("Hot keys of memcached on ")
        .then_quoted(shown_text(&snapshot.host, glyphs))
        .then(format!(", {}", clock(incident, Duration::ZERO)));
    let mut blocks = vec![Block::List(circumstances(incident)), Block::Heading("In short".into())];
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

/// A moment since the start as UTC.
fn clock(incident: &Incident<'_>, at: Duration) -> String {
    let offset = SignedDuration::try_from(at).unwrap_or(SignedDuration::ZERO);
    let started_at = incident.snapshot.started_at;
    started_at.checked_add(offset).unwrap_or(started_at).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The same as the clocks of the host showed it, where the capture tells.
fn local(incident: &Incident<'_>, at: Duration) -> Option<String> {
    let HostClock { utc_offset_s, timezone } = incident.circumstances.clock.as_ref()?;
    let offset = Offset::from_seconds(*utc_offset_s).ok()?;
    let moment = incident.snapshot.started_at.checked_add(SignedDuration::try_from(at).ok()?).ok()?;
    let name = timezone.as_ref().map(|name| format!(" {}", shown_text(name, incident.glyphs))).unwrap_or_default();
    Some(format!("{} UTC{offset}{name}", offset.to_datetime(moment).strftime("%Y-%m-%d %H:%M:%S")))
}

fn circumstances(incident: &Incident<'_>) -> Vec<Words> {
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
    let (begin, end) = (Duration::ZERO, snapshot.duration);
    list.push(Words::own(format!("From: {}{}", clock(incident, begin), in_brackets(local(incident, begin)))));
    list.push(Words::own(format!("To: {}{}", clock(incident, end), in_brackets(local(incident, end)))));
    let ended = match (incident.ending, incident.ended_by) {
        (Ending::CutOff | Ending::Open, _) => "; the end of the file is missing, what follows was lost",
        (Ending::Interrupted, _) => "; ended by a signal",
        (Ending::Finished, Some(EndedBy::Until)) => "; ended by its condition",
        (Ending::Finished, Some(EndedBy::Rotation)) => "; the next file goes on",
        (Ending::Finished, Some(EndedBy::Source)) => "; ended with the servers",
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
    let file = match &snapshot.origin {
        Origin::Recorded { file } => shown_text(file, glyphs),
        Origin::Live => "no file".to_owned(),
    };
    list.push(
        Words::own("Recorded in ")
            .then_quoted(file)
            .then(format!(" by mctop {}", shown_text(incident.written_by, glyphs)))
            .then(format!(", kernel {}", shown_text(&snapshot.kernel, glyphs))),
    );
    list
}

fn in_brackets(text: Option<String>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// The conditions that began and ended it.
fn conditions(incident: &Incident<'_>) -> Vec<Words> {
    let Some(options) = &incident.circumstances.options else { return Vec::new() };
    let condition = |what: &str, source: &Option<String>| {
        source.as_ref().map(|source| Words::own(format!("{what}: ")).then_quoted(shown_text(source, incident.glyphs)))
    };
    let before = match incident.circumstances.fired {
        Some(fired) => Some(before(fired)),
        None => options.before.map(|before| format!(", and {} before", summary::plural(before, "interval"))),
    };
    let trigger = condition("Began when", &options.trigger).map(|words| words.then(before.unwrap_or_default()));
    trigger.into_iter().chain(condition("To end when", &options.until)).collect()
}

/// What of the time before the trigger is in the file.
fn before(fired: TriggerInfo) -> String {
    let TriggerInfo { before_ms, intervals, crowded_out } = fired;
    let length = format::duration(Duration::from_millis(before_ms));
    let missing = match crowded_out {
        0 => String::new(),
        more => format!("; {} found no room in memory", summary::plural(more, "more interval")),
    };
    format!(", with {} ({length}) from before{missing}", summary::plural(intervals, "interval"))
}

/// The rows of a view as a table, and how many there are besides.
fn rows(snapshot: &Snapshot, view: &View, header: &'static str, glyphs: &Glyphs) -> Vec<Block> {
    let ordered = order(snapshot, view);
    let several = snapshot.targets.len() > 1;
    let mut columns = vec![Column::text(header)];
    if several {
        columns.push(Column::figures("PID"));
    }
    let headers = [
        Figure::Calls,
        Figure::Rate,
        Figure::ShareCalls,
        Figure::HitRatio,
        Figure::Sets,
        Figure::Deletes,
        Figure::Size,
        Figure::Ttl,
        Figure::Bandwidth,
        Figure::ShareBytes,
    ];
    columns.extend(headers.map(|column| Column::figures(column.declaration().header)));
    let shown = ordered.indices.iter().filter_map(|index| snapshot.rows.get(*index));
    let rows: Vec<Vec<Words>> = shown.map(|row| cells(snapshot, row, several, glyphs)).collect();
    let cut = ordered.matching.saturating_sub(rows.len());
    let mut blocks = vec![Block::Table(Table { columns, rows })];
    if cut > 0 {
        let noun = if header == "KEY" { "more key" } else { "more group" };
        blocks.push(Block::Paragraph(Words::own(format!(
            "{} and {}",
            glyphs.ellipsis,
            summary::plural(cut as u64, noun)
        ))));
    }
    blocks
}

fn cells(snapshot: &Snapshot, row: &Row, several: bool, glyphs: &Glyphs) -> Vec<Words> {
    let total = &row.total;
    let blank = || glyphs.unknown.to_owned();
    let mut cells = vec![Words::quoted(shown_key(&row.key, glyphs))];
    if several {
        let pid = snapshot.targets.get(row.target as usize).map_or_else(blank, |target| target.pid.to_string());
        cells.push(Words::own(pid));
    }
    let figures = [
        format::count(total.calls()),
        format::rate(per_second(total.calls(), snapshot.duration), None),
        format::percent(share(total.calls(), snapshot.total.calls())),
        total.hit_ratio().map_or_else(blank, format::percent),
        format::count(total.sets),
        format::count(total.deletes),
        facts::sizes(row, glyphs).unwrap_or_else(blank),
        facts::lifetimes(row, glyphs).unwrap_or_else(blank),
        format::bytes(per_second(total.bytes(), snapshot.duration)),
        format::percent(share(total.bytes(), snapshot.total.bytes())),
    ];
    cells.extend(figures.into_iter().map(Words::own));
    cells
}
