//! The contents of the screen, cell by cell.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::config::Settings;
use crate::model::column::Column;
use crate::model::key::Key;
use crate::model::ranking::View;
use crate::model::sample;
use crate::model::snapshot::{Origin, Snapshot};
use crate::model::span::Span;
use crate::text::glyphs::{ASCII, UNICODE};
use crate::tui::action::Action;
use crate::tui::feed::Update;
use crate::tui::keymap::{Motion, TuiCommand};
use crate::tui::ranker::Job;
use crate::tui::theme::Palette;

mod closer;
mod spans;
mod watched;

struct Screen {
    terminal: Terminal<TestBackend>,
    state: State,
    theme: Theme,
    now: Instant,
}

impl Screen {
    fn new(width: u16, height: u16) -> Self {
        Self::themed(width, height, Theme { glyphs: UNICODE, palette: Palette::Dark })
    }

    fn themed(width: u16, height: u16, theme: Theme) -> Self {
        let view = View { sort: Column::Rate, span: Span::Last, ..View::default() };
        let mut state = State::new(view, Settings::default().columns, Duration::from_secs(1), theme.glyphs);
        state.hints = false;
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut screen = Self { terminal, state, theme, now: Instant::now() };
        screen.act(Action::Resize(Size { width, height }));
        screen
    }

    fn showing(mut self, snapshot: Snapshot) -> Self {
        self.act(Action::Update(Update::Frame(Arc::new(snapshot).into())));
        self
    }

    fn act(&mut self, action: Action) {
        let mut job = self.state.update(action, self.now).job;
        while let Some(made) = job.and_then(Job::run) {
            job = self.state.update(Action::JobDone(Box::new(made)), self.now).job;
        }
    }

    fn press(&mut self, commands: &[TuiCommand]) {
        for command in commands {
            self.act(Action::Command(*command));
        }
    }

    /// The text of the cells, one line per row, without trailing blanks.
    fn text(&mut self) -> String {
        let (state, theme, now) = (&self.state, &self.theme, self.now);
        self.terminal.draw(|frame| draw(frame.buffer_mut(), state, theme, now)).unwrap();
        self.lines().join("\n")
    }

    fn lines(&self) -> Vec<String> {
        let buffer = self.terminal.backend().buffer();
        let line = |y: u16| {
            let mut text = String::new();
            let mut x = 0;
            while x < buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                x += symbol.width().max(1) as u16;
            }
            text.trim_end().to_owned()
        };
        (0..buffer.area.height).map(line).collect()
    }

    /// The modifiers of the cells that contain a text.
    fn modifiers(&self, text: &str) -> Modifier {
        let lines = self.lines();
        let y = lines.iter().rposition(|line| line.contains(text)).unwrap();
        let x = UnicodeWidthStr::width(lines[y].split(text).next().unwrap());
        self.terminal.backend().buffer()[(x as u16, y as u16)].modifier
    }
}

/// Every view on a common terminal and on the smallest one.
#[test]
fn every_view() {
    for (width, height) in [(40, 6), (80, 24)] {
        let mut shown = String::new();
        for (name, commands) in views() {
            let mut screen = Screen::new(width, height).showing(sample::incident());
            screen.press(commands);
            shown += &format!("=== {name}\n{}\n", screen.text());
        }
        insta::assert_snapshot!(format!("views_{width}x{height}"), shown);
    }
}

#[test]
fn every_view_has_its_contents_at_other_sizes() {
    let contents = [
        "CALLS/S▼",
        "blob:Feature:*:SHOP ",
        "\nhit ratio  100.0% now",
        "\n sort by\n",
        "\nhint: hot key · podYYY",
        "\nfilter /\n",
        "\nKeys\n",
    ];
    for (width, height) in [(60, 15), (120, 40), (300, 100)] {
        for ((name, commands), part) in views().into_iter().zip(contents) {
            let mut screen = Screen::new(width, height).showing(sample::incident());
            screen.press(commands);
            let text = screen.text();
            assert!(text.contains(part), "{part:?} is not in {name} at {width}x{height}:\n{text}");
            assert!(text.starts_with("mctop · memcached 1.6.18 pid 4242 127.0.0.1:11211"), "{text}");
            assert!(text.contains("\nlost: nothing · "), "{text}");
        }
    }
}

