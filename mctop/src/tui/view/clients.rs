//! The clients that call a key, and how long memcached takes to answer them.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::bars;
use super::cells::put;
use crate::model::key::Key;
use crate::model::key_detail::{Client, KeyDetail, Latency, Peer};
use crate::model::snapshot::{GroupId, Origin, Row, Snapshot, per_second, share};
use crate::text::fit::{first_fitting, pad, shown_text, truncate, width, wrap};
use crate::text::format;
use crate::text::glyphs::Glyphs;
use crate::text::summary::plural;
use crate::tui::feed::KeyDetailStatus;
use crate::tui::layout::Panel;
use crate::tui::state::State;
use crate::tui::theme::Theme;

/// Minimum width to show clients and latencies side by side.
const SIDE_BY_SIDE_MIN_WIDTH: u16 = 100;
/// Cells between those two, and between the columns of clients.
const GAP: usize = 1;
/// The columns after the client: header, width, and minimum width of the panel that shows them.
const COLUMNS: [(&str, usize, usize); 4] = [("CONNS", 6, 36), ("CALLS", 11, 52), ("CALLS/S", 9, 0), ("SHARE", 6, 24)];
/// Width of the label before a bar, and of the count after it.
const LABEL_WIDTH: usize = 14;
const COUNT_WIDTH: usize = 11;
/// Maximum number of lines of notes. Lower panels show none.
const MAX_NOTES: usize = 3;
const NOTES_MIN_HEIGHT: u16 = 10;
/// Lower panels have no summary line.
const SUMMARY_MIN_HEIGHT: u16 = 4;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, state: &State, snapshot: &Snapshot, row: &Row, theme: &Theme) {
    let is_this = |key: &Key, target| row.key == *key && row.target == target;
    let text = match &state.key_detail {
        _ if GroupId::of(row).is_some() => {
            "Clients and latencies are measured for single keys. Press Esc, then Enter to open the group.".to_owned()
        }
        _ if matches!(snapshot.origin, Origin::Recorded { .. }) => {
            "A capture does not contain clients and latencies. Run mctop on a live server to see them.".to_owned()
        }
        KeyDetailStatus::Failed((key, target), why) if is_this(key, *target) => {
            format!("Cannot measure clients and latencies: {}", shown_text(why, &theme.glyphs))
        }
        KeyDetailStatus::Seen(detail) if is_this(&detail.key, detail.target) => {
            return draw_detail(buffer, area, state.panel().0, detail, theme);
        }
        KeyDetailStatus::Waiting | KeyDetailStatus::Failed(..) | KeyDetailStatus::Seen(_) => {
            theme.glyphs.localize("measuring clients and latencies …")
        }
    };
    for (line, y) in wrap(&text, area.width.into()).iter().zip(area.top()..area.bottom()) {
        put(buffer, area.x, y, line, area.width.into(), theme.text());
    }
}

fn draw_detail(buffer: &mut Buffer, area: Rect, panel: Panel, detail: &KeyDetail, theme: &Theme) {
    let glyphs = &theme.glyphs;
    let room = usize::from(area.width);
    let calls = plural(detail.calls, "call");
    let clients = plural(detail.clients.len() as u64, "client");
    let length = format::duration(detail.length);
    let summaries = [
        format!("measured for {length}: {calls} from {clients}"),
        format!("in {length}: {calls}, {clients}"),
        format!("{length}: {calls}, {clients}"),
    ];
    let summary = first_fitting(&summaries, room, glyphs);
    let notes = detail.notes.iter().flat_map(|note| wrap(&format!("note: {}", shown_text(note, glyphs)), room));
    let mut y = area.y;
    // Every screen must show that measuring has ended.
    let ended = detail.ended.iter().flat_map(|why| wrap(&format!("ended: {}", shown_text(why, glyphs)), room));
    for line in ended.take((area.height / 3).clamp(1, MAX_NOTES as u16).into()) {
        put(buffer, area.x, y, &line, room, theme.alarm());
        y += 1;
    }
    // On the smallest screens a client is more useful than the summary.
    let summary = Some(summary).filter(|_| area.height >= SUMMARY_MIN_HEIGHT);
    for line in summary.into_iter().chain(notes.take(if area.height < NOTES_MIN_HEIGHT { 0 } else { MAX_NOTES })) {
        if y < area.bottom() {
            put(buffer, area.x, y, &truncate(&line, room, glyphs), room, theme.text());
            y += 1;
        }
    }
    let area = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    match panel {
        Panel::Clients => return self::clients(buffer, area, detail, theme),
        Panel::Latencies => return latency(buffer, area, &detail.latency, theme),
        Panel::Everything | Panel::ClientsAndLatency | Panel::Figures(..) => {}
    }
    if area.width >= SIDE_BY_SIDE_MIN_WIDTH {
        let half = area.width / 2;
        self::clients(buffer, Rect { width: half - GAP as u16, ..area }, detail, theme);
        return latency(buffer, Rect { x: area.x + half, width: area.width - half, ..area }, &detail.latency, theme);
    }
    let wanted = 1 + latency_lines(&detail.latency);
    let others = 1 + detail.clients.len() + usize::from(detail.unknown_calls > 0);
    let below = wanted.min(usize::from(area.height / 2).max(usize::from(area.height).saturating_sub(others))) as u16;
    let above = area.height - below;
    self::clients(buffer, Rect { height: above, ..area }, detail, theme);
    latency(buffer, Rect { y: area.y + above, height: below, ..area }, &detail.latency, theme);
}

