//! Hints on the most useful keys, and where in the table the screen is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use crate::report::fit::width;
use crate::report::format::count;
use crate::tui::keymap::bindings;
use crate::tui::state::State;
use crate::tui::theme::Theme;

pub fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let position = position(state, theme);
    let end = area.right().saturating_sub(width(&position) as u16);
    put(buffer, end, area.y, &position, area.width.into(), theme.faint());
    let mut x = area.x;
    let hints = bindings().iter().filter_map(|binding| Some((binding.keys.first()?.label(), binding.short?)));
    for (label, short) in hints {
        let needed = width(&label) + 1 + width(short);
        if usize::from(x) + needed + 1 > usize::from(end) {
            break;
        }
        x = put(buffer, x, area.y, &label, needed, theme.strong()) + 1;
        x = put(buffer, x, area.y, short, needed, theme.text()) + 2;
    }
}

fn position(state: &State, theme: &Theme) -> String {
    if state.is_empty() {
        return String::new();
    }
    let last = (state.top + state.page()).min(state.len());
    format!(
        "{}{}{} of {}",
        count(state.top as u64 + 1),
        theme.glyphs.range,
        count(last as u64),
        count(state.len() as u64)
    )
}
