//! Time from a key press in the live table to the frame, with as many keys as a busy server has: `cargo bench -p mctop --bench
//! screen`. `first_frame` is what the loop draws at once; `sorted_frame` follows when the ranking, which runs beside the loop,
//! is finished.

mod traffic;

use std::io;
use std::sync::{Arc, OnceLock};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use divan::Bencher;
use mctop::internal::{Frame, HeadlessTable, Palette, Settings, Theme, TuiOptions, UNICODE};
use mctop::{Limits, Snapshot};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

/// What is done: its name, the keys pressed before, and the key whose time counts.
const ACTIONS: [(&str, &str, char); 6] = [
    ("sort", "", 'S'),
    ("rates", "B", 'W'),
    ("filter", "/shop", '1'),
    ("move", "jj", 'G'),
    ("group", "", 'a'),
    ("sort groups", "a", 'S'),
];

/// The size of the terminal: columns and lines.
const SIZE: (u16, u16) = (300, 100);

fn main() {
    divan::main();
}

/// A snapshot of 100,000 keys over a whole sliding window.
fn snapshot() -> Arc<Snapshot> {
    static SNAPSHOT: OnceLock<Arc<Snapshot>> = OnceLock::new();
    let make = || Arc::new(traffic::model(60, 100_000, Limits::for_memory(1 << 30)).snapshot(false));
    Arc::clone(SNAPSHOT.get_or_init(make))
}

/// A table that shows it, after some keys, and a terminal whose output goes nowhere.
fn prepared(keys: &str) -> (HeadlessTable, Terminal<CrosstermBackend<io::Sink>>) {
    let options = TuiOptions::new(Settings::default(), Theme { glyphs: UNICODE, palette: Palette::Dark });
    let mut table = HeadlessTable::new(options, SIZE);
    table.show(Frame::from(snapshot()));
    while table.run_job().is_some() {}
    for key in keys.chars() {
        table.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
        while table.run_job().is_some() {}
    }
    let (width, height) = SIZE;
    let viewport = Viewport::Fixed(Rect { width, height, ..Rect::default() });
    let mut terminal = Terminal::with_options(CrosstermBackend::new(io::sink()), TerminalOptions { viewport })
        .expect("a terminal that goes nowhere cannot fail");
    draw(&mut table, &mut terminal);
    (table, terminal)
}

fn draw(table: &mut HeadlessTable, terminal: &mut Terminal<CrosstermBackend<io::Sink>>) {
    terminal.draw(|frame| table.draw(frame.buffer_mut())).expect("a terminal that goes nowhere cannot fail");
}

fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, ..)| *name)
}

fn measure(bencher: Bencher<'_, '_>, name: &str, with_jobs: bool) {
    let (_, before, key) = ACTIONS.into_iter().find(|(each, ..)| *each == name).expect("the action is declared");
    bencher.with_inputs(|| prepared(before)).bench_local_values(|(mut table, mut terminal)| {
        table.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
        draw(&mut table, &mut terminal);
        while with_jobs && table.run_job().is_some() {
            draw(&mut table, &mut terminal);
        }
        (table, terminal)
    });
}

/// To the first frame after a key press.
#[divan::bench(args = actions(), sample_count = 30, sample_size = 1)]
fn first_frame(bencher: Bencher<'_, '_>, name: &str) {
    measure(bencher, name, false);
}

/// To the frame in the new order, with the histories of groups.
#[divan::bench(args = actions(), sample_count = 30, sample_size = 1)]
fn sorted_frame(bencher: Bencher<'_, '_>, name: &str) {
    measure(bencher, name, true);
}