fn clients(buffer: &mut Buffer, area: Rect, detail: &KeyDetail, theme: &Theme) {
    if area.height == 0 {
        return;
    }
    let room = usize::from(area.width);
    let shown = || COLUMNS.iter().map(|(name, width, from)| (*name, *width, room >= *from));
    let behind: usize = shown().filter(|(.., shown)| *shown).map(|(_, width, _)| width + GAP).sum();
    let name_room = room.saturating_sub(behind);
    let line = |name: &str, cells: [String; 4]| {
        let cells = shown().zip(cells).filter(|((.., shown), _)| *shown);
        let cells: String = cells.map(|((_, width, _), cell)| format!(" {}", pad(&cell, width, false))).collect();
        pad(&truncate(name, name_room, &theme.glyphs), name_room, true) + &cells
    };
    let figures = |connections: Option<u32>, calls: u64| {
        [
            connections.map_or_else(String::new, |number| format::count(number.into())),
            format::count_within(calls, Some(COLUMNS[1].1)),
            format::rate(per_second(calls, detail.length), Some(COLUMNS[2].1)),
            format::percent(share(calls, detail.calls)),
        ]
    };
    let mut lines: Vec<String> = Vec::new();
    let room_for = usize::from(area.height - 1);
    // With only two lines, show the first client and merge unknown calls into the rest.
    let separate_unknown = detail.unknown_calls > 0 && (room_for > 2 || detail.clients.is_empty());
    let most = room_for.saturating_sub(usize::from(separate_unknown));
    let unknown = if separate_unknown { 0 } else { detail.unknown_calls };
    let fit = if detail.clients.len() > most || (unknown > 0 && detail.clients.len() == most) {
        most.saturating_sub(1)
    } else {
        detail.clients.len()
    };
    for Client { peer, connections, calls } in detail.clients.iter().take(fit) {
        lines.push(line(&client_name(peer), figures(Some(*connections), *calls)));
    }
    let rest = detail.clients.get(fit..).unwrap_or_default();
    let (connections, calls) = rest
        .iter()
        .fold((0_u32, unknown), |sum, client| (sum.0.saturating_add(client.connections), sum.1 + client.calls));
    let number = rest.len() as u64;
    let more = if fit == 0 { plural(number, "client") } else { format!("{} more", format::count(number)) };
    match (rest.is_empty(), unknown) {
        (true, 0) => {}
        (true, _) => lines.push(line("unknown", figures(None, unknown))),
        (false, 0) => lines.push(line(&more, figures(Some(connections), calls))),
        (false, _) => lines.push(line(&format!("{more}, unknown"), figures(Some(connections), calls))),
    }
    lines.extend(separate_unknown.then(|| line("unknown", figures(None, detail.unknown_calls))));
    let header = line("CLIENT", COLUMNS.map(|(name, ..)| name.to_owned()));
    buffer.set_style(Rect { height: 1, ..area }, theme.header());
    put(buffer, area.x, area.y, &header, room, theme.header());
    for (line, y) in lines.iter().zip(area.top() + 1..area.bottom()) {
        put(buffer, area.x, y, line, room, theme.text());
    }
}

fn client_name(peer: &Peer) -> String {
    match peer {
        Peer::Tcp(address) => address.to_string(),
        Peer::Udp => "UDP, all senders".to_owned(),
        Peer::Unix { pid: Some(pid) } => format!("unix pid {pid}"),
        Peer::Unix { pid: None } => "unix pid unknown".to_owned(),
    }
}

/// Number of lines below the title.
fn latency_lines(latency: &Latency) -> usize {
    buckets(latency).len() + usize::from(latency.unanswered > 0)
}

/// Upper bound and count of each power of two, from the first non-empty one to the last.
fn buckets(latency: &Latency) -> Vec<(Duration, u64)> {
    let some = |count: &u64| *count > 0;
    let (first, last) = (latency.powers.iter().position(some), latency.powers.iter().rposition(some));
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let all = latency.powers.iter().zip(0_u32..).skip(first).take(last + 1 - first);
    all.map(|(count, power)| (Duration::from_nanos(2 << power), *count)).collect()
}

