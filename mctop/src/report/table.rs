//! The table for people: pasted into a channel or a post-mortem, it says what was measured, when, for how long, and what
//! was lost.

use std::io::{self, Write};

use super::Look;
use crate::model::column::Column;
use crate::model::hints::Hints;
use crate::model::ranking::{Order, View, order};
use crate::model::snapshot::{Level, Origin, Row, Snapshot};
use crate::model::span::Span;
use crate::text::cell::{Cells, columns};
use crate::text::fit::{Layout, MIN_KEY_WIDTH, Slot, Wish, begin, is_left, middle, pad, shown_text, width, wrap};
use crate::text::glyphs::Glyphs;
use crate::text::{format, hint, summary};

/// Cells between columns.
const GAP: usize = 2;
/// Begins a hint.
const BULLET: &str = "- ";

/// Writes the report.
///
/// # Errors
/// Those of `out`.
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
    let rows: Vec<&Row> = order.indices.iter().filter_map(|index| snapshot.rows.get(*index)).collect();
    for line in about(snapshot, view, &order, glyphs) {
        writeln!(out, "{line}")?;
    }
    writeln!(out)?;
    if snapshot.total.calls() == 0 {
        let lines = available.map_or_else(|| vec![summary::EMPTY.to_owned()], |room| wrap(summary::EMPTY, room));
        return lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    }
    let left_out = table(snapshot, view, &rows, &look, out)?;
    let cut = order.matching.saturating_sub(rows.len());
    if cut > 0 {
        let noun = if matches!(snapshot.level, Level::Groups { .. }) { "more row" } else { "more key" };
        writeln!(out, "{} and {}", glyphs.ellipsis, summary::plural(cut as u64, noun))?;
    }
    for line in missing(&left_out, available) {
        writeln!(out, "{line}")?;
    }
    let hints = hint::lines(snapshot, hints, glyphs);
    if !hints.is_empty() {
        writeln!(out, "\nHints")?;
    }
    for hint in hints {
        let lines = available.map_or_else(|| vec![hint.clone()], |room| wrap(&hint, room.saturating_sub(BULLET.len())));
        for (index, line) in lines.iter().enumerate() {
            let begin = if index == 0 { BULLET } else { "  " };
            writeln!(out, "{begin}{line}")?;
        }
    }
    Ok(())
}

/// Which columns found no room, and where they are to be had: nothing is left out where the output is no terminal.
fn missing(left_out: &[Column], available: Option<usize>) -> Vec<String> {
    if left_out.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = left_out.iter().map(|column| column.declaration().header).collect();
    let text = format!("not shown for want of width: {}; pipe into cat or use --format csv for all", names.join(", "));
    wrap(&text, available.unwrap_or(usize::MAX))
}

/// What was measured, when, for how long, and what was lost, in lines.
pub(super) fn about(snapshot: &Snapshot, view: &View, order: &Order, glyphs: &Glyphs) -> Vec<String> {
    let mut lines = heading(snapshot, glyphs);
    lines.extend(totals(snapshot, view, order, glyphs));
    lines
}

fn heading(snapshot: &Snapshot, glyphs: &Glyphs) -> Vec<String> {
    let mut lines = Vec::new();
    if let Origin::Recorded { file } = &snapshot.origin {
        lines.push(format!("RECORDED in {}", shown_text(file, glyphs)));
    }
    let mut parts = vec![
        format!("mctop {}", env!("CARGO_PKG_VERSION")),
        shown_text(&snapshot.host, glyphs),
        snapshot.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        format::duration(snapshot.duration),
    ];
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
        parts.push(format!("rates of the rows over the last {}", format::duration(view.span.length(snapshot))));
    }
    let direction = if view.ascending { ", smallest first" } else { "" };
    let keys = summary::rows(snapshot, view.filter.as_ref(), order.matching, glyphs);
    let keys = format!("{keys}, by {}{direction}", view.sort.declaration().name);
    let rest = [keys, summary::loss(snapshot, glyphs)].into_iter().chain(summary::others(snapshot));
    let lines = [parts.join(glyphs.separator), rest.collect::<Vec<_>>().join(glyphs.separator)];
    lines.into_iter().chain(summary::estimate(snapshot)).chain(summary::cost(snapshot, glyphs)).collect()
}

/// Returns the columns that found no room.
fn table(
    snapshot: &Snapshot,
    view: &View,
    rows: &[&Row],
    look: &Look,
    out: &mut impl Write,
) -> io::Result<Vec<Column>> {
    let glyphs = &look.glyphs;
    let cells = Cells { snapshot, span: view.span, glyphs };
    let (layout, left_out) = layout(&cells, view, rows, look.width);
    let line = |out: &mut dyn Write, rank: &str, text: &dyn Fn(Slot) -> String| {
        let rank = layout.rank.map(|room| pad(rank, room, false));
        let padded = layout.slots.iter().map(|slot| pad(&text(*slot), slot.width, is_left(slot.column)));
        let line = rank.into_iter().chain(padded).collect::<Vec<_>>().join(&" ".repeat(GAP));
        writeln!(out, "{}", line.trim_end())
    };
    line(out, "#", &|slot| begin(slot.column.declaration().header, slot.width, glyphs))?;
    for (index, row) in rows.iter().enumerate() {
        let text = |slot: Slot| middle(&cells.text(row, slot.column, None), slot.width, glyphs);
        line(out, &(index + 1).to_string(), &text)?;
    }
    Ok(left_out)
}

/// Every column as wide as its widest cell; the key no wider than its widest, so that a wide terminal leaves no gulf. And the
/// columns that found no room.
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
    // Cells are as wide here as their figures are long: so that what is essential finds room on any terminal, the key may
    // become as narrow as in any table.
    let wish = Wish { slots: &others, rank, key, least_key: MIN_KEY_WIDTH, keep: view.sort, gap: GAP };
    let mut layout = Layout::fit(wish, available);
    let left_out = layout.left_out(&others);
    for slot in &mut layout.slots {
        if slot.column == Column::Key {
            slot.width = slot.width.min(key.max(MIN_KEY_WIDTH));
        }
    }
    (layout, left_out)
}
