//! The header: servers, totals and losses. It always shows the newest snapshot, even while the view is paused.

use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::bars;
use super::cells::put;
use super::figures::length;
use crate::model::counts::Counts;
use crate::model::estimate::Estimate;
use crate::model::history::WINDOW;
use crate::model::snapshot::{Level, Origin, Snapshot, per_second};
use crate::model::span::Span;
use crate::text::fit::{shown_key, shown_text, truncate_at_word, width};
use crate::text::{format, summary};
use crate::tui::feed::Playback;
use crate::tui::state::{Phase, State};
use crate::tui::theme::Theme;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme, now: Instant) {
    let end = markers(buffer, area, state, theme, now);
    let Some(snapshot) = state.header_snapshot() else {
        let name = format!("mctop {}", env!("CARGO_PKG_VERSION"));
        put(buffer, area.x, area.y, &name, end.into(), theme.strong());
        return;
    };
    let titles = titles(snapshot, theme);
    line(buffer, Rect { width: end, ..area }, &titles, theme);
    if let (Phase::Starting(what), None) = (&state.phase, state.list.ranking()) {
        line(buffer, Rect { y: area.y + 1, ..area }, &[HeaderPart::new(what, theme.strong())], theme);
        line(buffer, Rect { y: area.y + 2, ..area }, &[HeaderPart::new(probes(snapshot), theme.text())], theme);
        return;
    }
    if area.height > 1 {
        line(buffer, Rect { y: area.y + 1, ..area }, &rates(snapshot, state.span(), theme, area.width), theme);
    }
    if area.height > 2 {
        line(buffer, Rect { y: area.y + 2, ..area }, &data_quality(snapshot, state, theme, area.width), theme);
    }
}

/// A text, and optionally a sparkline of the last minute.
struct HeaderPart {
    text: String,
    style: Style,
    sparkline: Vec<Option<f64>>,
}

impl HeaderPart {
    fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, sparkline: Vec::new() }
    }
}

/// Draws as many parts as fit. The last one may be cut.
fn line(buffer: &mut Buffer, area: Rect, parts: &[HeaderPart], theme: &Theme) {
    let mut x = area.x;
    for (index, HeaderPart { text, style, sparkline }) in parts.iter().enumerate() {
        let room = usize::from(area.right().saturating_sub(x));
        let separator = if index == 0 { "" } else { theme.glyphs.separator };
        // A part may lose its end if enough of it remains.
        if index > 0 && width(separator) + width(text).min(MIN_PART_WIDTH) > room {
            return;
        }
        x = put(buffer, x, area.y, separator, room, theme.faint());
        let room = usize::from(area.right().saturating_sub(x));
        x = put(buffer, x, area.y, &truncate_at_word(text, room, &theme.glyphs), room, *style);
        let width = u16::try_from(sparkline.len()).unwrap_or(u16::MAX);
        if width > 0 && x + 1 + width <= area.right() {
            let area = Rect { x: x + 1, width, height: 1, ..area };
            bars::draw(buffer, area, sparkline, bars::max(sparkline), theme, theme.chart());
            x = area.right();
        }
    }
}

/// A part is cut rather than omitted if at least this many cells of it remain.
const MIN_PART_WIDTH: usize = 24;

/// The state of the view, at the right end of the first line. Returns the column where it starts.
fn markers(buffer: &mut Buffer, area: Rect, state: &State, theme: &Theme, now: Instant) -> u16 {
    let mut marks = Vec::new();
    marks.extend(state.playback.map(|playback| playback_text(&playback, area.width, theme)));
    if let Some(estimate) =
        state.header_snapshot().map(|snapshot| snapshot.estimate).filter(Estimate::has_extrapolation)
    {
        marks.push(match estimate.unwatched_since() {
            Some(time) => format!(" ESTIMATED for {} ", elapsed(time)),
            None => " ESTIMATED ".to_owned(),
        });
    }
    if let Phase::Ended(_) = state.phase {
        marks.push(" ENDED ".to_owned());
    }
    if state.playback.is_some_and(|playback| playback.paused) {
        marks.push(" PAUSED ".to_owned());
    }
    if let Some(since) = state.paused {
        marks.push(format!(" PAUSED {} ", elapsed(now.saturating_duration_since(since))));
    }
    let mut x = area.right();
    for mark in marks.iter().rev() {
        x = x.saturating_sub(width(mark) as u16);
        put(buffer, x, area.y, mark, area.width.into(), theme.marker());
        x = x.saturating_sub(1);
    }
    x
}

