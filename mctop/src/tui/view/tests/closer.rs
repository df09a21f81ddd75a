//! The details of a key with its clients and latencies, the header of replays, and the cost of the probes.

use super::*;
use crate::model::cost::Cost;
use crate::model::estimate::Estimate;
use crate::model::key_detail::{Client, KeyDetail, Latency, Peer};
use crate::text::glyphs::Glyphs;
use crate::tui::feed::{Frame, KeyDetailStatus, Playback};

/// Measurements of the incident's hot key: five clients, operations of 4 µs to 2 ms, and some calls of unknown clients.
fn measured() -> KeyDetail {
    let client = |peer, connections, calls| Client { peer, connections, calls };
    let tcp = |address: &str| Peer::Tcp(address.parse().unwrap());
    let mut latency = Latency { unanswered: 7, ..Latency::default() };
    for (power, count) in [(12, 1_200), (13, 40_310), (14, 81_000), (15, 9_412), (17, 803), (20, 2)] {
        latency.powers[power] = count;
    }
    KeyDetail {
        target: 0,
        key: Key::new(b"podYYY:rails:NN::feature_rollout:percentages"),
        length: Duration::from_secs(12),
        calls: latency.answered() + latency.unanswered,
        clients: vec![
            client(tcp("10.0.12.7"), 96, 90_000),
            client(tcp("2001:db8::17"), 32, 40_000),
            client(Peer::Unix { pid: Some(4_711) }, 1, 2_600),
            client(Peer::Unix { pid: None }, 2, 100),
            client(Peer::Udp, 1, 4),
        ],
        unknown_calls: 30,
        latency,
        notes: vec!["Connections from before mctop began\x1b[2J are looked up late.".to_owned()],
        ended: None,
    }
}

fn detail(width: u16, height: u16, theme: Theme, key_detail: KeyDetailStatus) -> Screen {
    let mut screen = Screen::themed(width, height, theme).showing(sample::incident());
    screen.press(&[TuiCommand::Open]);
    let frame = Frame { key_detail, ..Arc::new(sample::incident()).into() };
    screen.act(Action::Update(Update::Frame(frame)));
    screen
}

const DARK: Theme = Theme { glyphs: UNICODE, palette: Palette::Dark };

