//! The help, shown instead of the table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::cells::put;
use crate::tui::help_text::{self, HelpLine};
use crate::tui::state::State;
use crate::tui::theme::Theme;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, first: usize, theme: &Theme) {
    let lines = help_text::lines(state.header_snapshot(), state.mode(), area.width.into(), &theme.glyphs);
    // After a resize the text may be shorter than the scroll position.
    let first = first.min(lines.len().saturating_sub(area.height.into()));
    for (line, y) in lines.iter().skip(first).zip(area.top()..area.bottom()) {
        let (text, style) = match line {
            HelpLine::Heading(text) => (text, theme.header()),
            HelpLine::Text(text) => (text, theme.text()),
        };
        if style == theme.header() {
            buffer.set_style(Rect { y, height: 1, ..area }, style);
        }
        put(buffer, area.x, y, text, area.width.into(), style);
    }
}