/// A duration in whole seconds: `7s`.
fn elapsed(time: Duration) -> String {
    if time < Duration::from_secs(60) { format!("{}s", time.as_secs()) } else { format::duration(time) }
}

/// Position, length and speed: `1:10/5:00 ×10`.
fn playback_text(playback: &Playback, width: u16, theme: &Theme) -> String {
    let position = clock(playback.position);
    if width < LENGTH_MIN_WIDTH {
        return format!(" {position} {}{} ", theme.glyphs.times, playback.speed);
    }
    let length = clock(playback.length);
    format!(" {position}/{length} {}{} ", theme.glyphs.times, playback.speed)
}

/// Minimum width to show the length of the capture.
const LENGTH_MIN_WIDTH: u16 = 60;

/// Minutes and seconds as in a video player: `0:07`, `1:02:03`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

fn titles(snapshot: &Snapshot, theme: &Theme) -> Vec<HeaderPart> {
    let glyphs = &theme.glyphs;
    let mut parts = match &snapshot.origin {
        Origin::Live => vec![HeaderPart::new("mctop", theme.strong())],
        Origin::Recorded { file } => {
            vec![HeaderPart::new(" REPLAY ", theme.marker()), HeaderPart::new(shown_text(file, glyphs), theme.strong())]
        }
    };
    if snapshot.targets.len() > 1 {
        parts.push(HeaderPart::new(format!("{} servers", snapshot.targets.len()), theme.strong()));
    }
    parts.extend(snapshot.targets.iter().map(|target| HeaderPart::new(summary::target(target, glyphs), theme.text())));
    parts
}

/// Totals over the span of the rates in the table, followed by totals over the other span.
fn rates(snapshot: &Snapshot, span: Span, theme: &Theme, width: u16) -> Vec<HeaderPart> {
    let hits = span.whole(snapshot).hit_ratio();
    let hits = hits.map_or_else(|| "no reads".to_owned(), |ratio| format!("{} hits", format::percent(ratio)));
    let over = |span: Span| format!("{}: ", length(span, snapshot));
    let rates = |span: Span| {
        let (whole, time) = (span.whole(snapshot), span.length(snapshot));
        let calls = format!("{} calls/s", format::rate(per_second(whole.calls(), time), None));
        (calls, format!("{}/s", format::bytes(per_second(whole.bytes(), time))))
    };
    let totals = snapshot.history.totals();
    let cells = match width {
        SPARKLINES_MIN_WIDTH.. => SPARKLINE_CELLS,
        _ => 0,
    };
    let sparkline = |count: fn(&Counts) -> u64| {
        let rates = totals.rates(WINDOW, cells.max(1), count);
        if cells == 0 { Vec::new() } else { rates }
    };
    let shows_span = span != Span::Last || width >= SPAN_MIN_WIDTH;
    let ((calls, bytes), other) = (rates(span), rates(span.other()));
    // If the last interval was not watched, its figures are estimates.
    let when = if snapshot.estimate.unwatched_since().is_some() { "estimate, " } else { "last " };
    let calls = if shows_span { format!("{when}{}{calls}", over(span)) } else { calls };
    vec![
        HeaderPart { sparkline: sparkline(Counts::calls), ..HeaderPart::new(calls, theme.strong()) },
        HeaderPart { sparkline: sparkline(Counts::bytes), ..HeaderPart::new(bytes, theme.strong()) },
        HeaderPart::new(hits, theme.strong()),
        HeaderPart::new(over(span.other()) + &other.0, theme.text()),
        HeaderPart::new(other.1, theme.text()),
    ]
}

/// Minimum width to show sparklines of the totals.
const SPARKLINES_MIN_WIDTH: u16 = 80;
/// Minimum width to show that the totals are over the last interval. Narrower terminals show this only in the table header.
const SPAN_MIN_WIDTH: u16 = 60;
/// Width of those sparklines in cells of six seconds each.
const SPARKLINE_CELLS: usize = 10;

