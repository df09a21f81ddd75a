//! The table for people. The lines above it state what was measured, when, for how long, and what was lost, so that it is
//! complete when it is pasted into a chat or a post-mortem.

use std::io::{self, Write};

use super::Look;
use crate::model::column::Column;
use crate::model::hints::Hints;
use crate::model::ranking::{Order, View, order};
use crate::model::snapshot::{Level, Row, Snapshot};
use crate::model::span::Span;
use crate::text::cell::{Cells, columns};
use crate::text::fit::{
    Layout, LayoutRequest, MIN_KEY_WIDTH, Slot, is_left_aligned, pad, shown_text, truncate, truncate_middle, width,
    wrap,
};
use crate::text::glyphs::Glyphs;
use crate::text::{format, hint, summary};

/// Cells between columns.
const GAP: usize = 2;
/// Starts a hint.
const BULLET: &str = "- ";

/// Writes the table.
///
/// # Errors
/// If `out` cannot be written.
pub(crate) fn write(
    snapshot: &Snapshot,
    view: &View,
    hints: &Hints,
    look: Look,
    out: &mut impl Write,
) -> io::Result<()> {
    let Look { width: available, glyphs } = &look;
    let available = *available;
    let order = order(snapshot, view);
    let rows: Vec<&Row> = order.rows(snapshot).collect();
    for line in preamble(snapshot, view, &order, glyphs) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    if snapshot.total.calls() == 0 {
        let lines = available.map_or_else(|| vec![summary::EMPTY.to_owned()], |room| wrap(summary::EMPTY, room));
        return lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    }
    let dropped = table(snapshot, view, &rows, &look, out)?;
    for line in more_rows(snapshot, &order, glyphs).into_iter().chain(not_shown(&dropped, available)) {
        writeln!(out, "{line}")?;
    }
    let hints = hint::lines(snapshot, hints, glyphs);
    if !hints.is_empty() {
        writeln!(out, "\nHints")?;
    }
    for hint in hints {
        let lines = available.map_or_else(|| vec![hint.clone()], |room| wrap(&hint, room.saturating_sub(BULLET.len())));
        for (index, line) in lines.iter().enumerate() {
            let lead = if index == 0 { BULLET } else { "  " };
            writeln!(out, "{lead}{line}")?;
        }
    }
    Ok(())
}

/// How many rows the limit cut off.
pub(super) fn more_rows(snapshot: &Snapshot, order: &Order, glyphs: &Glyphs) -> Option<String> {
    summary::more(order.cut(), if matches!(snapshot.level, Level::Groups { .. }) { "row" } else { "key" }, glyphs)
}

/// Which columns did not fit, and how to see them.
fn not_shown(dropped: &[Column], available: Option<usize>) -> Vec<String> {
    if dropped.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = dropped.iter().map(|column| column.declaration().header).collect();
    let text =
        format!("not shown for lack of width: {}; pipe into cat or use --format csv to see all", names.join(", "));
    wrap(&text, available.unwrap_or(usize::MAX))
}

/// The lines above the table: what was measured, when, for how long, and what was lost.
pub(super) fn preamble(snapshot: &Snapshot, view: &View, order: &Order, glyphs: &Glyphs) -> Vec<String> {
    let mut lines = heading(snapshot, glyphs);
    lines.extend(totals(snapshot, view, order, glyphs));
    lines
}

fn heading(snapshot: &Snapshot, glyphs: &Glyphs) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(summary::file(snapshot, glyphs).map(|file| format!("RECORDED in {file}")));
    let mut parts = vec![format!("mctop {}", env!("CARGO_PKG_VERSION"))];
    parts.extend(summary::observation(snapshot, glyphs));
    if snapshot.interrupted {
        parts.push("interrupted".to_owned());
    }
    lines.push(parts.join(glyphs.separator));
    lines.extend(snapshot.redaction.iter().map(|how| format!("REDACTED: {}", shown_text(how, glyphs))));
    for (target, total) in snapshot.targets.iter().zip(&snapshot.target_totals) {
        let mut parts = vec![summary::target(target, glyphs)];
        if snapshot.targets.len() > 1 {
            parts.extend(summary::operations(total, snapshot.duration));
        }
        parts.push(summary::probes(target, glyphs));
        lines.push(parts.join(glyphs.separator));
        lines.extend(target.notes.iter().map(|note| format!("  note: {}", shown_text(note, glyphs))));
    }
    lines.extend(snapshot.gaps.iter().map(|gap| summary::gap(snapshot, gap)));
    lines.extend(snapshot.notes.iter().map(|note| format!("note: {}", shown_text(note, glyphs))));
    lines
}

