//! Draws a state; one part of the screen per file.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::layout::areas;
use super::state::{Phase, State};
use super::theme::Theme;
use crate::report::fit::wrap;
use crate::report::summary;

mod footer;
mod header;
mod help;
mod table;
mod too_small;

/// Draws everything.
pub fn draw(buffer: &mut Buffer, state: &State, theme: &Theme, now: Instant) {
    let message = state.message();
    let Some(areas) = areas(buffer.area.as_size(), message.len()) else {
        return too_small::draw(buffer, theme);
    };
    buffer.set_style(buffer.area, theme.text());
    header::draw(buffer, areas.header, state, theme, now);
    footer::draw(buffer, areas.footer, state, theme);
    if let Some(first) = state.help {
        let area = Rect { height: areas.message.height + areas.table.height, ..areas.message };
        return help::draw(buffer, area, state, first, theme);
    }
    for (line, y) in message.iter().zip(areas.message.top()..areas.message.bottom()) {
        put(buffer, 0, y, line, areas.message.width.into(), theme.alarm());
    }
    match (&state.phase, &state.shown) {
        (_, Some(snapshot)) if snapshot.total.calls() > 0 => table::draw(buffer, areas.table, state, snapshot, theme),
        (_, Some(_)) => paragraph(buffer, areas.table, summary::EMPTY, theme),
        (Phase::Starting(what), None) => paragraph(buffer, areas.table, what, theme),
        (_, None) => {}
    }
}

/// Writes text into at most `room` cells, and returns where it ends.
fn put(buffer: &mut Buffer, x: u16, y: u16, text: &str, room: usize, style: Style) -> u16 {
    buffer.set_stringn(x, y, text, room, style).0
}

fn paragraph(buffer: &mut Buffer, area: Rect, text: &str, theme: &Theme) {
    for (line, y) in wrap(text, area.width.into()).iter().zip(area.top() + 1..area.bottom()) {
        put(buffer, area.x, y, line, area.width.into(), theme.text());
    }
}

#[cfg(test)]
mod tests;
