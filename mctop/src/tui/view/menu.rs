//! The menu of columns to sort by, drawn over the table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::cells::put;
use crate::text::fit::{pad, truncate};
use crate::tui::state::Menu;
use crate::tui::theme::Theme;

/// Width of a column's header.
const NAME: usize = 9;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, menu: &Menu, theme: &Theme) {
    if area.height < 2 {
        return;
    }
    let width = area.width;
    let shown = usize::from(area.height - 1).min(menu.columns.len());
    let first = menu.first_visible(shown);
    let area = Rect { width, height: shown as u16 + 1, ..area };
    let line = |buffer: &mut Buffer, y: u16, text: &str, style| {
        let text = pad(&truncate(text, width.into(), &theme.glyphs), width.into(), true);
        put(buffer, area.x, y, &text, width.into(), style);
    };
    line(buffer, area.y, " sort by", theme.header());
    let entries = menu.columns.iter().enumerate().skip(first);
    for ((index, column), y) in entries.zip(area.top() + 1..area.bottom()) {
        let declaration = column.declaration();
        let key = declaration.sort_key.unwrap_or(' ');
        let text =
            format!(" {key} {} {}", pad(declaration.header, NAME, true), theme.glyphs.localize(declaration.meaning));
        line(buffer, y, &text, if index == menu.cursor { theme.selected() } else { theme.text() });
    }
}