/// The interval, and the time over which totals are counted.
fn observed(snapshot: &Snapshot, state: &State) -> String {
    let interval = match snapshot.origin {
        Origin::Live => state.interval,
        Origin::Recorded { .. } => snapshot.interval,
    };
    let since = if state.reset { "since the reset" } else { "for" };
    let mut text = format!("every {}, {since} {}", format::duration(interval), format::duration(snapshot.duration));
    if let Origin::Recorded { .. } = snapshot.origin {
        // The time of day helps to compare the capture with other records.
        let end = snapshot.started_at.saturating_add(snapshot.duration).unwrap_or(snapshot.started_at);
        text += &end.strftime(", until %H:%M:%S UTC").to_string();
    }
    text
}

fn data_quality(snapshot: &Snapshot, state: &State, theme: &Theme, width: u16) -> Vec<HeaderPart> {
    let style = if snapshot.loss.any() { theme.alarm() } else { theme.text() };
    // A server that is gone is the most important information on this line.
    let open = snapshot.gaps.iter().filter(|gap| gap.to.is_none());
    let mut parts: Vec<HeaderPart> =
        open.map(|gap| HeaderPart::new(summary::gap(snapshot, gap), theme.alarm())).collect();
    parts.push(HeaderPart::new(summary::loss(snapshot, &theme.glyphs), style));
    if snapshot.estimate.has_extrapolation() {
        let (watched, all) = (snapshot.estimate.watched, snapshot.duration);
        let text = format!("{} of {} watched: see ?", format::duration(watched), format::duration(all));
        parts.push(HeaderPart::new(text, theme.alarm()));
    }
    if snapshot.redaction.is_some() {
        parts.push(HeaderPart::new("keys redacted", theme.text()));
    }
    let gaps = snapshot.gaps.iter().filter(|gap| gap.exited_pid.is_some() && gap.to.is_some()).count();
    if gaps > 0 {
        parts.push(HeaderPart::new(format!("{}: see ?", summary::plural(gaps as u64, "gap")), theme.alarm()));
    }
    let notes = snapshot.notes.len() + snapshot.targets.iter().map(|target| target.notes.len()).sum::<usize>();
    if notes > 0 {
        parts.push(HeaderPart::new(format!("{}: see ?", summary::plural(notes as u64, "note")), theme.alarm()));
    }
    parts.push(HeaderPart::new(rows(snapshot, state, theme), theme.text()));
    parts.push(HeaderPart::new(observed(snapshot, state), theme.text()));
    if let Some(cost) = &snapshot.cost {
        let text =
            if width < COST_MIN_WIDTH { summary::cost_share(cost) } else { summary::cost_now(cost, &theme.glyphs) };
        parts.extend(text.map(|text| HeaderPart::new(text, theme.text())));
    }
    let probes = probes(snapshot);
    if !probes.is_empty() {
        parts.push(HeaderPart::new(probes, theme.text()));
    }
    parts
}

/// Minimum width to show the cost per probe hit besides the share of CPU time.
const COST_MIN_WIDTH: u16 = 110;

fn probes(snapshot: &Snapshot) -> String {
    let attached = snapshot.targets.iter().flat_map(|target| &target.probes);
    let mut kinds: Vec<&str> = attached.map(|probe| probe.name.name()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() { String::new() } else { format!("probes: {}", kinds.join(", ")) }
}

/// The number of rows, and how many of them match the filter.
fn rows(snapshot: &Snapshot, state: &State, theme: &Theme) -> String {
    let ranking = state.list.ranking();
    // The ranking already has the number of keys; counting them takes time in proportion to the number of groups.
    let counted =
        ranking.filter(|ranking| std::ptr::eq(&**ranking.snapshot(), snapshot)).map(|ranking| ranking.prepared.keys);
    let keys = summary::plural(counted.unwrap_or_else(|| snapshot.keys()), "key");
    let all = match &snapshot.level {
        Level::Keys => keys,
        Level::Groups { by } => {
            format!(
                "{} of {keys} by {}",
                summary::plural(snapshot.rows.len() as u64, "row"),
                shown_text(by, &theme.glyphs)
            )
        }
        Level::Members { of, .. } => format!("{keys} of {}", shown_key(&of.name, &theme.glyphs)),
    };
    match ranking.and_then(|ranking| Some((ranking, ranking.view.filter.as_ref()?))) {
        Some((ranking, filter)) => {
            let filter = shown_text(filter.source(), &theme.glyphs);
            format!("{} of {all} match {filter}", format::count(ranking.matching as u64))
        }
        None => all,
    }
}
