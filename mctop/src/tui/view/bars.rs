//! Vertical bars, one per column of cells (a sparkline if one line high, else a chart), and horizontal bars, one per line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::tui::theme::Theme;

/// Levels within one cell.
const LEVELS: usize = 8;

/// Draws the newest values that fit, the last one at the right end, scaled so that `max` fills the height. A positive value is
/// always visible; an unknown value is left blank like 0.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, values: &[Option<f64>], max: f64, theme: &Theme, style: Style) {
    let symbols = theme.bars();
    let full = LEVELS * usize::from(area.height);
    for (value, x) in values.iter().rev().zip((area.left()..area.right()).rev()) {
        let level = match value {
            Some(value) if *value > 0.0 && max > 0.0 => ((value / max * full as f64).ceil() as usize).clamp(1, full),
            _ => 0,
        };
        for (row, y) in (area.top()..area.bottom()).rev().enumerate() {
            let symbol = symbols[level.saturating_sub(row * LEVELS).min(LEVELS)];
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.set_symbol(symbol).set_style(style);
            }
        }
    }
}

/// Draws a bar from the left whose length is a share of the area's width. A positive share is always visible.
pub(super) fn draw_horizontal(buffer: &mut Buffer, area: Rect, share: f64, theme: &Theme, style: Style) {
    let symbols = theme.horizontal_bars();
    let full = LEVELS * usize::from(area.width);
    let length = if share > 0.0 { ((share * full as f64).ceil() as usize).clamp(1, full.max(1)) } else { 0 };
    for (column, x) in (area.left()..area.right()).enumerate() {
        let symbol = symbols[length.saturating_sub(column * LEVELS).min(LEVELS)];
        if let Some(cell) = buffer.cell_mut((x, area.y)) {
            cell.set_symbol(symbol).set_style(style);
        }
    }
}

/// The largest value, or 0 if none is known.
pub(super) fn max(values: &[Option<f64>]) -> f64 {
    values.iter().copied().flatten().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::glyphs::{ASCII, UNICODE};
    use crate::tui::theme::Palette;

    fn drawn(values: &[Option<f64>], width: u16, height: u16, theme: &Theme) -> Vec<String> {
        let mut buffer = Buffer::empty(Rect { width, height, ..Rect::default() });
        let area = buffer.area;
        draw(&mut buffer, area, values, max(values), theme, Style::new());
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect();
        (0..height).map(line).collect()
    }

    #[test]
    fn horizontal_bars_are_as_long_as_their_share() {
        let line = |share, glyphs| {
            let theme = Theme { glyphs, palette: Palette::Dark };
            let mut buffer = Buffer::empty(Rect { width: 4, height: 1, ..Rect::default() });
            let area = buffer.area;
            draw_horizontal(&mut buffer, area, share, &theme, Style::new());
            (0..4).map(|x| buffer[(x, 0)].symbol()).collect::<String>()
        };
        assert_eq!([0.0, 1e-9, 0.375, 1.0].map(|share| line(share, UNICODE)), ["    ", "▏   ", "█▌  ", "████"]);
        assert_eq!([0.0, 1e-9, 0.375, 1.0].map(|share| line(share, ASCII)), ["    ", "#   ", "##  ", "####"]);
    }

    #[test]
    fn small_values_are_visible_and_the_newest_are_at_the_right() {
        let theme = Theme { glyphs: UNICODE, palette: Palette::Dark };
        let values = [Some(8.0), Some(0.0), None, Some(0.001), Some(4.0), Some(8.0)];
        assert_eq!(drawn(&values, 5, 1, &theme), ["  ▁▄█"]);
        assert_eq!(drawn(&values[3..], 4, 2, &theme), ["   █", " ▁██"]);
        let theme = Theme { glyphs: ASCII, palette: Palette::Dark };
        assert_eq!(drawn(&values[3..], 3, 1, &theme), [".=#"]);
        assert_eq!(drawn(&[], 3, 1, &theme), ["   "]);
    }
}
