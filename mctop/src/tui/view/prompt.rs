//! The prompt, and below it its error or its effect.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use unicode_segmentation::UnicodeSegmentation;

use super::cells::put;
use crate::model::snapshot::Level;
use crate::text::fit::{truncate, width};
use crate::text::format::count;
use crate::text::summary::plural;
use crate::tui::state::{Prompt, Purpose, State};
use crate::tui::theme::Theme;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, prompt: &Prompt, theme: &Theme) {
    let label = match prompt.purpose {
        Purpose::Filter => "filter /",
        Purpose::Grouping => "group by ",
    };
    let x = put(buffer, area.x, area.y, label, area.width.into(), theme.strong());
    input(buffer, Rect { x, width: area.right().saturating_sub(x), height: 1, ..area }, prompt, theme);
    let error = state.prompt_error();
    let said = if error.is_empty() { vec![outcome(state, prompt.purpose)] } else { error };
    let style = if prompt.error.is_some() { theme.alarm() } else { theme.faint() };
    let room = area.width.into();
    for (index, y) in (area.y + 1..area.bottom()).enumerate() {
        // What finds no line is left out at the end of the last one.
        let rest = if y + 1 == area.bottom() {
            said.get(index..).unwrap_or_default()
        } else {
            said.get(index..=index).unwrap_or_default()
        };
        put(buffer, area.x, y, &truncate(&rest.join(" "), room, &theme.glyphs), room, style);
    }
}

fn outcome(state: &State, purpose: Purpose) -> String {
    let found = state.list.ranking().map_or_else(String::new, |ranking| {
        let rows = match ranking.snapshot().level {
            Level::Groups { .. } => plural(ranking.snapshot().rows.len() as u64, "row"),
            Level::Keys | Level::Members { .. } => plural(ranking.snapshot().rows.len() as u64, "key"),
        };
        format!("{} of {rows}; ", count(ranking.matching as u64))
    });
    let forms = match purpose {
        Purpose::Filter => "text, glob*, /regex/, hit<50, size>1M, and, or, ( ); ! inverts",
        Purpose::Grouping => "auto, a separator and depth such as :2, or /regex with ( )/",
    };
    format!("{found}Enter accepts, Esc clears; {forms}")
}

/// The text around the cursor, which is drawn as a reversed cell. Grapheme clusters that cannot be shown are drawn as `?`.
fn input(buffer: &mut Buffer, area: Rect, prompt: &Prompt, theme: &Theme) {
    let room = usize::from(area.width);
    let scroll = prompt.input.visual_scroll(room.saturating_sub(1));
    let cursor = prompt.input.visual_cursor();
    let (mut at, mut x) = (0, area.x);
    for cluster in prompt.input.value().graphemes(true) {
        let cells = width(cluster);
        let shown = !cluster.chars().any(char::is_control) && (theme.glyphs.unicode || cluster.is_ascii());
        if at >= scroll && usize::from(x - area.x) + cells <= room {
            let cluster = if shown { cluster } else { "?" };
            x = put(buffer, x, area.y, cluster, cells.max(1), theme.text());
        }
        at += cells;
    }
    let position =
        area.x + u16::try_from(cursor.saturating_sub(scroll)).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
    if let Some(cell) = buffer.cell_mut((position, area.y)) {
        cell.set_style(theme.text().add_modifier(Modifier::REVERSED));
    }
}
