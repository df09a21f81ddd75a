//! Draws the state; each file draws one part of the screen.

use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::layout::areas;
use super::state::{Overlay, Phase, State};
use super::theme::Theme;
use crate::model::snapshot::Snapshot;
use crate::model::span::Span;
use crate::text::fit::{shown_key, truncate, truncate_middle, wrap};
use crate::text::{format, summary};

mod bars;
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

/// Writes text into at most `room` cells, and returns where it ends.
fn put(buffer: &mut Buffer, x: u16, y: u16, text: &str, room: usize, style: Style) -> u16 {
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

/// The length of a span of rates. An interval of one second may be a few milliseconds short; showing that in hundredths would
/// shift the text beside it from frame to frame.
fn length(span: Span, snapshot: &Snapshot) -> String {
    let length = span.length(snapshot);
    format::duration(if length > ALMOST_A_SECOND { length.max(Duration::from_secs(1)) } else { length })
}

/// Intervals between this and one second are shown as one second.
const ALMOST_A_SECOND: Duration = Duration::from_millis(975);

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

fn paragraph(buffer: &mut Buffer, area: Rect, text: &str, theme: &Theme) {
    for (line, y) in wrap(text, area.width.into()).iter().zip(area.top() + 1..area.bottom()) {
        put(buffer, area.x, y, line, area.width.into(), theme.text());
    }
}

#[cfg(test)]
mod tests;