#[test]
fn wider_screens_have_more_columns() {
    for (width, columns) in [
        (60, "KEY rates: last 1.0 s CALLS/S▼ SIZE BYTES/S"),
        (120, "# KEY rates: last 1.0 s TREND LAST MINUTE CALLS CALLS/S▼ HIT% SIZE TTL BYTES/S"),
        (
            300,
            "# KEY rates: last 1.0 s TREND LAST MINUTE CALLS CALLS/S▼ CALLS% GETS HITS MISSES HIT% SETS DELETES OTHER SIZE TTL \
             BYTES BYTES/S BYTES%",
        ),
    ] {
        let text = Screen::new(width, 20).showing(sample::incident()).text();
        let header = text.lines().find(|line| line.contains("KEY")).unwrap();
        assert_eq!(header.split_whitespace().collect::<Vec<_>>().join(" "), columns);
    }
}

fn views() -> Vec<(&'static str, &'static [TuiCommand])> {
    const DOWN: TuiCommand = TuiCommand::Move(Motion::Down);
    vec![
        ("table", &[]),
        ("groups, one selected", &[TuiCommand::Group, DOWN]),
        ("detail", &[TuiCommand::Open]),
        ("sort menu", &[TuiCommand::SortMenu, DOWN]),
        ("hints", &[TuiCommand::Hints]),
        ("filter", &[TuiCommand::Filter]),
        ("help", &[TuiCommand::Help]),
    ]
}

