//! The text of the help: keys, columns, and what is measured on each server.

use super::keymap::{Mode, bindings};
use crate::model::snapshot::Snapshot;
use crate::text::fit::{pad, shown_text, width, wrap};
use crate::text::glyphs::Glyphs;
use crate::text::{cell, summary};

/// A line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HelpLine {
    /// The heading of a section.
    Heading(String),
    /// A line of the section.
    Text(String),
}

/// The help, wrapped to `room` cells.
pub(super) fn lines(snapshot: Option<&Snapshot>, mode: Mode, room: usize, glyphs: &Glyphs) -> Vec<HelpLine> {
    let mut lines = vec![HelpLine::Heading("Keys".to_owned())];
    let applicable = bindings().iter().filter(|binding| binding.modes.contains(&mode));
    let keys: Vec<(String, &str)> = applicable.map(|binding| (binding.labels(), &*binding.meaning)).collect();
    lines.extend(entries(&keys, room, glyphs));
    if let Some(snapshot) = snapshot {
        lines.push(HelpLine::Heading("Columns".to_owned()));
        let column = |declaration: &'static crate::model::column::ColumnDeclaration| {
            (declaration.header.to_owned(), declaration.meaning)
        };
        let columns: Vec<(String, &str)> =
            cell::columns(snapshot).map(column).chain([("TREND".to_owned(), TREND)]).collect();
        lines.extend(entries(&columns, room, glyphs));
        lines.push(HelpLine::Heading("What is measured".to_owned()));
        lines.extend(measured(snapshot, glyphs).iter().flat_map(|text| wrap(text, room)).map(HelpLine::Text));
    }
    lines
}

/// The meaning of the trend, which is not a column to sort by.
const TREND: &str =
    "CALLS/S in the last 10 s compared with the rest of the last minute; = if about the same, quiet if no calls";

/// Entries in two columns: names, and their wrapped explanations.
fn entries(entries: &[(String, &str)], room: usize, glyphs: &Glyphs) -> Vec<HelpLine> {
    let names = entries.iter().map(|(name, _)| width(name)).max().unwrap_or(0) + 2;
    let mut lines = Vec::new();
    for (name, meaning) in entries {
        for (index, text) in wrap(&glyphs.localize(meaning), room.saturating_sub(names)).iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            lines.push(HelpLine::Text(pad(name, names, true) + text));
        }
    }
    lines
}

fn measured(snapshot: &Snapshot, glyphs: &Glyphs) -> Vec<String> {
    let mut texts = vec![summary::loss(snapshot, glyphs)];
    texts.extend(summary::estimate(snapshot));
    texts.extend(snapshot.redaction.iter().map(|how| format!("keys redacted: {}", shown_text(how, glyphs))));
    let costs = [(&snapshot.cost, "in the last interval"), (&snapshot.cost_total, "since the start")];
    texts.extend(
        costs
            .into_iter()
            .filter_map(|(cost, when)| Some(format!("{}, {when}", summary::cost_now(cost.as_ref()?, glyphs)?))),
    );
    texts.extend(snapshot.gaps.iter().map(|gap| summary::gap(snapshot, gap)));
    texts.extend(snapshot.notes.iter().map(|note| format!("note: {}", shown_text(note, glyphs))));
    for target in snapshot.targets.iter() {
        texts.push(summary::target(target, glyphs));
        texts.push(format!("binary {}", shown_text(&target.binary, glyphs)));
        texts.extend(target.probes.iter().map(|probe| {
            let cost = if probe.emulated { "emulated" } else { "single-stepped" };
            format!("probe {} at {:#x}, {cost}", summary::probe(probe, glyphs), probe.offset)
        }));
        texts.extend(target.notes.iter().map(|note| format!("note: {}", shown_text(note, glyphs))));
    }
    texts
}
