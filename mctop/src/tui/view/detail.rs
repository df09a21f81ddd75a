//! Everything known of one key, in place of the table.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use crate::report::fit::{shown_key, wrap};
use crate::tui::ranker::Ranking;
use crate::tui::state::State;
use crate::tui::theme::Theme;

pub fn draw(buffer: &mut Buffer, area: Rect, state: &State, _ranking: &Ranking, theme: &Theme) {
    let Some(row) = state.selected_row() else { return };
    let lines = wrap(&shown_key(&row.key, &theme.glyphs), area.width.into());
    for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
        put(buffer, area.x, y, line, area.width.into(), theme.strong());
    }
}