fn latency(buffer: &mut Buffer, area: Rect, latency: &Latency, theme: &Theme) {
    if area.height == 0 {
        return;
    }
    let glyphs = &theme.glyphs;
    let room = usize::from(area.width);
    buffer.set_style(Rect { height: 1, ..area }, theme.header());
    put(buffer, area.x, area.y, &first_fitting(&titles(latency, glyphs), room, glyphs), room, theme.header());
    let unanswered = u16::from(latency.unanswered > 0 && area.height > 1);
    let lines = usize::from(area.height - 1 - unanswered);
    let mut buckets = buckets(latency);
    // If there are too few lines, the fastest operations share one, because the slow ones matter more.
    let surplus = buckets.len().saturating_sub(lines);
    let shared: u64 = buckets.drain(..surplus).map(|(_, count)| count).sum();
    if let Some((_, count)) = buckets.first_mut() {
        *count += shared;
    }
    let most = buckets.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let mut y = area.y + 1;
    for (end, count) in buckets {
        // Long durations use a larger unit instead of a wider column.
        let labels = [format!("{} {}", micros(end), glyphs.microseconds), format::duration(end)];
        let labels = labels.map(|end| format!("{} {end}", glyphs.at_most));
        put(
            buffer,
            area.x,
            y,
            &pad(&first_fitting(&labels, LABEL_WIDTH, glyphs), LABEL_WIDTH, false),
            LABEL_WIDTH,
            theme.text(),
        );
        let bar = room.saturating_sub(LABEL_WIDTH + COUNT_WIDTH + 2 * GAP);
        let x = area.x + (LABEL_WIDTH + GAP) as u16;
        bars::draw_horizontal(
            buffer,
            Rect { x, y, width: bar as u16, height: 1 },
            share(count, most),
            theme,
            theme.chart(),
        );
        let count = pad(&format::count_within(count, Some(COUNT_WIDTH)), COUNT_WIDTH.min(room), false);
        put(buffer, area.right().saturating_sub(width(&count) as u16), y, &count, room, theme.text());
        y += 1;
    }
    if unanswered > 0 {
        let text = format!("{} unanswered", format::count(latency.unanswered));
        put(buffer, area.x, y, &truncate(&text, room, glyphs), room, theme.text());
    }
}

/// The title in several wordings, longest first: with fewer percentiles, with the unit only once, without `LATENCY`, and with only
/// the slowest.
fn titles(latency: &Latency, glyphs: &Glyphs) -> Vec<String> {
    let at_most = |share| latency.quantile(share).map(micros);
    let (Some(p50), Some(p90), Some(p99), Some(max)) = (at_most(0.5), at_most(0.9), at_most(0.99), at_most(1.0)) else {
        return vec!["LATENCY no answers yet".to_owned()];
    };
    let (sign, unit) = (glyphs.at_most, glyphs.microseconds);
    let full = |parts: &[(&str, &String)]| {
        let parts = parts.iter().map(|(name, micros)| format!("{name} {sign} {micros} {unit}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let short = |parts: &[(&str, &String)]| {
        let parts = parts.iter().map(|(name, micros)| format!("{name}{sign}{micros}"));
        format!("{} {unit}", parts.collect::<Vec<_>>().join(" "))
    };
    let all = [("p50", &p50), ("p90", &p90), ("p99", &p99), ("max", &max)];
    let [first, _, late @ ..] = all;
    let three = [first, late[0], late[1]];
    vec![
        format!("LATENCY {}", full(&all)),
        format!("LATENCY {}", full(&three)),
        format!("LATENCY {}", short(&three)),
        short(&three),
        format!("LATENCY {}", short(&late)),
        format!("LATENCY {}", short(&late[1..])),
    ]
}

/// Microseconds without the unit, to three significant digits if below 10: `0.512`, `2.05`, `33`, `1,049`.
fn micros(time: Duration) -> String {
    let micros = time.as_nanos() as f64 / 1e3;
    match micros {
        ..1.0 => format!("{micros:.3}"),
        ..10.0 => format!("{micros:.2}"),
        _ => format::count(micros.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::glyphs::UNICODE;

    #[test]
    fn powers_of_two_are_written_as_microseconds() {
        let of = |power: u32| micros(Duration::from_nanos(2 << power));
        assert_eq!(
            [of(0), of(8), of(10), of(14), of(19), of(39)],
            ["0.002", "0.512", "2.05", "33", "1,049", "1,099,511,628"]
        );
    }

    #[test]
    fn percentiles_are_never_cut() {
        let mut latency = Latency::default();
        (latency.powers[12], latency.powers[16], latency.powers[21]) = (90, 9, 1);
        let shown = |latency: &Latency, room| first_fitting(&titles(latency, &UNICODE), room, &UNICODE);
        for (room, expected) in [
            (80, "LATENCY p50 ≤ 8.19 µs, p90 ≤ 8.19 µs, p99 ≤ 131 µs, max ≤ 4,194 µs"),
            (60, "LATENCY p50 ≤ 8.19 µs, p99 ≤ 131 µs, max ≤ 4,194 µs"),
            (40, "LATENCY p50≤8.19 p99≤131 max≤4,194 µs"),
            (36, "p50≤8.19 p99≤131 max≤4,194 µs"),
            (28, "LATENCY p99≤131 max≤4,194 µs"),
            (27, "LATENCY max≤4,194 µs"),
        ] {
            assert_eq!(shown(&latency, room), expected);
        }
        latency.powers[39] = 50;
        assert_eq!(shown(&latency, 40), "LATENCY max≤1,099,511,628 µs");
        assert_eq!(shown(&Latency::default(), 40), "LATENCY no answers yet");
    }
}