#[test]
fn clients_and_latencies() {
    let mut shown = String::new();
    for (width, height, pages) in [(40, 6, 6), (80, 24, 2)] {
        let mut screen = detail(width, height, DARK, KeyDetailStatus::Seen(Arc::new(measured())));
        for page in 1..=pages {
            let text = screen.text();
            assert!(!text.contains('\x1b'));
            shown += &format!("=== {width}x{height}, page {page}\n{}\n", text.trim_end());
            screen.press(&[TuiCommand::NextDetailPage]);
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn high_screens_show_clients_and_latencies_below_the_figures() {
    for (width, height) in [(120, 40), (300, 100)] {
        let text = detail(width, height, DARK, KeyDetailStatus::Seen(Arc::new(measured()))).text();
        for part in ["\nhit ratio  100.0% now", "CLIENT ", "10.0.12.7 ", "LATENCY p50", "max", "7 unanswered"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}

#[test]
fn all_clients_and_latencies_are_shown_if_they_fit() {
    let mut screen = detail(80, 30, DARK, KeyDetailStatus::Seen(Arc::new(measured())));
    screen.press(&[TuiCommand::NextDetailPage]);
    let text = screen.text();
    for part in [
        "measured for 12.0 s: 132,734 calls from 5 clients",
        "10.0.12.7",
        "unix pid 4711",
        "UDP, all senders",
        "unknown",
        "p50 ≤ 33 µs, p90 ≤ 33 µs, p99 ≤ 66 µs, max ≤ 2,097 µs",
        "≤ 8.19 µs",
        "81,000",
        "7 unanswered",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

/// The incident with the longest possible figures for its hot key.
fn busy() -> Snapshot {
    let mut snapshot = sample::incident();
    snapshot.estimate = Estimate::default();
    for second in 0..90 {
        snapshot.estimate.add(Duration::from_secs(1), 30_000, second % 10 != 0);
    }
    let row = snapshot.rows.iter_mut().find(|row| row.key == measured().key).unwrap();
    let total = &mut row.total;
    (total.hits, total.misses, total.expired, total.flushed) = (12_069_220, 2_450_000, 1_237_655, 800_001);
    (total.sets, total.deletes, total.delete_hits, total.other, total.other_hits) =
        (1_234_567, 123_456, 98_765, 12_345, 2_345);
    (total.bytes_out, total.bytes_in) = (999_900_000_000, 123_400_000_000);
    (row.size_min, row.size_max, row.calls_error) = (Some(100), Some(999_999), 123_456);
    snapshot
}

/// The details of that key, page by page.
fn busy_pages(width: u16, height: u16, theme: Theme) -> Vec<String> {
    let detail = KeyDetail { notes: Vec::new(), ..measured() };
    let mut screen = Screen::themed(width, height, theme).showing(sample::incident());
    screen.press(&[TuiCommand::Open]);
    let frame = Frame { key_detail: KeyDetailStatus::Seen(Arc::new(detail)), ..Arc::new(busy()).into() };
    screen.act(Action::Update(Update::Frame(frame)));
    let mut pages = vec![screen.text()];
    while pages.len() == 1 || pages.last() != pages.first() {
        screen.press(&[TuiCommand::NextDetailPage]);
        pages.push(screen.text());
    }
    pages.pop();
    pages
}

/// Lines below the header.
fn below(page: &str, header: usize) -> String {
    page.lines().skip(header).collect::<Vec<_>>().join("\n")
}

#[test]
fn details_are_whole_at_80x24() {
    let pages: Vec<String> = busy_pages(80, 24, DARK).iter().map(|page| below(page, 3)).collect();
    assert!(pages.iter().all(|page| !page.contains('…')), "{}", pages.join("\n---\n"));
    for line in [
        "size       13,961 B last; min 100 B, median 13,961 B, max 999,999 B",
        "calls      ~15.9M: 14.5M gets, 1.2M sets, 123.5k deletes, 12,345 others",
        "misses     2,450,000: 1,237,655 expired, 800,001 flushed, 412,344 not found",
        "bytes      1.1 TB since the start: 999.9 GB sent for hits, 123.4 GB received",
        "seen       first 1m30s ago, last now; up to 123,456 calls not counted",
    ] {
        assert!(pages[0].lines().any(|shown| shown == line), "{line} is not in\n{}", pages[0]);
    }
}

#[test]
fn details_leave_out_whole_figures_at_40x10() {
    let pages: Vec<String> = busy_pages(40, 10, DARK).iter().map(|page| below(page, 1)).collect();
    let text = pages.join("\n");
    for line in [
        "size       13,961 B; 100–999,999 B …",
        "calls      ~15.9M: 14.5M gets …",
        "misses     2.5M: 1.2M expired …",
        "bytes      999.9 GB out, 123.4 GB in",
        "seen       1m30s ago to now …",
        "2 more                3       8.7   0.1%",
        "      ≤ 262 µs █████████████     132,725",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
    }
    assert_eq!(pages.len(), 4);
}

/// Keys may be cut, but figures may not.
#[test]
fn no_figure_is_cut_at_any_size() {
    for glyphs in [UNICODE, ASCII] {
        let is_cut = |line: &&str| {
            let mut before = line.match_indices(glyphs.ellipsis).map(|(at, _)| line[..at].trim_end_matches([',', '.']));
            !line.starts_with("podYYY") && before.any(|before| before.ends_with(|c: char| c.is_ascii_digit()))
        };
        let sizes = (40..130).step_by(7).flat_map(|width| [6, 10, 24, 40].map(|height| (width, height)));
        for (width, height) in sizes {
            for text in busy_pages(width, height, Theme { glyphs, palette: Palette::Dark }) {
                assert_eq!(text.lines().find(is_cut), None, "{width}x{height}\n{text}");
            }
        }
    }
}

#[test]
fn ascii_without_colour() {
    let theme = Theme { glyphs: ASCII, palette: Palette::NoColor };
    let mut screen = detail(80, 24, theme, KeyDetailStatus::Seen(Arc::new(measured())));
    screen.press(&[TuiCommand::NextDetailPage]);
    let text = screen.text();
    assert!(text.is_ascii(), "{text}");
    let latency = "\nLATENCY p50 <= 33 us, p90 <= 33 us, p99 <= 66 us, max <= 2,097 us\n      <= 66 us #####";
    assert!(
        text.contains(latency) && text.contains("\nrate       125,000 calls/s, 1.7 GB/s | ^x5.5 | last 1.0 s\n"),
        "{text}"
    );
}

#[test]
fn on_the_smallest_screen_everything_is_on_some_page() {
    let ended = KeyDetail { ended: Some("no more".to_owned()), ..measured() };
    for (key_detail, expected) in
        [(measured(), ["10.0.12.7 ", "4 more, unknown "]), (ended, ["ended: no more", "5 clients, u"])]
    {
        let mut screen = detail(40, 6, DARK, KeyDetailStatus::Seen(Arc::new(key_detail)));
        let mut pages = vec![screen.text()];
        while pages.len() == 1 || pages.last() != pages.first() {
            screen.press(&[TuiCommand::NextDetailPage]);
            pages.push(screen.text());
        }
        let text = pages.join("\n");
        let figures =
            ["rate ", "share ", "hit ratio ", "size ", "TTL ", "calls ", "misses ", "bytes ", "seen ", "server "];
        for part in figures.into_iter().chain(expected).chain(["CLIENT ", "LATENCY p50≤33 ", "Tab 1/6", "Tab 6/6"]) {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert_eq!(pages.len(), 7);
    }
}

#[test]
fn on_the_smallest_screen_the_key_has_its_own_line() {
    let mut screen = Screen::themed(40, 6, DARK).showing(sample::many(3));
    screen.press(&[TuiCommand::Open]);
    assert_eq!(screen.text().lines().nth(1).map(str::trim_end), Some("key:000000"));
}

#[test]
fn missing_clients_and_latencies_are_explained() {
    let key = |key: &str| (Key::new(key.as_bytes()), 0);
    let hot = "podYYY:rails:NN::feature_rollout:percentages";
    let failed = |of: &str| KeyDetailStatus::Failed(key(of), "no such\x1b[2J probe".to_owned());
    let ended =
        KeyDetailStatus::Seen(Arc::new(KeyDetail { ended: Some("cannot read\x1b[2J a map".to_owned()), ..measured() }));
    let other = KeyDetail { key: Key::new(b"other"), ..measured() };
    for (key_detail, expected) in [
        (KeyDetailStatus::Waiting, "measuring clients and latencies …"),
        (failed(hot), "Cannot measure clients and latencies: no such\\x1b[2J probe"),
        (failed("other"), "measuring clients and latencies …"),
        (KeyDetailStatus::Seen(Arc::new(other)), "measuring clients and latencies …"),
        (ended.clone(), "ended: cannot read\\x1b[2J a map"),
        (ended, "10.0.12.7"),
        (
            KeyDetailStatus::Seen(Arc::new(KeyDetail { latency: Latency::default(), ..measured() })),
            "LATENCY no answers yet",
        ),
    ] {
        let mut screen = detail(120, 30, DARK, key_detail);
        screen.press(&[TuiCommand::NextDetailPage]);
        let text = screen.text();
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let mut recorded = sample::incident();
    recorded.origin = Origin::Recorded { file: "sale.ndjson".to_owned() };
    let mut screen = Screen::new(80, 24).showing(recorded);
    screen.press(&[TuiCommand::Open, TuiCommand::NextDetailPage]);
    assert!(screen.text().contains("A capture does not contain clients and latencies."));
    let mut screen = Screen::new(80, 24).showing(sample::incident());
    screen.press(&[TuiCommand::Group, TuiCommand::Move(Motion::Last), TuiCommand::Move(Motion::Up)]);
    screen.state.detail = true;
    let first_group = screen.state.list.visible().find(|(_, row)| row.keys > 1).map(|(rank, _)| rank);
    screen.state.list.select(first_group.unwrap());
    screen.press(&[TuiCommand::NextDetailPage]);
    assert!(screen.text().contains("measured for single keys"), "{}", screen.text());
}

#[test]
fn nothing_panics_with_clients_at_any_size() {
    for width in (40..130).step_by(7) {
        for height in 6..40 {
            let mut screen = detail(width, height, DARK, KeyDetailStatus::Seen(Arc::new(measured())));
            screen.text();
            screen.press(&[TuiCommand::NextDetailPage]);
            screen.text();
        }
    }
}

fn replaying(glyphs: Glyphs, width: u16, playback: Playback) -> String {
    let mut snapshot = sample::incident();
    snapshot.origin = Origin::Recorded { file: "flash-sale.ndjson".to_owned() };
    let mut screen = Screen::themed(width, 10, Theme { glyphs, palette: Palette::Dark });
    let frame = Frame { playback: Some(playback), ..Arc::new(snapshot).into() };
    screen.act(Action::Update(Update::EndedWith(frame, "End of the capture.".to_owned())));
    screen.text()
}

#[test]
fn a_replay_says_where_it_is() {
    let seconds = Duration::from_secs;
    let playback = Playback { position: seconds(70), length: seconds(3_723), speed: 0.25, paused: true };
    for (text, end) in [
        (replaying(UNICODE, 120, playback), "  1:10/1:02:03 ×0.25   ENDED   PAUSED"),
        (replaying(ASCII, 80, Playback { speed: 60.0, paused: false, ..playback }), "  1:10/1:02:03 x60   ENDED"),
        (replaying(UNICODE, 40, playback), "  1:10 ×0.25   ENDED   PAUSED"),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with(" REPLAY ") && lines[0].ends_with(end), "{text}");
        assert_eq!(lines[3], "End of the capture.");
    }
    let text = replaying(UNICODE, 120, playback);
    assert!(text.contains(" · every 1.0 s, for 1m30s, until 21:58:31 UTC · "), "{text}");
    assert!(text.contains("  Left -10s  Right +10s  . step  + faster "), "{text}");
}

#[test]
fn the_header_shows_the_cost_of_probes_and_that_keys_are_redacted() {
    let cost = Cost { hits: 1_000, probes: Duration::from_micros(700), servers: Duration::from_micros(22_600) };
    let line = |width, cost, redaction: Option<&str>| {
        let mut snapshot = sample::incident();
        (snapshot.cost, snapshot.redaction) = (cost, redaction.map(str::to_owned));
        Screen::new(width, 24).showing(snapshot).text().lines().nth(2).unwrap().to_owned()
    };
    assert!(line(140, Some(cost), None).contains(" · probes 0.7 µs/trap, 3.1% of memcached's CPU"));
    assert!(line(80, Some(cost), None).contains(" · probes 3.1% of CPU"), "{}", line(80, Some(cost), None));
    assert!(!line(60, Some(cost), None).contains("CPU"));
    assert!(!line(140, None, None).contains("CPU"));
    let redacted = line(80, None, Some("All keys are hashes."));
    assert!(redacted.starts_with("lost: nothing · keys redacted · "), "{redacted}");
}
