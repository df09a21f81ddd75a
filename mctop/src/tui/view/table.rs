//! The rows that are on the screen. Every cell is written at its own place, so that none can move another.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::put;
use crate::model::column::Column;
use crate::model::snapshot::Row;
use crate::report::cell::Cells;
use crate::report::fit::{Layout, Slot, is_left, middle, pad};
use crate::tui::columns::{GAP, layout};
use crate::tui::ranker::Ranking;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// A key read less often says nothing by its hit ratio.
const NOTABLE_READS: u64 = 100;
/// Below this hit ratio a key that is read is not a cache.
const POOR_HIT_RATIO: f64 = 0.05;

pub fn draw(buffer: &mut Buffer, area: Rect, state: &State, ranking: &Ranking, theme: &Theme) {
    if area.height == 0 {
        return;
    }
    let snapshot = &*ranking.snapshot;
    let cells = Cells { snapshot, span: ranking.view.span, glyphs: &theme.glyphs };
    let layout = layout(state.choice(), snapshot, area.width.into());
    header(buffer, area, &layout, ranking, theme);
    for ((rank, row), y) in state.list.visible().zip(area.top() + 1..area.bottom()) {
        let selected = state.list.cursor == Some(rank);
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

fn header(buffer: &mut Buffer, area: Rect, layout: &Layout, ranking: &Ranking, theme: &Theme) {
    buffer.set_style(Rect { height: 1, ..area }, theme.header());
    let mark = if ranking.view.ascending { theme.glyphs.ascending } else { theme.glyphs.descending };
    line(buffer, area.y, area.x, layout, "#", theme.header(), |slot| {
        let header = slot.column.declaration().header;
        if slot.column == ranking.view.sort {
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