fn totals(snapshot: &Snapshot, view: &View, order: &Order, glyphs: &Glyphs) -> Vec<String> {
    let mut parts = summary::operations(&snapshot.total, snapshot.duration);
    if let Span::Last | Span::Window = view.span {
        parts.push(format!("rates per key over the last {}", format::duration(view.span.length(snapshot))));
    }
    let direction = if view.ascending { ", smallest first" } else { "" };
    let keys = summary::rows(snapshot, view.filter.as_ref(), order.matching, glyphs);
    let keys = format!("{keys}, by {}{direction}", view.sort.declaration().name);
    let rest = [keys, summary::loss(snapshot, glyphs)].into_iter().chain(summary::others(snapshot));
    let lines = [parts.join(glyphs.separator), rest.collect::<Vec<_>>().join(glyphs.separator)];
    lines.into_iter().chain(summary::estimate(snapshot)).chain(summary::cost(snapshot, glyphs)).collect()
}

/// Writes header and rows, and returns the columns that did not fit.
fn table(
    snapshot: &Snapshot,
    view: &View,
    rows: &[&Row],
    look: &Look,
    out: &mut impl Write,
) -> io::Result<Vec<Column>> {
    let glyphs = &look.glyphs;
    let cells = Cells { snapshot, span: view.span, glyphs };
    let (layout, dropped) = layout(&cells, view, rows, look.width);
    let line = |out: &mut dyn Write, rank: &str, text: &dyn Fn(Slot) -> String| {
        let rank = layout.rank.map(|room| pad(rank, room, false));
        let padded = layout.slots.iter().map(|slot| pad(&text(*slot), slot.width, is_left_aligned(slot.column)));
        let line = rank.into_iter().chain(padded).collect::<Vec<_>>().join(&" ".repeat(GAP));
        writeln!(out, "{}", line.trim_end())
    };
    line(out, "#", &|slot| truncate(slot.column.declaration().header, slot.width, glyphs))?;
    for (index, row) in rows.iter().enumerate() {
        let text = |slot: Slot| truncate_middle(&cells.text(row, slot.column, None), slot.width, glyphs);
        line(out, &(index + 1).to_string(), &text)?;
    }
    Ok(dropped)
}

/// A layout in which every column is as wide as its widest cell, even on wider terminals, and the columns that did not fit.
fn layout(cells: &Cells<'_>, view: &View, rows: &[&Row], available: Option<usize>) -> (Layout, Vec<Column>) {
    let widest = |column: Column| {
        let text = rows.iter().map(|row| width(&cells.text(row, column, None))).max().unwrap_or(0);
        text.max(column.declaration().header.len())
    };
    let rank = rows.len().to_string().len();
    let all: Vec<Slot> = columns(cells.snapshot)
        .map(|declaration| Slot { column: declaration.column, width: widest(declaration.column) })
        .collect();
    let Some(available) = available else { return (Layout { rank: Some(rank), slots: all }, Vec::new()) };
    let key = widest(Column::Key);
    let others: Vec<Slot> = all.into_iter().filter(|slot| slot.column != Column::Key).collect();
    // The columns are as wide as their longest figure, so the essential ones may need all the width that the key can spare.
    let request = LayoutRequest { slots: &others, rank, key, min_key_width: MIN_KEY_WIDTH, keep: view.sort, gap: GAP };
    let mut layout = Layout::fit(request, available);
    let dropped = layout.dropped(&others);
    for slot in &mut layout.slots {
        if slot.column == Column::Key {
            slot.width = slot.width.min(key.max(MIN_KEY_WIDTH));
        }
    }
    (layout, dropped)
}