/// The styles of all cells, each with the first text that has it, in one snapshot for all themes.
#[test]
fn every_theme() {
    let mut shown = String::new();
    for palette in [Palette::Dark, Palette::Light, Palette::NoColor] {
        let glyphs = if palette == Palette::NoColor { ASCII } else { UNICODE };
        let mut screen = Screen::themed(120, 12, Theme { glyphs, palette }).showing(sample::incident());
        screen.press(&[TuiCommand::Move(Motion::Down), TuiCommand::Move(Motion::Down), TuiCommand::Pause]);
        screen.text();
        let buffer = screen.terminal.backend().buffer();
        shown += &format!("=== {palette:?}\n");
        let mut styles: Vec<String> = Vec::new();
        for y in 0..buffer.area.height {
            let mut spans: Vec<(String, String)> = Vec::new();
            for x in 0..buffer.area.width {
                let cell = &buffer[(x, y)];
                let style = format!("{:?} {:?}", cell.fg, cell.modifier);
                match spans.last_mut().filter(|(last, _)| *last == style) {
                    Some((_, text)) => text.push_str(cell.symbol()),
                    None => spans.push((style, cell.symbol().to_owned())),
                }
            }
            for (style, text) in spans.into_iter().filter(|(_, text)| !text.trim().is_empty()) {
                if !styles.contains(&style) {
                    shown += &format!("{style}: {}\n", text.trim());
                    styles.push(style);
                }
            }
        }
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn an_invalid_filter_is_explained_below_the_prompt() {
    let mut screen = Screen::new(80, 24).showing(sample::incident());
    screen.press(&[TuiCommand::Filter]);
    for c in "hit<50 or size>".chars() {
        screen.act(Action::Typed(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
    }
    let text = screen.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[21], "filter /hit<50 or size>");
    assert_eq!(lines[22], "at character 16: \"\" is not a value of size; expected a number of bytes such as");
    assert_eq!(lines[23], "500, 13.9kB or 1M");
    assert!(text.contains("\nproduct:1 ") && !text.contains("menu:json"), "the last valid filter applies");
    assert!(screen.modifiers("at character").contains(Modifier::BOLD));
}

#[test]
fn too_small() {
    insta::assert_snapshot!(Screen::new(39, 6).showing(sample::flash_sale()).text(), @"too small: 39×6, mctop needs 40×6");
    insta::assert_snapshot!(Screen::new(80, 5).text(), @"too small: 80×5, mctop needs 40×6");
    Screen::new(1, 1).text();
}

#[test]
fn ascii_mode_draws_only_ascii() {
    let theme = Theme { glyphs: ASCII, palette: Palette::NoColor };
    for snapshot in [sample::hostile(), sample::with_loss(sample::flash_sale())] {
        let mut screen = Screen::themed(120, 24, theme).showing(snapshot);
        screen.press(&[TuiCommand::Move(Motion::Down), TuiCommand::Reverse, TuiCommand::Pause]);
        let table = screen.text();
        screen.press(&[TuiCommand::Help, TuiCommand::Move(Motion::PageDown), TuiCommand::Move(Motion::PageDown)]);
        let help = screen.text();
        assert!(table.is_ascii() && help.is_ascii(), "{table}\n{help}");
        assert!(help.contains("never if it never expires"), "{help}");
    }
    let text = Screen::themed(80, 24, theme).showing(sample::flash_sale()).text();
    let header = "\nKEY            rates: last 1.0 s TREND CALLS/Sv   HIT%      SIZE    TTL  BYTES/S\n";
    let row = "\npodYYY:rails:NN::shop-KEY        =          112 100.0%   2,048 B  never 229.4 kB\n";
    assert!(text.contains(header) && text.contains(row) && text.contains("\npodYYYrails:NN:..out:perc"), "{text}");
}

#[test]
fn starting_says_what_goes_on() {
    let mut screen = Screen::new(80, 24);
    screen.act(Action::Update(Update::Starting("attaching to pid 123 …".to_owned(), None)));
    let text = screen.text();
    assert!(text.starts_with("mctop 0.1.0\n") && text.contains("\nattaching to pid 123 …\n"), "{text}");
}

#[test]
fn the_header_names_the_server_before_it_has_figures() {
    let mut screen = Screen::new(80, 24);
    let known = Some(Arc::new(sample::of(Vec::new())));
    screen.act(Action::Update(Update::Starting("waiting for the first interval …".to_owned(), known)));
    let text = screen.text();
    let expected =
        "mctop · memcached 1.6.18 pid 4242 127.0.0.1:11211\nwaiting for the first interval …\nprobes: lookup\n";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn empty_says_what_to_check() {
    let text = Screen::new(80, 24).showing(sample::of(Vec::new())).text();
    assert!(
        text.contains("probes: lookup\n\nNo operations were seen. Check that clients use this server (its pid and\n"),
        "{text}"
    );
}

#[test]
fn help_80x24_and_further_down() {
    let mut screen = Screen::new(80, 24).showing(sample::flash_sale());
    screen.press(&[TuiCommand::Help]);
    assert!(screen.text().contains("\nKeys\nq Q ^c   quit\n"));
    screen.press(&[TuiCommand::Move(Motion::Last)]);
    let end = "\nWhat is measured\nlost: nothing\nmemcached 1.6.18 pid 4242 127.0.0.1:11211\nbinary /usr/bin/memcached\n\
               probe lookup in do_item_get (recovered) at 0x14000, single-stepped\nq quit  ? help  Esc back";
    assert!(screen.text().ends_with(end), "{}", screen.text());
    screen.press(&[TuiCommand::Back]);
    assert!(screen.text().contains("CALLS/S▼"));
}

#[test]
fn a_paused_view_is_frozen_but_its_losses_are_updated() {
    let mut screen = Screen::new(80, 24).showing(sample::flash_sale());
    screen.press(&[TuiCommand::Pause]);
    screen.now += Duration::from_secs(12);
    let screen_before = screen.text();
    let mut screen = screen.showing(sample::with_loss(sample::many(500)));
    let text = screen.text();
    let rows = |text: &str| text.lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(&text), rows(&screen_before));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("  PAUSED 12s"), "{text}");
    assert_eq!(lines[2], "LOST: 100,000 calls (1.6%) and 50.0 MB (7.4%) untracked · 1 read fault …");
    assert!(screen.modifiers("PAUSED").contains(Modifier::REVERSED));
    assert!(screen.modifiers("LOST").contains(Modifier::BOLD));
    screen.press(&[TuiCommand::Pause]);
    assert!(screen.text().contains("key:000000"));
}

#[test]
fn a_replay_is_marked() {
    let mut snapshot = sample::flash_sale();
    snapshot.origin = Origin::Recorded { file: "sale\x1b[2J.ndjson".to_owned() };
    let text = Screen::new(80, 24).showing(snapshot).text();
    assert!(text.starts_with(" REPLAY  · sale\\x1b[2J.ndjson · memcached 1.6.18 pid 4242 127.0.0.1:11211\n"), "{text}");
}

#[test]
fn the_end_of_the_source_is_shown_above_the_last_table() {
    let mut screen = Screen::new(60, 12).showing(sample::flash_sale());
    screen.act(Action::Update(Update::Ended(
        "memcached (pid 4242) has exited; start it again and run mctop again to keep watching it".to_owned(),
    )));
    let text = screen.text();
    let message = "\nmemcached (pid 4242) has exited; start it again and run\nmctop again to keep watching it\n#1 podYYYrails:NN::";
    assert!(text.lines().next().unwrap().ends_with(" ENDED") && text.contains(message), "{text}");
    assert!(screen.modifiers("has exited").contains(Modifier::BOLD));
}

#[test]
fn several_servers_are_told_apart() {
    let mut snapshot = sample::many(4);
    snapshot.targets = Arc::new([sample::target(4_242, 11_211), sample::target(4_300, 11_212)]);
    snapshot.rows[1].target = 1;
    let text = Screen::new(100, 10).showing(snapshot).text();
    assert!(text.starts_with("mctop · 2 servers · memcached 1.6.18 pid 4242 127.0.0.1:11211 · memcached "), "{text}");
    assert!(
        text.contains("\n# KEY    rates: 1.0 s TREND      PID ")
            && text.contains("\n2 key:000001          =         4300 "),
        "{text}"
    );
}

#[test]
fn hostile_keys_shift_no_other_cell() {
    let mut harmless = sample::hostile();
    for (row, letter) in harmless.rows.iter_mut().zip('a'..) {
        row.key = Key::new(letter.to_string().as_bytes());
    }
    for (width, glyphs) in [(80, UNICODE), (47, UNICODE), (200, UNICODE), (80, ASCII)] {
        let theme = Theme { glyphs, palette: Palette::Dark };
        let mut screens = [sample::hostile(), harmless.clone()].map(|snapshot| {
            let mut screen = Screen::themed(width, 24, theme);
            // The width of the keys must not change the layout.
            screen.state.key_width = 250;
            screen.showing(snapshot)
        });
        screens.iter_mut().for_each(|screen| drop(screen.text()));
        let [hostile, harmless] = screens.map(|screen| screen.terminal.backend().buffer().clone());
        let header: Vec<&str> = (0..width).map(|x| hostile[(x, 4)].symbol()).collect();
        let key = header.iter().position(|cell| *cell == "K").unwrap() as u16;
        let figures = (key..width).find(|x| harmless[(*x, 6)].symbol().starts_with('1')).unwrap() - 1;
        // The fourth line is the first key in full.
        assert!(hostile[(3, 3)].symbol() == "\\" && harmless[(3, 3)].symbol() == "a");
        for y in (0..24).filter(|y| *y != 3) {
            for x in (0..key).chain(figures..width) {
                assert_eq!(hostile[(x, y)], harmless[(x, y)], "column {x}, row {y} at width {width}");
            }
            assert!((0..width).all(|x| !hostile[(x, y)].symbol().chars().any(char::is_control)));
        }
    }
}

#[test]
fn selection_and_alarms_are_visible_without_colour() {
    let theme = Theme { glyphs: UNICODE, palette: Palette::NoColor };
    let mut screen = Screen::themed(80, 24, theme).showing(sample::flash_sale());
    screen.press(&[TuiCommand::Move(Motion::Down), TuiCommand::Move(Motion::Down)]);
    screen.text();
    assert!(screen.modifiers("product:1").contains(Modifier::REVERSED));
    assert!(!screen.modifiers("podYYYrails").contains(Modifier::REVERSED));
    assert!(screen.modifiers("     0 B     0s").contains(Modifier::BOLD));
    screen.press(&[TuiCommand::Back]);
    screen.text();
    assert!(!screen.modifiers("product:1").contains(Modifier::REVERSED));
    assert!(screen.modifiers("     0 B     0s").contains(Modifier::BOLD), "the empty value of a key that was set");
}

#[test]
fn all_rows_can_be_reached() {
    let mut screen = Screen::new(80, 24).showing(sample::many(100_000));
    screen.press(&[TuiCommand::Move(Motion::Last)]);
    let text = screen.text();
    assert!(text.contains("key:099999") && text.contains("99,982–100,000 of 100,000"), "{text}");
    screen.press(&[TuiCommand::Move(Motion::First)]);
    assert!(screen.text().contains("key:000000"));
}

#[test]
fn nothing_panics_at_any_size() {
    for width in (1..130).step_by(3) {
        for height in [1, 5, 6, 7, 10, 29] {
            let mut screen = Screen::new(width, height).showing(sample::with_loss(sample::hostile()));
            screen.press(&[TuiCommand::Move(Motion::Last), TuiCommand::Pause]);
            screen.text();
            screen.act(Action::Update(Update::Ended("gone ".repeat(60))));
            screen.press(&[TuiCommand::Help, TuiCommand::Move(Motion::PageDown)]);
            screen.text();
        }
    }
}
