//! The most useful of the keys that apply now, and where in the table the screen is; or what became of the last command.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use crate::report::fit::{begin, width};
use crate::report::format::count;
use crate::tui::keymap::{Place, bindings};
use crate::tui::layout::Panel;
use crate::tui::state::State;
use crate::tui::theme::Theme;

pub fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    if let Some(note) = &state.note {
        put(buffer, area.x, area.y, &begin(note, area.width.into(), &theme.glyphs), area.width.into(), theme.strong());
        return;
    }
    let place = state.place();
    let position = match (place, state.panel()) {
        (Place::Table, _) => position(state, theme),
        (Place::Detail, (Panel::Figures(..) | Panel::Clients | Panel::Latencies, part, of)) => {
            format!("Tab {part}/{of}")
        }
        _ => String::new(),
    };
    let end = area.right().saturating_sub(width(&position) as u16);
    put(buffer, end, area.y, &position, area.width.into(), theme.faint());
    let mut x = area.x;
    let here = bindings().iter().filter(|binding| binding.applies(place, state.mode()));
    let hints = here.filter_map(|binding| Some((binding.keys.first()?.label(), binding.short?)));
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
