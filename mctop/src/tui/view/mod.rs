//! Draws the state; each file draws one part of the screen.

use std::time::Instant;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::cells::{paragraph, put};
use super::layout::areas;
use super::state::{Overlay, Phase, State};
use super::theme::Theme;
use crate::text::fit::{shown_key, truncate, truncate_middle};
use crate::text::summary;

mod bars;
mod cells;
mod clients;
mod detail;
mod figures;
mod footer;
mod header;
mod help;
mod menu;
mod prompt;
mod table;
mod too_small;

/// Draws everything.
pub(super) fn draw(buffer: &mut Buffer, state: &State, theme: &Theme, now: Instant) {
    let message = state.message();
    let Some(areas) = areas(buffer.area.as_size(), state.parts()) else {
        return too_small::draw(buffer, theme);
    };
    buffer.set_style(buffer.area, theme.text());
    header::draw(buffer, areas.header, state, theme, now);
    match &state.prompt {
        Some(prompt) => prompt::draw(buffer, areas.prompt, state, prompt, theme),
        None => footer::draw(buffer, areas.footer, state, theme),
    }
    if let Some(Overlay::Help(first)) = state.overlay {
        let area = Rect { height: areas.body.bottom() - areas.message.y, ..areas.message };
        return help::draw(buffer, area, state, first, theme);
    }
    for (line, y) in message.iter().zip(areas.message.top()..areas.message.bottom()) {
        put(buffer, 0, y, line, areas.message.width.into(), theme.alarm());
    }
    for (line, y) in state.hint_lines().iter().zip(areas.hints.top()..areas.hints.bottom()) {
        let x = put(buffer, 0, y, "hint: ", areas.hints.width.into(), theme.rising());
        let room = areas.hints.right().saturating_sub(x).into();
        put(buffer, x, y, &truncate(line, room, &theme.glyphs), room, theme.text());
    }
    if areas.key.height > 0 {
        key_in_full(buffer, areas.key, state, theme);
    }
    match (&state.phase, state.list.ranking()) {
        (_, Some(ranking)) if state.detail => detail::draw(buffer, areas.body, state, ranking, theme),
        (_, Some(ranking)) if ranking.snapshot().total.calls() > 0 => {
            table::draw(buffer, areas.body, state, ranking, theme);
        }
        (_, Some(_)) => paragraph(buffer, areas.body, summary::EMPTY, theme),
        (Phase::Starting(what), None) => paragraph(buffer, areas.body, what, theme),
        (_, None) => {}
    }
    if let Some(Overlay::Sort(choices)) = &state.overlay {
        menu::draw(buffer, areas.body, choices, theme);
    }
}

/// The selected or first key in full, because the table may cut it in the middle.
fn key_in_full(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme) {
    let Some((rank, row)) = state.row_in_full() else { return };
    let x = put(buffer, area.x, area.y, &format!("#{} ", rank + 1), area.width.into(), theme.faint());
    let room = area.right().saturating_sub(x).into();
    put(
        buffer,
        x,
        area.y,
        &truncate_middle(&shown_key(&row.key, &theme.glyphs), room, &theme.glyphs),
        room,
        theme.strong(),
    );
}

#[cfg(test)]
mod tests;
