//! Everything known of one key, in place of the table: figures above, below them charts, clients and latencies.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{bars, closeup, length, paragraph, put};
use crate::model::column::Column;
use crate::model::counts::Counts;
use crate::model::history::{HISTORY, Series, WINDOW};
use crate::model::outcomes::Outcomes;
use crate::model::snapshot::{Origin, Row, Snapshot, per_second, share};
use crate::model::span::Span;
use crate::report::cell::Cells;
use crate::report::fit::{begin, pad, shown_key, wrap};
use crate::report::format;
use crate::report::summary::{self, plural};
use crate::target::points::ProbeKind;
use crate::tui::layout::Panel;
use crate::tui::ranker::Ranking;
use crate::tui::state::State;
use crate::tui::theme::Theme;
use crate::tui::trend::trend;

/// The key takes no more lines.
const KEY_HEIGHT: u16 = 4;
/// Cells of the names before the figures.
const NAMES: usize = 11;
/// A chart of fewer lines, its title included, says nothing.
const CHART_HEIGHT: u16 = 3;
/// From this width on, charts stand at the left, and clients and latencies beside them.
const BESIDE: u16 = 76;
/// Lines that say that a capture holds no clients.
const NO_CLIENTS: u16 = 2;
/// From this height on, the rate is shown there.
const HIGH_ENOUGH_FOR_RATE: u16 = 8;
/// Of what is shown of a key where clients and latencies are shown alone: its rate.
const FIGURES_BESIDES: usize = 2;

pub fn draw(buffer: &mut Buffer, area: Rect, state: &State, ranking: &Ranking, theme: &Theme) {
    let snapshot = &**ranking.snapshot();
    let Some(row) = state.selected_row() else {
        let gone =
            "The key is tracked no longer: it was not called for long, and others needed its place. Esc goes back.";
        return paragraph(buffer, area, gone, theme);
    };
    let key = wrap(&shown_key(&row.key, &theme.glyphs), area.width.into());
    let mut y = area.y;
    let lines = usize::from((area.height / 3).clamp(1, KEY_HEIGHT));
    for (index, line) in key.iter().take(lines).enumerate() {
        let cut = if index + 1 == lines && key.len() > lines { theme.glyphs.ellipsis } else { "" };
        let line = begin(&format!("{line}{cut}"), area.width.into(), &theme.glyphs);
        put(buffer, area.x, y, &line, area.width.into(), theme.strong());
        y += 1;
    }
    let series = ranking.series(row);
    let figures = figures(snapshot, ranking.view.span, row, &series, theme);
    let (panel, ..) = state.panel();
    let (first, most) = match panel {
        Panel::Everything => (0, figures.len()),
        Panel::Closely if area.height < HIGH_ENOUGH_FOR_RATE => (0, 0),
        Panel::Closely => (0, FIGURES_BESIDES),
        Panel::Figures(first, number) => (first, number),
        Panel::Clients | Panel::Latencies => (0, 0),
    };
    for (name, text, style) in figures.into_iter().skip(first).take(most) {
        if y >= area.bottom() {
            return;
        }
        put(buffer, area.x, y, &pad(name, NAMES, true), NAMES, theme.faint());
        let room = usize::from(area.width).saturating_sub(NAMES);
        put(buffer, area.x + NAMES as u16, y, &begin(&text, room, &theme.glyphs), room, style);
        y += 1;
    }
    let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    let recorded = matches!(snapshot.origin, Origin::Recorded { .. });
    let (left, right) = match (panel, recorded) {
        (Panel::Figures(..), _) => return,
        (Panel::Everything, true) => above(rest, NO_CLIENTS),
        (Panel::Everything, false) => halves(rest),
        (Panel::Closely | Panel::Clients | Panel::Latencies, _) => (Rect::default(), rest),
    };
    closeup::draw(buffer, right, state, snapshot, row, theme);
    charts(buffer, left, snapshot, &series, theme);
}

