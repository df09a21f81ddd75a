//! The footer: the most useful keys and the scroll position, or a note about the last command.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::cells::put;
use crate::text::fit::{truncate, width};
use crate::text::format::count;
use crate::tui::keymap::{KeyContext, bindings};
use crate::tui::layout::Panel;
use crate::tui::state::State;
use crate::tui::theme::Theme;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    if let Some(note) = &state.note {
        put(
            buffer,
            area.x,
            area.y,
            &truncate(note, area.width.into(), &theme.glyphs),
            area.width.into(),
            theme.strong(),
        );
        return;
    }
    let context = state.key_context();
    let position = match (context, state.panel()) {
        (KeyContext::Table, _) => position(state, theme),
        (KeyContext::Detail, (Panel::Figures(..) | Panel::Clients | Panel::Latencies, part, of)) => {
            format!("Tab {part}/{of}")
        }
        _ => String::new(),
    };
    let end = area.right().saturating_sub(width(&position) as u16);
    put(buffer, end, area.y, &position, area.width.into(), theme.faint());
    let mut x = area.x;
    let applicable = bindings().iter().filter(|binding| binding.applies(context, state.mode()));
    let hints = applicable.filter_map(|binding| Some((binding.keys.first()?.label(), binding.short?)));
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
    if state.list.len() == 0 {
        return String::new();
    }
    let last = (state.list.top + state.page()).min(state.list.len());
    format!(
        "{}{}{} of {}",
        count(state.list.top as u64 + 1),
        theme.glyphs.range,
        count(last as u64),
        count(state.list.len() as u64)
    )
}
