//! The rows on the screen. Every cell is written at its own position, so that none can shift another.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::bars;
use super::cells::put;
use super::figures::length;
use crate::model::column::Column;
use crate::model::counts::Counts;
use crate::model::history::WINDOW;
use crate::model::snapshot::{Row, share};
use crate::text::cell::Cells;
use crate::text::fit::{is_left_aligned, pad, truncate, truncate_middle, width};
use crate::tui::columns::{CellContent, PlacedColumn, SPARKLINE_WIDTH, layout};
use crate::tui::ranker::Ranking;
use crate::tui::state::State;
use crate::tui::theme::Theme;
use crate::tui::trend::trend;

/// The hit ratio of a key with fewer reads is not meaningful.
const NOTABLE_READS: u64 = 100;
/// A hit ratio below this means that caching the key is useless.
const POOR_HIT_RATIO: f64 = 0.05;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, ranking: &Ranking, theme: &Theme) {
    if area.height == 0 {
        return;
    }
    let places = layout(state.column_choice(), ranking.snapshot(), area.width.into());
    header(buffer, area, &places, ranking, theme);
    for ((rank, row), y) in state.list.visible().zip(area.top() + 1..area.bottom()) {
        let line = Rect { y, height: 1, ..area };
        let selected = state.list.cursor == Some(rank);
        if selected {
            buffer.set_style(line, theme.selected());
        }
        TableLine { ranking, row, rank, selected, theme }.draw(buffer, line, &places);
    }
}

fn header(buffer: &mut Buffer, area: Rect, places: &[PlacedColumn], ranking: &Ranking, theme: &Theme) {
    buffer.set_style(Rect { height: 1, ..area }, theme.header());
    let mark = if ranking.view.ascending { theme.glyphs.ascending } else { theme.glyphs.descending };
    for place in places {
        let (text, left, style) = match place.cell {
            CellContent::Rank => ("#".to_owned(), false, theme.header()),
            CellContent::Trend => ("TREND".to_owned(), true, theme.header()),
            CellContent::Sparkline => ("LAST MINUTE".to_owned(), true, theme.header()),
            CellContent::Column(column) if column == ranking.view.sort => {
                (format!("{}{mark}", column.declaration().header), is_left_aligned(column), theme.sorted())
            }
            CellContent::Column(column) => {
                (column.declaration().header.to_owned(), is_left_aligned(column), theme.header())
            }
        };
        let text = pad(&truncate(&text, place.width, &theme.glyphs), place.width, left);
        put(buffer, area.x + place.x as u16, area.y, &text, place.width, style);
    }
    span(buffer, area, places, ranking, theme);
}

/// The span of rates and shares, at the right end of the key header, which has the most room.
fn span(buffer: &mut Buffer, area: Rect, places: &[PlacedColumn], ranking: &Ranking, theme: &Theme) {
    let shown = |place: &PlacedColumn| matches!(place.cell, CellContent::Column(column) if column.is_over_span());
    let key = places.iter().find(|place| place.cell == CellContent::Column(Column::Key));
    let Some(key) = key.filter(|_| places.iter().any(shown)) else { return };
    let length = length(ranking.view.span, ranking.snapshot());
    let header = Column::Key.declaration().header.len() + usize::from(ranking.view.sort == Column::Key);
    let texts = [format!("rates: last {length}"), format!("rates: {length}"), format!("last {length}")];
    if let Some(text) = texts.iter().find(|text| header + 1 + width(text) <= key.width) {
        let x = key.x + key.width - width(text);
        put(buffer, area.x + x as u16, area.y, text, key.width, theme.header());
    }
}

/// A row on the screen.
struct TableLine<'a> {
    ranking: &'a Ranking,
    row: &'a Row,
    rank: usize,
    selected: bool,
    theme: &'a Theme,
}

impl TableLine<'_> {
    fn draw(&self, buffer: &mut Buffer, area: Rect, places: &[PlacedColumn]) {
        let Self { ranking, row, theme, .. } = *self;
        let snapshot = &**ranking.snapshot();
        let cells = Cells { snapshot, span: ranking.view.span, glyphs: &theme.glyphs };
        let series = ranking.series(row);
        for place in places {
            let area = Rect { x: area.x + place.x as u16, width: place.width as u16, ..area };
            let write = |buffer: &mut Buffer, text: &str, left, style| {
                put(buffer, area.x, area.y, &pad(text, place.width, left), place.width, self.style(style));
            };
            match place.cell {
                CellContent::Rank => write(buffer, &(self.rank + 1).to_string(), false, theme.text()),
                CellContent::Trend => {
                    let trend = trend(&series, row, snapshot);
                    let style = if trend.is_rising() { theme.rising() } else { theme.text() };
                    write(buffer, &trend.text(&theme.glyphs), true, style);
                }
                CellContent::Sparkline => {
                    let rates = series.rates(WINDOW, SPARKLINE_WIDTH, Counts::calls);
                    bars::draw(buffer, area, &rates, bars::max(&rates), theme, self.style(theme.chart()));
                }
                CellContent::Column(column) => {
                    let text = truncate_middle(&cells.text(row, column, Some(place.width)), place.width, &theme.glyphs);
                    let style = if is_alarming(row, column) { theme.alarm() } else { theme.text() };
                    write(buffer, &text, is_left_aligned(column), style);
                    if let Some(share) = self.share(column).filter(|_| !self.selected) {
                        let width = (share * f64::from(area.width)).round() as u16;
                        buffer.set_style(Rect { width: width.min(area.width), ..area }, theme.bar());
                    }
                }
            }
        }
    }

    fn style(&self, style: Style) -> Style {
        if self.selected { self.theme.selected() } else { style }
    }

    /// The share that is drawn as a bar behind the figure.
    fn share(&self, column: Column) -> Option<f64> {
        let span = self.ranking.view.span;
        let (part, whole) = (span.of(self.row), span.whole(self.ranking.snapshot()));
        match column {
            Column::ShareCalls => Some(share(part.calls(), whole.calls())),
            Column::ShareBytes => Some(share(part.bytes(), whole.bytes())),
            _ => None,
        }
    }
}

/// Signs of a problem: a key whose reads almost never hit, or an empty value.
fn is_alarming(row: &Row, column: Column) -> bool {
    match column {
        Column::HitRatio => {
            row.total.gets() >= NOTABLE_READS && row.total.hit_ratio().is_some_and(|ratio| ratio < POOR_HIT_RATIO)
        }
        Column::Size => row.size == Some(0) && row.total.sets > 0,
        _ => false,
    }
}