/// The charts above so many lines, which say that there is nothing more.
fn above(area: Rect, lines: u16) -> (Rect, Rect) {
    let height = area.height.saturating_sub(lines);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

/// Where the charts are, and where clients and latencies.
fn halves(area: Rect) -> (Rect, Rect) {
    if area.width >= BESIDE {
        let half = area.width / 2;
        let right = Rect { x: area.x + half, width: area.width - half, ..area };
        return (Rect { width: half - 1, ..area }, right);
    }
    let half = area.height / 2;
    (Rect { y: area.bottom() - half, height: half, ..area }, Rect { height: area.height - half, ..area })
}

type Figure = (&'static str, String, Style);

fn figures(snapshot: &Snapshot, span: Span, row: &Row, series: &Series, theme: &Theme) -> Vec<Figure> {
    let glyphs = &theme.glyphs;
    let join = |parts: Vec<String>| parts.join(glyphs.separator);
    let cell = |column| Cells { snapshot, span, glyphs }.text(row, column, None);
    let rate = |span: Span| {
        let (counts, time) = (span.of(row), span.length(snapshot));
        let calls = format::rate(per_second(counts.calls(), time), None);
        format!("{calls} calls/s, {}/s", format::bytes(per_second(counts.bytes(), time)))
    };
    let last = |span: Span| format!("last {}", length(span, snapshot));
    let hits = |counts: &Counts| counts.hit_ratio().map_or_else(|| "no reads".to_owned(), format::percent);
    let now = trend(series, row, snapshot);
    let mut rates = vec![rate(Span::Last)];
    rates.extend(Some(now.text(glyphs)).filter(|text| !text.is_empty()));
    rates.push(last(Span::Last));
    let before = format!("{} over the {}", rate(Span::Window), last(Span::Window));
    let shares = {
        let (part, whole) = (span.of(row), span.whole(snapshot));
        let of = |part, whole| format::percent(share(part, whole));
        let (calls, bytes) = (of(part.calls(), whole.calls()), of(part.bytes(), whole.bytes()));
        join(vec![format!("{calls} of calls, {bytes} of bytes"), last(span)])
    };
    let hit_ratio = join(vec![
        format!("{} now", hits(&row.last)),
        format!("{} over the {}", hits(&row.recent), last(Span::Window)),
        format!("{} since the start", hits(&row.total)),
    ]);
    let mut figures = vec![
        ("rate", join(rates), if now.is_rising() { theme.rising() } else { theme.strong() }),
        ("", before, theme.text()),
        ("share", shares, theme.text()),
        ("hit ratio", hit_ratio, theme.text()),
        ("size", sizes(row, series, glyphs.unknown), theme.text()),
        ("TTL", cell(Column::Ttl), theme.text()),
        ("calls", join(verbs(snapshot, &row.total)), theme.text()),
        ("misses", misses(&row.total), theme.text()),
        ("bytes", bytes(&row.total), theme.text()),
        ("seen", seen(snapshot, row), theme.text()),
    ];
    if let Some(text) = outcomes(snapshot, row) {
        figures.push(("items", text, theme.text()));
    }
    if let Some(target) = snapshot.targets.get(row.target as usize) {
        figures.push(("server", summary::target(target, glyphs), theme.text()));
    }
    figures
}

fn sizes(row: &Row, series: &Series, unknown: &str) -> String {
    let Some(last) = row.size else { return unknown.to_owned() };
    match (row.size_min, series.median_size(), row.size_max) {
        (Some(least), Some(median), Some(most)) if least < most => format!(
            "{} last; from {} over {} (median) to {}",
            format::size(last),
            format::size(least),
            format::size(median),
            format::size(most)
        ),
        _ => format::size(last),
    }
}

/// What became of items since the start; none where nothing of it is watched.
fn outcomes(snapshot: &Snapshot, row: &Row) -> Option<String> {
    let Outcomes { not_stored, exists, evicted } = row.outcomes;
    let mut parts = Vec::new();
    if snapshot.watches(ProbeKind::Store, Some(row.target)) {
        let (not_stored, exists) = (format::count(not_stored), format::count(exists));
        parts.push(format!("{not_stored} not stored, {exists} refused because they had changed (cas)"));
    }
    if snapshot.watches(ProbeKind::Eviction, Some(row.target)) {
        parts.push(format!("evicted {}", plural(evicted, "time")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Operations since the start, by kind; those that did not happen are left out.
fn verbs(snapshot: &Snapshot, total: &Counts) -> Vec<String> {
    let found =
        |number, found, name: &str| format!("{} ({} found the key)", plural(number, name), format::count(found));
    let mut parts = vec![format!("{} since the start", format::count(total.calls()))];
    let uncertainty = snapshot.estimate.uncertainty(total.calls());
    parts.extend(snapshot.estimate.any().then(|| format!("estimated, to within {} (95%)", format::count(uncertainty))));
    parts.extend((total.gets() > 0).then(|| plural(total.gets(), "get")));
    parts.extend((total.sets > 0).then(|| plural(total.sets, "set")));
    parts.extend((total.deletes > 0).then(|| found(total.deletes, total.delete_hits, "delete")));
    parts.extend((total.other > 0).then(|| found(total.other, total.other_hits, "other")));
    parts
}

fn misses(total: &Counts) -> String {
    let never = total.misses.saturating_sub(total.expired).saturating_sub(total.flushed);
    format!(
        "{} of {}: {} expired, {} flushed, {} not there",
        format::count(total.misses),
        plural(total.gets(), "get"),
        format::count(total.expired),
        format::count(total.flushed),
        format::count(never)
    )
}

fn bytes(total: &Counts) -> String {
    let of = |value: u64| format::bytes(value as f64);
    format!(
        "{} since the start: {} sent for hits, {} received",
        of(total.bytes()),
        of(total.bytes_out),
        of(total.bytes_in)
    )
}

fn seen(snapshot: &Snapshot, row: &Row) -> String {
    let ago = |at: Duration| format::duration(snapshot.duration.saturating_sub(at));
    let last = if row.last_seen >= snapshot.duration {
        "in the last interval".to_owned()
    } else {
        format!("{} ago", ago(row.last_seen))
    };
    let first = format!("first {} ago, last {last}", ago(row.first_seen));
    if row.calls_error == 0 {
        return first;
    }
    format!("{first}; at most {} before that are forgotten", plural(row.calls_error, "call"))
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
    let most = |text: String| format!("over the last {over}, at most {text}");
    let (calls_most, bytes_most) = (bars::most(&calls), bars::most(&bytes));
    let all = [
        ("calls/s", most(format::rate(calls_most, None)), calls, calls_most),
        ("bytes/s", most(format!("{}/s", format::bytes(bytes_most))), bytes, bytes_most),
        ("hit ratio", format!("over the last {over}, full height is 100%"), ratios, 1.0),
    ];
    let number = (area.height / CHART_HEIGHT).min(all.len() as u16);
    let mut y = area.y;
    for (index, (name, scale, values, most)) in all.iter().take(number.into()).enumerate() {
        let left = number - index as u16;
        let height = (area.bottom() - y) / left;
        buffer.set_style(Rect { y, height: 1, ..area }, theme.header());
        let title = format!("{name} {scale}");
        put(buffer, area.x, y, &begin(&title, area.width.into(), &theme.glyphs), area.width.into(), theme.header());
        bars::draw(buffer, Rect { y: y + 1, height: height - 1, ..area }, values, *most, theme, theme.chart());
        y += height;
    }
}
