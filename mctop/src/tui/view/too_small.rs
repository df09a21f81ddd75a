//! The message on a terminal that is too small.

use ratatui::buffer::Buffer;

use super::cells::put;
use crate::text::fit::wrap;
use crate::tui::layout::SMALLEST;
use crate::tui::theme::Theme;

pub(super) fn draw(buffer: &mut Buffer, theme: &Theme) {
    let (area, times) = (buffer.area, theme.glyphs.times);
    let text = format!(
        "too small: {}{times}{}, mctop needs {}{times}{}",
        area.width, area.height, SMALLEST.width, SMALLEST.height
    );
    buffer.set_style(area, theme.text());
    for (line, y) in wrap(&text, area.width.into()).iter().zip(area.top()..area.bottom()) {
        put(buffer, area.x, y, line, area.width.into(), theme.strong());
    }
}
