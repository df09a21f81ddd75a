//! Writes text into the cells of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text::fit::wrap;
use crate::tui::theme::Theme;

/// Writes text into at most `room` cells, and returns where it ends.
pub(super) fn put(buffer: &mut Buffer, x: u16, y: u16, text: &str, room: usize, style: Style) -> u16 {
    // Fast path for printable ASCII, which is most text: each character is one cell, so no grapheme clusters need to be found.
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return buffer.set_stringn(x, y, text, room, style).0;
    }
    let mut end = x;
    for character in text.chars().take(room) {
        let Some(cell) = buffer.cell_mut((end, y)) else { break };
        cell.set_char(character).set_style(style);
        end += 1;
    }
    end
}

/// Writes text below the first line of an area, wrapped at words.
pub(super) fn paragraph(buffer: &mut Buffer, area: Rect, text: &str, theme: &Theme) {
    for (line, y) in wrap(text, area.width.into()).iter().zip(area.top() + 1..area.bottom()) {
        put(buffer, area.x, y, line, area.width.into(), theme.text());
    }
}
