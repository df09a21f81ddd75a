//! The rows that are on the screen. Every cell is written at its own place, so that none can move another.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::put;
use crate::model::column::Column;
use crate::model::snapshot::{Row, Snapshot};
use crate::report::cell::{Cells, columns};
use crate::report::fit::{Layout, Slot, Wish, is_left, middle, pad};
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Cells between columns.
const GAP: usize = 1;
/// A key read less often says nothing by its hit ratio.
const NOTABLE_READS: u64 = 100;
/// Below this hit ratio a key that is read is not a cache.
const POOR_HIT_RATIO: f64 = 0.05;

pub fn draw(buffer: &mut Buffer, area: Rect, state: &State, snapshot: &Snapshot, theme: &Theme) {
    if area.height == 0 {
        return;
    }
    let cells = Cells { snapshot, span: state.view.span, glyphs: &theme.glyphs };
    let layout = layout(state, snapshot, area.width.into());
    header(buffer, area, &layout, state, theme);
    for ((rank, row), y) in state.visible().zip(area.top() + 1..area.bottom()) {
        let selected = state.cursor == Some(rank);
        let style = if selected { theme.selected() } else { theme.text() };
        buffer.set_style(Rect { y, height: 1, ..area }, style);
        let rank = (rank + 1).to_string();
        line(buffer, y, area.x, &layout, &rank, style, |slot| {
            let text = middle(&cells.text(row, slot.column, Some(slot.width)), slot.width, &theme.glyphs);
            let alarming = !selected && is_alarming(row, slot.column);
            (text, if alarming { theme.alarm() } else { style })
        });
    }
}

fn layout(state: &State, snapshot: &Snapshot, available: usize) -> Layout {
    let slots: Vec<Slot> = columns(snapshot)
        .filter(|declaration| declaration.column != Column::Key)
        .map(|declaration| Slot { column: declaration.column, width: declaration.width.into() })
        .collect();
    let rank = state.len().to_string().len();
    Layout::fit(Wish { slots: &slots, rank, key: state.key_width, keep: state.view.sort, gap: GAP }, available)
}

fn header(buffer: &mut Buffer, area: Rect, layout: &Layout, state: &State, theme: &Theme) {
    buffer.set_style(Rect { height: 1, ..area }, theme.header());
    let mark = if state.view.ascending { theme.glyphs.ascending } else { theme.glyphs.descending };
    line(buffer, area.y, area.x, layout, "#", theme.header(), |slot| {
        let header = slot.column.declaration().header;
        if slot.column == state.view.sort {
            (format!("{header}{mark}"), theme.sorted())
        } else {
            (header.to_owned(), theme.header())
        }
    });
}

fn line(
    buffer: &mut Buffer,
    y: u16,
    x: u16,
    layout: &Layout,
    rank: &str,
    style: Style,
    cell: impl Fn(Slot) -> (String, Style),
) {
    let mut x = x;
    if let Some(room) = layout.rank {
        put(buffer, x, y, &pad(rank, room, false), room, style);
        x += (room + GAP) as u16;
    }
    for slot in &layout.slots {
        let (text, style) = cell(*slot);
        put(buffer, x, y, &pad(&text, slot.width, is_left(slot.column)), slot.width, style);
        x += (slot.width + GAP) as u16;
    }
}

/// What responders look for: reads that never hit, and values that are empty.
fn is_alarming(row: &Row, column: Column) -> bool {
    match column {
        Column::HitRatio => {
            row.total.gets() >= NOTABLE_READS && row.total.hit_ratio().is_some_and(|ratio| ratio < POOR_HIT_RATIO)
        }
        Column::Size => row.size == Some(0) && row.total.sets > 0,
        _ => false,
    }
}
