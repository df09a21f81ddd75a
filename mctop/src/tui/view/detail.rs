//! The details of one key, shown instead of the table: figures above; charts, clients and latencies below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::cells::{paragraph, put};
use super::figures::{DetailLine, figures};
use super::{bars, clients};
use crate::model::counts::Counts;
use crate::model::history::{HISTORY, Series, WINDOW};
use crate::model::snapshot::{Origin, Snapshot};
use crate::text::fit::{first_fitting, pad, shown_key, truncate, wrap};
use crate::text::format;
use crate::tui::layout::Panel;
use crate::tui::ranker::Ranking;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Maximum number of lines for the key.
const KEY_HEIGHT: u16 = 4;
/// The same on a low screen, where [`crate::tui::layout::panels`] reserves one line for the key.
const KEY_HEIGHT_ON_PAGES: usize = 1;
/// Width of the names before the figures.
const NAME_WIDTH: usize = 11;
/// Minimum height of a chart, including its title.
const MIN_CHART_HEIGHT: u16 = 3;
/// Minimum width to show charts on the left, and clients and latencies on the right.
const SIDE_BY_SIDE_MIN_WIDTH: u16 = 76;
/// Lines for the text that a capture contains no clients.
const NO_CLIENTS_HEIGHT: u16 = 2;
/// Minimum height to show the rate above clients and latencies.
const RATE_MIN_HEIGHT: u16 = 8;
/// Number of figures, at the start of the list, that show the rate.
const RATE_FIGURES: usize = 2;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, ranking: &Ranking, theme: &Theme) {
    let snapshot = &**ranking.snapshot();
    let Some(row) = state.selected_row() else {
        let gone = "This key is no longer tracked: it was not called for a while, and other keys replaced it. Press Esc to go back.";
        return paragraph(buffer, area, gone, theme);
    };
    let key = wrap(&shown_key(&row.key, &theme.glyphs), area.width.into());
    let mut y = area.y;
    let (panel, ..) = state.panel();
    let lines = match panel {
        Panel::Everything | Panel::ClientsAndLatency => usize::from((area.height / 3).clamp(1, KEY_HEIGHT)),
        Panel::Figures(..) | Panel::Clients | Panel::Latencies => KEY_HEIGHT_ON_PAGES,
    };
    for (index, line) in key.iter().take(lines).enumerate() {
        let cut = if index + 1 == lines && key.len() > lines { theme.glyphs.ellipsis } else { "" };
        let line = truncate(&format!("{line}{cut}"), area.width.into(), &theme.glyphs);
        put(buffer, area.x, y, &line, area.width.into(), theme.strong());
        y += 1;
    }
    let series = ranking.series(row);
    let figures = figures(snapshot, ranking.view.span, row, &series, theme);
    let (first, most) = match panel {
        Panel::Everything => (0, figures.len()),
        Panel::ClientsAndLatency if area.height < RATE_MIN_HEIGHT => (0, 0),
        Panel::ClientsAndLatency => (0, RATE_FIGURES),
        Panel::Figures(first, number) => (first, number),
        Panel::Clients | Panel::Latencies => (0, 0),
    };
    for DetailLine { name, texts, style } in figures.into_iter().skip(first).take(most) {
        if y >= area.bottom() {
            return;
        }
        put(buffer, area.x, y, &pad(name, NAME_WIDTH, true), NAME_WIDTH, theme.faint());
        let room = usize::from(area.width).saturating_sub(NAME_WIDTH);
        put(buffer, area.x + NAME_WIDTH as u16, y, &first_fitting(&texts, room, &theme.glyphs), room, style);
        y += 1;
    }
    let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    let recorded = matches!(snapshot.origin, Origin::Recorded { .. });
    let (left, right) = match (panel, recorded) {
        (Panel::Figures(..), _) => return,
        (Panel::Everything, true) => split_bottom(rest, NO_CLIENTS_HEIGHT),
        (Panel::Everything, false) => halves(rest),
        (Panel::ClientsAndLatency | Panel::Clients | Panel::Latencies, _) => (Rect::default(), rest),
    };
    clients::draw(buffer, right, state, snapshot, row, theme);
    charts(buffer, left, snapshot, &series, theme);
}

/// Splits off this many lines at the bottom.
fn split_bottom(area: Rect, lines: u16) -> (Rect, Rect) {
    let height = area.height.saturating_sub(lines);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

/// The area of the charts, and that of clients and latencies.
fn halves(area: Rect) -> (Rect, Rect) {
    if area.width >= SIDE_BY_SIDE_MIN_WIDTH {
        let half = area.width / 2;
        let right = Rect { x: area.x + half, width: area.width - half, ..area };
        return (Rect { width: half - 1, ..area }, right);
    }
    let half = area.height / 2;
    (Rect { y: area.bottom() - half, height: half, ..area }, Rect { height: area.height - half, ..area })
}

fn charts(buffer: &mut Buffer, area: Rect, snapshot: &Snapshot, series: &Series, theme: &Theme) {
    let span = snapshot.duration.clamp(WINDOW, HISTORY);
    let number = usize::from(area.width);
    let rates = |count: fn(&Counts) -> u64| series.rates(span, number, count);
    let (calls, bytes) = (rates(Counts::calls), rates(Counts::bytes));
    let ratio =
        |(hits, gets): (Option<f64>, Option<f64>)| gets.filter(|gets| *gets > 0.0).and_then(|gets| Some(hits? / gets));
    let ratios: Vec<Option<f64>> =
        rates(|counts| counts.hits).into_iter().zip(rates(Counts::gets)).map(ratio).collect();
    let over = format::duration(span);
    let (calls_most, bytes_most) = (bars::max(&calls), bars::max(&bytes));
    let all = [
        ("calls/s", format!("max {}", format::rate(calls_most, None)), calls, calls_most),
        ("bytes/s", format!("max {}/s", format::bytes(bytes_most)), bytes, bytes_most),
        ("hit ratio", "full height is 100%".to_owned(), ratios, 1.0),
    ];
    let number = (area.height / MIN_CHART_HEIGHT).min(all.len() as u16);
    let mut y = area.y;
    for (index, (name, scale, values, most)) in all.iter().take(number.into()).enumerate() {
        let left = number - index as u16;
        let height = (area.bottom() - y) / left;
        buffer.set_style(Rect { y, height: 1, ..area }, theme.header());
        let titles = ["over the last", "over", "in"].map(|during| format!("{name} {during} {over}, {scale}"));
        let title = first_fitting(&titles, area.width.into(), &theme.glyphs);
        put(buffer, area.x, y, &title, area.width.into(), theme.header());
        bars::draw(buffer, Rect { y: y + 1, height: height - 1, ..area }, values, *most, theme, theme.chart());
        y += height;
    }
}
